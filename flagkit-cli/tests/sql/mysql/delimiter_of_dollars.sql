-- expect 5: error destructive-sql deletes all rows of carts
DELIMITER $$
CREATE TRIGGER keep BEFORE DELETE ON orders FOR EACH ROW
BEGIN
    DELETE FROM carts;
END$$
DELIMITER ;
