-- expect 6: error destructive-sql renames the column orders.total
-- expect 7: error destructive-sql changes the type of orders.note
-- expect 8: error destructive-sql changes the type of orders.state
-- expect 9: error destructive-sql changes the type of orders.day
-- expect 10: error destructive-sql changes the type of orders
ALTER TABLE orders CHANGE COLUMN total amount DECIMAL(12, 2) NOT NULL;
ALTER TABLE orders CHANGE `note` `note` MEDIUMTEXT;
ALTER TABLE orders MODIFY COLUMN state ENUM('new', 'paid') NOT NULL;
ALTER TABLE orders MODIFY day DATETIME(6) NULL, ADD INDEX by_day (day);
ALTER TABLE orders CONVERT TO CHARACTER SET utf8mb4;
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'new';
