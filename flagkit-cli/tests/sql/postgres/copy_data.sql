-- expect 6: error destructive-sql drops the table regions
COPY countries (code, name) FROM stdin;
pt	Portugal; DROP TABLE x
ci	Côte d'Ivoire
\.
DROP TABLE regions;
