-- expect 9: error destructive-sql drops the table others
-- flagkit: contract finished
ALTER TABLE customers DROP COLUMN full_name;
DROP TABLE names; -- flagkit: contract finished
/* The old names.
 * flagkit: contract finished
 */
DROP TABLE old_names;
DROP TABLE others;
