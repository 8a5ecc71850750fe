-- expect 4: error destructive-sql deletes all rows of audit
CREATE FUNCTION purge() RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    TRUNCATE audit;
    DELETE FROM audit WHERE day < now();
END
$body$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER keep AFTER DELETE OR TRUNCATE ON orders EXECUTE FUNCTION touch();
