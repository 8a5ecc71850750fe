-- expect 3: error destructive-sql changes the type of sqlite_master
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = 'CREATE TABLE a (id)' WHERE name = 'a';
PRAGMA writable_schema = OFF;
