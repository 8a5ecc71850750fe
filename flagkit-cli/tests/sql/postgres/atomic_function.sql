-- expect 5: error destructive-sql deletes all rows of carts
-- expect 8: error destructive-sql drops the table old_carts
CREATE FUNCTION clear_carts() RETURNS void LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM carts;
    UPDATE counts SET carts = 0;
END;
DROP TABLE old_carts;
