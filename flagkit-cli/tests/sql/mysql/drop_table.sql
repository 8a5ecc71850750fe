-- expect 4: error destructive-sql drops the table basket
-- expect 4: error destructive-sql drops the table wish
-- expect 6: error destructive-sql drops the schema shop_archive
DROP TABLE IF EXISTS `basket`, wish;
DROP TEMPORARY TABLE totals;
DROP DATABASE shop_archive;
