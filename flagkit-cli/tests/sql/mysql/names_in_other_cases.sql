-- expect 3: error destructive-sql drops the table orders
CREATE TABLE Orders (id INT);
DROP TABLE orders;
DROP TABLE `Orders`;
