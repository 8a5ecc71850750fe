-- expect 7: error destructive-sql changes the type of pg_enum
-- expect 8: error destructive-sql changes the type of pg_catalog.pg_attribute
-- expect 9: error destructive-sql removes a partition of events_2019
-- expect 10: error destructive-sql deletes all rows of a
-- expect 11: error destructive-sql deletes all rows of b
-- expect 13: error destructive-sql deletes all rows of d
DELETE FROM pg_enum WHERE enumlabel = 'old';
UPDATE pg_catalog.pg_attribute SET atttypmod = 104 WHERE attname = 'code';
ALTER TABLE events_2019 NO INHERIT events;
DELETE FROM a WHERE true;
DELETE FROM b WHERE 1 = 1;
DELETE FROM c WHERE 1 = id;
DELETE FROM d USING (SELECT id FROM e WHERE old) AS e;
