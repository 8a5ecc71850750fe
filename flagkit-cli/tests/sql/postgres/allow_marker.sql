-- expect 5: error destructive-sql drops the table other
-- flagkit: allow the table was never released
DROP TABLE drafts;
DO $$ BEGIN PERFORM 1; END $$; -- flagkit: allow only reads
DROP TABLE other;
