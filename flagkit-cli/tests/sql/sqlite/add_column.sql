-- expect 4: error destructive-sql adds the column orders.region
ALTER TABLE orders ADD COLUMN note TEXT;
ALTER TABLE orders ADD COLUMN state TEXT NOT NULL DEFAULT 'new';
ALTER TABLE orders ADD region TEXT NOT NULL;
ALTER TABLE orders ADD COLUMN other TEXT DEFAULT NULL;
ALTER TABLE orders ADD COLUMN gross REAL NOT NULL GENERATED ALWAYS AS (net * 1.19) VIRTUAL;
