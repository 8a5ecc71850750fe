-- expect 5: error destructive-sql drops the table d
-- DROP TABLE a;
/* DROP TABLE b; */
SELECT 'DROP TABLE c; it''s', "drop", [alter table], `rename` FROM t;
DROP TABLE d;
