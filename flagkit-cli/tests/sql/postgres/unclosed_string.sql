-- expect 3: warning unparsed-sql has no end
-- expect 4: error destructive-sql drops the table b
ALTER TABLE a ADD COLUMN note text DEFAULT 'it is;
DROP TABLE b;
