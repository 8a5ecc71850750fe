-- expect 18: warning unparsed-sql cannot parse the SQL statement
-- expect 9: warning unparsed-sql cannot read the SQL of this EXECUTE
-- expect 10: warning unparsed-sql cannot read the SQL of this PREPARE
-- expect 13: warning unparsed-sql cannot read the SQL of this PREPARE
-- expect 16: error destructive-sql drops the table drafts
-- expect 19: error destructive-sql drops the table users
-- expect 17: error destructive-sql deletes all rows of users
SET @t = LOAD_FILE('a');
EXECUTE IMMEDIATE @t;
PREPARE a FROM @t;
CREATE PROCEDURE p()
BEGIN
    PREPARE b FROM @t;
    EXECUTE b;
END;
EXECUTE IMMEDIATE 'DROP TABLE drafts';
DELETE FROM users WHERE 1;
CREATE PROCEDURE q() BEGIN CREATE TEMPORARY TABLE users (a INT); END;
DROP TABLE users;
DELETE FROM users WHERE true LIMIT 10;
