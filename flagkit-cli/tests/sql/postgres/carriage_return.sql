-- expect 2: error destructive-sql drops the table users
-- a noteDROP TABLE users;
