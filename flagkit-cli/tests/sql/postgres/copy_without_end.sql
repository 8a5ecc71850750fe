-- expect 3: warning unparsed-sql cannot read the data of the COPY
-- expect 4: error destructive-sql drops the table regions
COPY countries (code, name) FROM STDIN;
DROP TABLE regions;
