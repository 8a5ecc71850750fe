-- expect 5: error destructive-sql but its marker is expand
-- flagkit: expand split-name
ALTER TABLE customers ADD COLUMN first_name text, ADD COLUMN last_name text;
-- flagkit: expand split-name
ALTER TABLE customers DROP COLUMN middle_name;
