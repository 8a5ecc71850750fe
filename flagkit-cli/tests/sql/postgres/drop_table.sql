-- expect 4: error destructive-sql drops the table basket
-- expect 5: error destructive-sql drops the table wish
-- expect 5: error destructive-sql drops the table shop.Wish Items
DROP TABLE basket;
DROP TABLE IF EXISTS wish, shop."Wish Items" CASCADE;
