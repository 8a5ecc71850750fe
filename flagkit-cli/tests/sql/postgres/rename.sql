-- expect 9: error destructive-sql renames the table customers
-- expect 10: error destructive-sql renames the column clients.mail
-- expect 11: error destructive-sql renames the column clients.phone
-- expect 12: error destructive-sql renames the table clients
-- expect 12: warning unparsed-sql cannot parse
-- expect 13: error destructive-sql renames the object open_orders
-- expect 14: error destructive-sql renames the object mood
-- expect 15: error destructive-sql renames the object shop
ALTER TABLE customers RENAME TO clients;
ALTER TABLE clients RENAME COLUMN mail TO email;
ALTER TABLE clients RENAME phone TO mobile;
ALTER TABLE clients SET SCHEMA crm;
ALTER VIEW open_orders RENAME TO orders_open;
ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
ALTER SCHEMA shop RENAME TO store;
