-- expect 5: warning unparsed-sql cannot parse the code of the DO block
-- expect 8: error destructive-sql drops the table carts_2019
-- expect 9: error destructive-sql drops the column %.%
-- expect 10: error destructive-sql drops the column
DO $do$
DECLARE part text;
BEGIN
    EXECUTE 'DROP TABLE carts_2019';
    EXECUTE format('ALTER TABLE %I DROP COLUMN %I', part, 'coupon');
    EXECUTE 'ALTER TABLE ' || part || ' DROP COLUMN note';
END
$do$;
