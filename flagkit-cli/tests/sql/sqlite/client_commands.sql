-- expect 4: warning unparsed-sql cannot parse the command of a database client: .mode
-- expect 5: warning unparsed-sql cannot parse the command of a database client: .read
-- expect 6: error destructive-sql drops the table a
.mode csv
.read other.sql
DROP TABLE a;
