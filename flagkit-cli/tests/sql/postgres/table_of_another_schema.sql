-- expect 5: error destructive-sql drops the table orders
-- expect 10: error destructive-sql drops the table pages
-- expect 14: error destructive-sql drops the table notes
CREATE TABLE archive.orders AS SELECT * FROM orders;
DROP TABLE orders;
CREATE TABLE items (id int);
DROP TABLE public.items;
CREATE TABLE pages (id int);
SET search_path TO other;
DROP TABLE pages;
BEGIN;
CREATE TABLE notes (id int);
ROLLBACK;
DROP TABLE notes;
