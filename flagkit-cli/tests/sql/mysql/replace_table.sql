-- expect 2: error destructive-sql drops and creates the table rates
CREATE OR REPLACE TABLE rates (id INT);
