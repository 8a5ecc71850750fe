-- expect 6: error destructive-sql drops the table f
# DROP TABLE a;
-- DROP TABLE b;
SELECT 'it\'s; DROP TABLE c', "DROP TABLE d; \" ", `drop table` FROM `alter table`;
/* DROP TABLE e; */ SELECT 1--1;
DROP TABLE f; #
