-- expect 4: error destructive-sql deletes all rows of orders
-- expect 5: error destructive-sql deletes all rows of events
-- expect 7: error destructive-sql deletes all rows of a
TRUNCATE orders;
DELETE FROM events;
DELETE FROM events WHERE day < '2020-01-01' LIMIT 1000;
DELETE a FROM a JOIN b ON a.id = b.id;
DELETE a FROM a JOIN b ON a.id = b.id WHERE b.gone;
SELECT TRUNCATE(1.5, 1);
