-- expect 7: error destructive-sql deletes all rows of cache
-- expect 9: error destructive-sql drops the table lines
CREATE TRIGGER keep AFTER DELETE ON orders
BEGIN
    DELETE FROM lines WHERE order_id = OLD.id;
    UPDATE counts SET orders = CASE WHEN orders > 0 THEN orders - 1 ELSE 0 END;
    DELETE FROM cache;
END;
DROP TABLE lines;
