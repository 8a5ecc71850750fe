-- expect 4: error destructive-sql drops the column customers.full_name
-- expect 6: error destructive-sql drops the column shop.orders.note
-- expect 7: error destructive-sql drops the column shop.orders.legacy_id
ALTER TABLE customers DROP COLUMN full_name;
ALTER TABLE IF EXISTS ONLY shop.orders
    DROP COLUMN IF EXISTS note,
    DROP legacy_id CASCADE;
ALTER TABLE orders DROP CONSTRAINT orders_total_check;
ALTER TABLE orders ALTER COLUMN total DROP DEFAULT, ALTER COLUMN total DROP NOT NULL;
