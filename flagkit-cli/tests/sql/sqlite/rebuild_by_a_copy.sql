-- expect 3: error destructive-sql drops the table orders
CREATE TEMPORARY TABLE backup AS SELECT id, total FROM orders;
DROP TABLE orders;
CREATE TABLE orders (id INTEGER, total NUMERIC);
INSERT INTO orders SELECT id, total FROM backup;
DROP TABLE backup;
