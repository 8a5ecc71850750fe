-- expect 7: warning unparsed-sql got BEGIN
-- expect 9: error destructive-sql drops the column orders.note
-- expect 14: error destructive-sql drops the table drafts
DROP PROCEDURE IF EXISTS tidy;
DELIMITER //
CREATE PROCEDURE tidy()
BEGIN
    IF EXISTS (SELECT 1 FROM information_schema.columns WHERE column_name = 'note') THEN
        ALTER TABLE orders DROP COLUMN note;
    END IF;
END//
DELIMITER ;
CALL tidy();
DROP TABLE drafts;
