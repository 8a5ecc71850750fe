-- expect 3: error early-contract contracts split-name, but its stage in flags.toml is dual-write
-- expect 5: error early-contract contracts uncertified, but the log has no certificate
-- flagkit: contract split-name
ALTER TABLE customers DROP COLUMN full_name;
-- flagkit: contract uncertified
DROP TABLE names;
-- flagkit: contract removed
DROP TABLE pages;
