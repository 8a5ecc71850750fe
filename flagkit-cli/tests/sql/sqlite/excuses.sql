-- expect 7: error destructive-sql drops the table main.users
-- expect 10: error destructive-sql drops the table orders
-- expect 12: error destructive-sql drops the table notes
-- expect 13: error destructive-sql deletes all rows of events
-- expect 14: error destructive-sql deletes all rows of events
CREATE TEMP TABLE users (a);
DROP TABLE main.users;
CREATE TEMP TABLE orders (a);
DROP TABLE orders;
DROP TABLE orders;
CREATE TABLE other.notes (a);
DROP TABLE notes;
DELETE FROM events WHERE 1 OR 0;
DELETE FROM events WHERE 1=1 -- all
;
