-- expect nothing
ALTER INDEX orders_by_day RENAME TO orders_by_date;
ALTER TABLE orders RENAME CONSTRAINT a TO b;
ALTER TRIGGER touch ON orders RENAME TO touched;
ALTER FUNCTION touch() RENAME TO touched;
ALTER ROLE reporter RENAME TO analyst;
