-- expect 4: warning unparsed-sql has no end
-- expect 4: error destructive-sql drops the table a
-- expect 5: error destructive-sql drops the table b
CREATE FUNCTION f() RETURNS void AS $body$ BEGIN DROP TABLE a; END $other$ LANGUAGE plpgsql;
DROP TABLE b;
