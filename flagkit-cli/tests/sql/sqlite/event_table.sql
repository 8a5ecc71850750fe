-- expect 3: error destructive-sql drops the table period
CREATE TABLE event (id INTEGER, begin TEXT, stop TEXT);
DROP TABLE period;
