-- expect 6: error destructive-sql deletes all rows of orders
-- expect 7: error destructive-sql deletes all rows of a
-- expect 7: error destructive-sql deletes all rows of shop.b
-- expect 8: error destructive-sql deletes all rows of events
-- expect 10: error destructive-sql deletes all rows of carts
TRUNCATE orders;
TRUNCATE TABLE ONLY a, shop.b RESTART IDENTITY CASCADE;
DELETE FROM events;
DELETE FROM events WHERE day < '2020-01-01';
WITH old AS (DELETE FROM carts RETURNING *) INSERT INTO old_carts SELECT * FROM old;
WITH old AS (DELETE FROM carts WHERE day < now() RETURNING *) SELECT count(*) FROM old;
