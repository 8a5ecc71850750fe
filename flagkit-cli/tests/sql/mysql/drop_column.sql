-- expect 3: error destructive-sql drops the column customers.full_name
-- expect 4: error destructive-sql drops the column orders.note
ALTER TABLE `customers` DROP COLUMN `full_name`;
ALTER TABLE orders DROP note, DROP INDEX by_day, DROP PRIMARY KEY, DROP FOREIGN KEY fk_shop;
ALTER TABLE orders DROP KEY by_day;
