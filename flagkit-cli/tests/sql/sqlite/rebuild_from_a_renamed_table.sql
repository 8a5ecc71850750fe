-- expect 3: error destructive-sql renames the table orders
-- expect 6: error destructive-sql drops the table orders_old
ALTER TABLE orders RENAME TO orders_old;
CREATE TABLE orders (id INTEGER PRIMARY KEY);
INSERT INTO orders SELECT id FROM orders_old;
DROP TABLE orders_old;
