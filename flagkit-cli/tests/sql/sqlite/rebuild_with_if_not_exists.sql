-- expect 5: error destructive-sql drops the table orders
-- expect 7: error destructive-sql renames the table orders_new
CREATE TABLE IF NOT EXISTS orders_new (id INTEGER PRIMARY KEY);
INSERT INTO orders_new SELECT id FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
ALTER TABLE orders_new RENAME TO other;
