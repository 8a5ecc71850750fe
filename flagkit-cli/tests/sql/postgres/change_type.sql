-- expect 7: error destructive-sql changes the type of orders.total
-- expect 9: error destructive-sql changes the type of orders.placed
-- expect 11: error destructive-sql changes the type of address.zip
-- expect 11: warning unparsed-sql cannot parse
-- expect 12: error destructive-sql drops the column address.state
-- expect 12: warning unparsed-sql cannot parse
ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 2);
ALTER TABLE orders
    ALTER placed SET DATA TYPE timestamptz USING placed AT TIME ZONE 'UTC',
    ALTER COLUMN note SET DEFAULT '';
ALTER TYPE address ALTER ATTRIBUTE zip TYPE text;
ALTER TYPE address DROP ATTRIBUTE state;
