-- expect nothing
CREATE TABLE gifts (id bigint PRIMARY KEY, wrapped boolean NOT NULL);
CREATE INDEX CONCURRENTLY gifts_wrapped ON gifts (wrapped) WHERE wrapped;
ALTER TABLE gifts ADD CONSTRAINT gifts_id_check CHECK (id > 0);
ALTER TABLE gifts ADD CONSTRAINT gifts_unique UNIQUE (wrapped, id);
CREATE UNIQUE INDEX ON gifts (id);
COMMENT ON TABLE gifts IS 'we DROP TABLE gifts; never';
INSERT INTO help (text) VALUES ('ALTER TABLE x DROP COLUMN y;'), ($$DROP TABLE z$$);
UPDATE gifts SET wrapped = true;
GRANT SELECT, TRUNCATE, DELETE ON gifts TO reporter;
REVOKE DELETE ON gifts FROM reporter;
