-- flagkit: expand split-name
-- Nullable columns: the code that runs before this migration inserts rows without them.
ALTER TABLE users ADD COLUMN first_name TEXT;
ALTER TABLE users ADD COLUMN last_name TEXT;
