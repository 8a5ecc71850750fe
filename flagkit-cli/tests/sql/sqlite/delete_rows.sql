-- expect 2: error destructive-sql deletes all rows of events
DELETE FROM events;
DELETE FROM events WHERE day < '2020-01-01';
REPLACE INTO events VALUES (1);
