-- expect 2: warning destructive-sql drops and creates the view open_orders
DROP VIEW open_orders;
CREATE VIEW open_orders AS SELECT id, day FROM orders WHERE open;
CREATE OR REPLACE VIEW all_orders AS SELECT * FROM orders;
