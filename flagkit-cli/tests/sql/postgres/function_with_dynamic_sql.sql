-- expect 4: warning unparsed-sql cannot read the SQL of this EXECUTE
CREATE FUNCTION run(command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
END
$$;
