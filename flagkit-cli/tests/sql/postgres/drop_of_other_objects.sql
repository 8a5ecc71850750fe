-- expect 12: error destructive-sql drops the view open_orders
-- expect 13: error destructive-sql drops the view sales_by_day
-- expect 14: error destructive-sql drops the schema archive
-- expect 15: error destructive-sql drops the type or sequence mood
-- expect 16: error destructive-sql drops the type or sequence email
-- expect 17: error destructive-sql drops the type or sequence invoice_number
-- expect 18: error destructive-sql drops the object hstore and what depends on it
-- expect 19: warning destructive-sql drops functions and what depends on them
-- expect 20: error destructive-sql drops the schema reporter
-- expect 20: warning unparsed-sql cannot parse
-- expect 21: error destructive-sql drops the table remote_stock
DROP VIEW open_orders;
DROP MATERIALIZED VIEW IF EXISTS sales_by_day;
DROP SCHEMA archive CASCADE;
DROP TYPE mood;
DROP DOMAIN email;
DROP SEQUENCE invoice_number;
DROP EXTENSION hstore CASCADE;
DROP FUNCTION touch, total(integer) CASCADE;
DROP OWNED BY reporter;
DROP FOREIGN TABLE remote_stock;
