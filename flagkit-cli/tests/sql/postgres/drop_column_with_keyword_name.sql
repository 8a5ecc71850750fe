-- expect 5: error destructive-sql drops the column settings.order
-- expect 6: error destructive-sql drops the column settings.key
-- expect 7: error destructive-sql drops the column settings.index
-- expect 7: warning unparsed-sql got EOF, expected identifier
ALTER TABLE settings DROP COLUMN "order";
ALTER TABLE settings DROP COLUMN key;
ALTER TABLE settings DROP index;
