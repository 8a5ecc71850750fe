-- expect 5: error early-contract its stage in flags.toml is dual-write
-- expect 9: error destructive-sql drops the table other
-- flagkit: contract finished
DROP TABLE names;
-- flagkit: contract split-name
ALTER TABLE customers DROP COLUMN full_name;
-- flagkit: expand split-name
ALTER TABLE customers ADD COLUMN first_name TEXT;
DROP TABLE other;
