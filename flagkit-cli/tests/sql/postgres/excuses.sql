-- expect 33: warning unparsed-sql cannot parse the SQL statement
-- expect 14: error destructive-sql drops the table public.x
-- expect 15: error destructive-sql drops the column public.x.b
-- expect 18: error destructive-sql drops the table a
-- expect 22: error destructive-sql drops the table c
-- expect 25: error destructive-sql drops the table d
-- expect 29: error destructive-sql drops the table e
-- expect 32: error destructive-sql drops the table users
-- expect 34: error destructive-sql drops the table f
-- expect 37: warning unparsed-sql cannot parse the code of the DO block
-- expect 37: error destructive-sql drops the table g
-- expect 39: error destructive-sql drops the table h
CREATE TEMP TABLE x (b int);
DROP TABLE public.x;
ALTER TABLE public.x DROP COLUMN b;
BEGIN;
CREATE TABLE a (b int); ABORT;
DROP TABLE a;
BEGIN;
SAVEPOINT s;
CREATE TABLE c (b int); ROLLBACK TO s;
DROP TABLE c;
COMMIT;
CREATE TEMP TABLE d (b int); DISCARD ALL;
DROP TABLE d;
BEGIN;
CREATE TEMP TABLE e (b int) ON COMMIT DROP;
COMMIT;
DROP TABLE e;
CREATE TABLE other.first (b int);
ALTER TABLE other.first RENAME TO users;
DROP TABLE users;
CREATE SCHEMA other CREATE TABLE f (b int);
DROP TABLE f;

CREATE TEMP TABLE g (b int);
DO $$ BEGIN DROP TABLE g; END $$;
CREATE TEMP TABLE h (b int) ON COMMIT DROP;
DROP TABLE h;
CREATE TABLE kept (b int);
COMMIT;
ALTER TABLE kept DROP COLUMN b;
