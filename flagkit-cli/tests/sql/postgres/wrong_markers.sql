-- expect 11: error sql-marker got "contrat", expected contract, expand or allow
-- expect 12: error destructive-sql drops the table a
-- expect 13: error sql-marker got "finishd", expected the name of a migration
-- expect 15: error sql-marker it is a flag of another kind
-- expect 17: error sql-marker expected "flagkit:"
-- expect 18: error destructive-sql drops the table d
-- expect 19: error sql-marker expected the name of a migration
-- expect 20: error sql-marker expected one name
-- expect 21: error sql-marker expected a reason
-- expect 23: error sql-marker got no statement after the marker contract
-- flagkit: contrat finished
DROP TABLE a;
-- flagkit: contract finishd
DROP TABLE b;
-- flagkit: expand search
CREATE TABLE c (id int);
-- flagkti: contract finished
DROP TABLE d;
-- flagkit: contract
-- flagkit: contract a b
-- flagkit: allow
SELECT 1;
-- flagkit: contract finished
