-- expect 7: error destructive-sql drops the table rates
LOCK TABLES `rates` WRITE;
/*!40000 ALTER TABLE `rates` DISABLE KEYS */;
INSERT INTO `rates` VALUES (1,'a;b'),(2,'it''s');
/*!40000 ALTER TABLE `rates` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `rates`;
