-- expect nothing
DROP INDEX CONCURRENTLY orders_by_day;
DROP TRIGGER touch ON orders CASCADE;
DROP FUNCTION touch();
DROP FUNCTION total(integer), total(bigint);
DROP EXTENSION citext;
DROP POLICY own_rows ON orders;
DROP RULE no_delete ON orders;
DROP INDEX a, b CASCADE;
