-- expect 4: error destructive-sql drops the table main.basket
-- expect 5: error destructive-sql drops the table wish
-- expect 6: error destructive-sql drops the view open_orders
DROP TABLE IF EXISTS main.basket;
DROP TABLE `wish`;
DROP VIEW open_orders;
DROP INDEX by_day;
DROP TRIGGER touch;
