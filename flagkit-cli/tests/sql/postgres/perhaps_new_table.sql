-- expect 5: error destructive-sql changes the type of orders.id
-- expect 7: error destructive-sql drops the table stock.items
-- expect 9: error destructive-sql drops the table pieces
CREATE TABLE IF NOT EXISTS orders (id bigint);
ALTER TABLE orders ALTER COLUMN id TYPE text;
CREATE TABLE shop.items (id bigint);
DROP TABLE stock.items;
CREATE TABLE "Items" (id bigint);
DROP TABLE pieces;
