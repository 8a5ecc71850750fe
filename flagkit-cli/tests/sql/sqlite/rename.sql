-- expect 4: error destructive-sql renames the table customers
-- expect 5: error destructive-sql renames the column clients.mail
-- expect 6: error destructive-sql renames the column clients.phone
ALTER TABLE customers RENAME TO clients;
ALTER TABLE clients RENAME COLUMN mail TO email;
ALTER TABLE clients RENAME phone TO mobile;
