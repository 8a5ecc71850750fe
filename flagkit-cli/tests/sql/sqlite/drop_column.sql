-- expect 3: error destructive-sql drops the column customers.full_name
-- expect 4: error destructive-sql drops the column old customers.full name
ALTER TABLE customers DROP COLUMN full_name;
ALTER TABLE [old customers] DROP [full name];
