-- expect nothing
-- flagkit: contract finished
-- The names are in two columns now.

ALTER TABLE customers DROP COLUMN full_name;
DROP TABLE names;
