-- expect 4: error destructive-sql drops the column orders.note
-- expect 4: warning unparsed-sql cannot parse
ALTER TABLE orders ENGINE = InnoDB, ROW_FORMAT = DYNAMIC, COMMENT = 'DROP TABLE x';
ALTER TABLE orders ROW_FORMAT = DYNAMIC, DROP COLUMN note;
