-- flagkit: contract split-name
ALTER TABLE users DROP COLUMN name;
