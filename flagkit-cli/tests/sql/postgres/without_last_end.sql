-- expect 3: error destructive-sql drops the table b
CREATE TABLE a (id int);
DROP TABLE b
