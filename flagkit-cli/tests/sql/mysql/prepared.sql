-- expect 4: error destructive-sql drops the column orders.note
-- expect 5: warning unparsed-sql cannot read the SQL of this PREPARE
-- expect 8: error destructive-sql drops the table drafts
SET @sql = IF(@exists, 'ALTER TABLE orders DROP COLUMN note', 'SELECT 1');
PREPARE change_it FROM @sql;
EXECUTE change_it;
DEALLOCATE PREPARE change_it;
PREPARE other FROM 'DROP TABLE drafts';
INSERT INTO help (text) VALUES ('DROP TABLE neither');
