-- expect 8: error sql-marker got "drop", expected contract, expand or allow
-- expect 9: error destructive-sql drops the table b
# flagkit: contract finished
DROP TABLE names;
/* flagkit: contract finished */ ALTER TABLE customers DROP COLUMN full_name;
-- flagkit: expand split-name
ALTER TABLE customers ADD COLUMN first_name VARCHAR(99);
# flagkit: drop finished
DROP TABLE b;
