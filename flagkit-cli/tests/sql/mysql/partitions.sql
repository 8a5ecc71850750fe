-- expect 5: error destructive-sql removes a partition of events
-- expect 5: warning unparsed-sql cannot parse
-- expect 6: error destructive-sql removes a partition of events
-- expect 6: warning unparsed-sql cannot parse
ALTER TABLE events DROP PARTITION p2019;
ALTER TABLE events TRUNCATE PARTITION p2020;
