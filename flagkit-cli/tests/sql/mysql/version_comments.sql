-- expect 4: error destructive-sql drops the table a
-- expect 5: error destructive-sql drops the column b.c
/*!40101 SET NAMES utf8mb4 */;
/*!50110 DROP TABLE a */;
/*M!100100 ALTER TABLE b DROP COLUMN c */;
CREATE TABLE d (id INT) /*!50100 ENGINE=InnoDB */;
