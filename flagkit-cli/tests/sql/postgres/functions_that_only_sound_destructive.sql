-- expect nothing
SELECT date_trunc('day', now()), trunc(1.5), "truncate" FROM numbers;
CREATE TABLE changes (id int, "drop" int, renamed text);
ALTER TABLE changes ADD COLUMN "truncate" int;
ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes OWNER TO shop;
ALTER SEQUENCE numbers RESTART WITH 1;
ALTER TABLE orders DISABLE TRIGGER ALL;
