-- expect 6: error destructive-sql sets NOT NULL on
-- expect 7: error destructive-sql sets NOT NULL on
-- expect 8: error destructive-sql sets NOT NULL on
-- expect 9: error destructive-sql sets NOT NULL on
-- expect 10: error destructive-sql adds the column orders.f with NOT NULL and without a default
ALTER TABLE orders ADD CHECK (NOT (a IS NULL));
ALTER TABLE orders ADD CONSTRAINT c CHECK (NOT b IS NULL AND b > 0) NOT VALID;
ALTER TABLE orders ADD CHECK ((c IS NULL) = false);
ALTER TABLE orders ADD CHECK (num_nonnulls(d, e) = 2);
ALTER TABLE orders ADD COLUMN f int CHECK (NOT (f IS NULL));
ALTER TABLE orders ADD CHECK (g IS NULL OR g > 0) NOT VALID;
ALTER TABLE orders ADD CHECK (h IS NULL OR h NOT IN (1, 2));
ALTER TABLE orders ADD COLUMN i int CHECK (i IS NULL OR i > 0);
ALTER TABLE orders ADD CHECK (num_nonnulls(d, e) = 1);
