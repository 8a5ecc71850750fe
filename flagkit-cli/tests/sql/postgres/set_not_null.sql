-- expect 5: error destructive-sql sets NOT NULL on orders.customer
-- expect 7: error destructive-sql sets NOT NULL on orders
-- expect 8: error destructive-sql sets NOT NULL on orders
-- expect 9: error destructive-sql sets NOT NULL on orders
ALTER TABLE orders ALTER COLUMN customer SET NOT NULL;
ALTER TABLE orders ALTER customer DROP NOT NULL;
ALTER TABLE orders ADD CONSTRAINT has_day CHECK (day IS NOT NULL) NOT VALID;
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE orders ADD CONSTRAINT pk PRIMARY KEY USING INDEX orders_id;
