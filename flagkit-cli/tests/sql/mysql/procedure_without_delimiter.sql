-- expect 5: warning unparsed-sql got BEGIN
-- expect 9: error destructive-sql deletes all rows of carts
-- expect 11: error destructive-sql drops the table b
CREATE PROCEDURE tidy()
BEGIN
    DECLARE done INT DEFAULT 0;
    CASE done WHEN 0 THEN SELECT 1; ELSE SELECT 2; END CASE;
    WHILE done < 3 DO SET done = done + 1; END WHILE;
    TRUNCATE TABLE carts;
END;
DROP TABLE b;
