-- expect nothing
CREATE TEMP TABLE totals AS SELECT day, sum(total) FROM orders GROUP BY day;
DELETE FROM totals;
DROP TABLE totals;
DROP TABLE pg_temp.other;
CREATE TEMPORARY TABLE IF NOT EXISTS more (id int);
DROP TABLE more;
