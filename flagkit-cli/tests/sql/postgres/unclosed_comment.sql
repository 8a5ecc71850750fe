-- expect 4: error destructive-sql drops the table a
-- expect 5: warning unparsed-sql has no end
-- expect 6: error destructive-sql drops the table b
DROP TABLE a;
/* the end is missing
DROP TABLE b;
