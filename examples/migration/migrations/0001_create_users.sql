CREATE TABLE users (
    id BIGINT PRIMARY KEY,
    -- The default matters at stage complete, when new rows no longer have a name.
    name TEXT NOT NULL DEFAULT ''
);
