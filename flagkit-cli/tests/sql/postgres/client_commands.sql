-- expect 6: warning unparsed-sql cannot parse the command of a database client: \set
-- expect 7: warning unparsed-sql cannot parse the command of a database client: \i
-- expect 8: error destructive-sql drops the table a
-- expect 9: warning unparsed-sql cannot parse the command of a database client: \gexec
-- expect 9: error destructive-sql drops the table %
\set ON_ERROR_STOP on
\i other.sql
DROP TABLE a;
SELECT format('DROP TABLE %I', name) FROM old_tables \gexec
ALTER TABLE b ADD COLUMN c int;
