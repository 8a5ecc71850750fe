-- expect 3: error destructive-sql drops the column a.b
BEGIN TRANSACTION;
ALTER TABLE a DROP COLUMN b;
COMMIT;
END;
