-- expect 6: warning unparsed-sql cannot parse the SQL statement
-- expect 7: error destructive-sql drops the table a
-- expect 8: warning unparsed-sql cannot parse the SQL statement
-- expect 8: error destructive-sql drops the column orders.b
-- expect 9: warning unparsed-sql cannot parse the SQL statement
ALTER TABLE orders FROBNICATE;
DROP TABLE a;
ALTER TABLE orders FROBNICATE, DROP COLUMN b;
SELEKT 1;
ALTER TABLE c ADD COLUMN d int;
