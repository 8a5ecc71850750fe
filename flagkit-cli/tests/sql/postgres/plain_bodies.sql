-- expect 9: warning unparsed-sql cannot parse the code of the DO block
-- expect 9: error destructive-sql drops the table a
-- expect 10: warning unparsed-sql cannot parse the code of the DO block
-- expect 10: error destructive-sql drops the table b
-- expect 11: warning unparsed-sql cannot parse the code of the DO block
-- expect 11: error destructive-sql drops the table c
-- expect 12: error destructive-sql drops the table d
-- expect 14: error destructive-sql drops the column x.e
DO 'BEGIN DROP TABLE a; END';
DO LANGUAGE plpgsql E'BEGIN\nDROP TABLE b; END';
DO U&'BEGIN DROP TABLE c; END';
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DROP TABLE d';
CREATE OR REPLACE FUNCTION p() RETURNS void LANGUAGE plpgsql AS
    'BEGIN ALTER TABLE x DROP COLUMN e; END';
CREATE FUNCTION g(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
