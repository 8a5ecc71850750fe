-- expect 10: error destructive-sql deletes all rows of users
-- expect 11: error destructive-sql deletes all rows of users
-- expect 12: error destructive-sql deletes all rows of users
-- expect 13: error destructive-sql deletes all rows of users
-- expect 14: error destructive-sql deletes all rows of users
-- expect 15: error destructive-sql deletes all rows of users
-- expect 16: error destructive-sql deletes all rows of users
-- expect 17: error destructive-sql deletes all rows of users
-- expect 18: error destructive-sql deletes all rows of users
DELETE FROM users WHERE true RETURNING id;
DELETE FROM users WHERE (true);
DELETE FROM users WHERE ((1 = 1));
DELETE FROM users WHERE id = 7 OR (2 > 1 AND NOT false);
DELETE FROM users WHERE id = id;
DELETE FROM users WHERE 'a' LIKE '%' RETURNING *;
MERGE INTO users USING gone ON true WHEN MATCHED THEN DELETE;
MERGE INTO users USING gone ON (1 = 1) WHEN MATCHED AND gone.x THEN DO NOTHING WHEN MATCHED AND true THEN DELETE;
WITH old AS (DELETE FROM users WHERE 1 = 1 RETURNING *) SELECT 1;
DELETE FROM users WHERE false OR id = 7;
DELETE FROM users WHERE true AND id = 7;
DELETE FROM users WHERE (id = 7) OR (id = 8);
DELETE FROM users WHERE id BETWEEN 1 AND 2;
DELETE FROM users WHERE EXISTS (SELECT 1 FROM gone WHERE gone.id = users.id);
MERGE INTO users USING gone ON users.id = gone.id WHEN MATCHED THEN DELETE;
MERGE INTO users USING gone ON true WHEN MATCHED AND gone.id = users.id THEN DELETE;
MERGE INTO users USING gone ON true WHEN MATCHED THEN UPDATE SET x = 1;
