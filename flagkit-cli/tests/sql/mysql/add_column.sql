-- expect 8: error destructive-sql adds the column orders.region
-- expect 9: error destructive-sql adds the column orders.a
-- expect 9: warning unparsed-sql cannot parse
-- expect 12: error destructive-sql sets NOT NULL on orders
ALTER TABLE orders ADD COLUMN note TEXT;
ALTER TABLE orders ADD COLUMN state VARCHAR(9) NOT NULL DEFAULT 'new' AFTER id;
ALTER TABLE orders ADD id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;
ALTER TABLE orders ADD region VARCHAR(9) NOT NULL;
ALTER TABLE orders ADD COLUMN (a INT NOT NULL, b INT NULL, c INT NOT NULL DEFAULT 0);
ALTER TABLE orders ADD FULLTEXT INDEX words (note), ADD UNIQUE KEY one (a, b);
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (shop) REFERENCES shops (id) ON DELETE CASCADE;
ALTER TABLE orders ADD PRIMARY KEY (id);
