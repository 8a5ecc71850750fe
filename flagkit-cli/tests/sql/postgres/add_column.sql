-- expect 9: error destructive-sql adds the column orders.region with NOT NULL and without a default
-- expect 10: error destructive-sql adds the column orders.code
-- expect 11: error destructive-sql adds the column orders.shop
ALTER TABLE orders ADD COLUMN note text;
ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'new';
ALTER TABLE orders ADD COLUMN number bigserial NOT NULL;
ALTER TABLE orders ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
ALTER TABLE orders ADD COLUMN gross numeric NOT NULL GENERATED ALWAYS AS (net * 1.19) STORED;
ALTER TABLE orders ADD COLUMN region text NOT NULL;
ALTER TABLE orders ADD IF NOT EXISTS code text NOT NULL CHECK (code <> ''), ADD COLUMN tax int;
ALTER TABLE orders ADD COLUMN shop int NOT NULL REFERENCES shops ON DELETE SET DEFAULT;
