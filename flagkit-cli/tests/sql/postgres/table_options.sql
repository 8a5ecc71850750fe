-- expect nothing
ALTER TABLE orders ALTER CONSTRAINT by_shop DEFERRABLE;
ALTER TABLE orders ALTER COLUMN day SET (n_distinct = -0.5);
