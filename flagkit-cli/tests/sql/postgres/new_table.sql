-- expect 9: error destructive-sql drops the table new_orders
CREATE TABLE new_orders (id bigint);
ALTER TABLE new_orders ADD COLUMN day date NOT NULL;
ALTER TABLE new_orders ALTER COLUMN day TYPE timestamptz;
ALTER TABLE ONLY public.new_orders ADD CONSTRAINT pk PRIMARY KEY (id);
TRUNCATE new_orders;
ALTER TABLE new_orders RENAME TO newer_orders;
DROP TABLE newer_orders;
DROP TABLE new_orders;
