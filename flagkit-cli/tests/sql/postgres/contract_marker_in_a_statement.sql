-- expect 5: warning unparsed-sql cannot parse the code of the DO block
ALTER TABLE customers
    -- flagkit: contract finished
    DROP COLUMN full_name;
DO $$
BEGIN
    -- flagkit: contract finished
    ALTER TABLE customers DROP COLUMN nick_name;
END
$$;
