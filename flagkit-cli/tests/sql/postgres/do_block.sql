-- expect 3: warning unparsed-sql cannot parse the code of the DO block
-- expect 6: error destructive-sql drops the column carts.coupon
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_class WHERE relname = 'carts') THEN
        ALTER TABLE carts DROP COLUMN coupon;
    END IF;
    -- DROP TABLE never;
    RAISE NOTICE 'DROP TABLE neither';
END
$$;
ALTER TABLE carts ADD COLUMN voucher text;
