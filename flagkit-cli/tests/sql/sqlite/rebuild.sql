-- expect 5: error destructive-sql drops the table orders
PRAGMA foreign_keys = OFF;
CREATE TABLE orders_new (id INTEGER PRIMARY KEY AUTOINCREMENT, total NUMERIC NOT NULL);
INSERT INTO orders_new (id, total) SELECT id, total FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
CREATE INDEX by_total ON orders (total);
PRAGMA foreign_keys = ON;
