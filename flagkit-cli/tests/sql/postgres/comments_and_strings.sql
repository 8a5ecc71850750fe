-- expect 6: error destructive-sql drops the table f
-- DROP TABLE a;
/* ALTER TABLE a DROP COLUMN b; /* nested */ DROP TABLE c; */
SELECT 'DROP TABLE d', E'it\'s; DROP TABLE e', U&'d\0061t', "drop table" FROM "alter table";
SELECT $q$ text with ; and $$ $q$ || 'x';
DROP TABLE f; --
