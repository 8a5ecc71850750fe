-- expect 4: warning unparsed-sql cannot parse
-- expect 6: warning unparsed-sql cannot parse the command of a database client: \G
-- expect 7: error destructive-sql drops the table a
source other.sql
;
SELECT 1\G
DROP TABLE a;
