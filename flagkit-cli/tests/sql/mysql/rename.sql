-- expect 7: error destructive-sql renames the table customers
-- expect 7: error destructive-sql renames the table shop.orders
-- expect 8: error destructive-sql renames the table customers
-- expect 9: error destructive-sql renames the table customers
-- expect 9: warning unparsed-sql cannot parse
-- expect 10: error destructive-sql renames the column clients.mail
RENAME TABLE customers TO clients, shop.orders TO shop.sales;
ALTER TABLE customers RENAME TO clients;
ALTER TABLE customers RENAME clients;
ALTER TABLE clients RENAME COLUMN mail TO email;
ALTER TABLE clients RENAME INDEX a TO b;
ALTER TABLE clients RENAME KEY a TO b;
