-- expect 2: error destructive-sql removes a partition of events
ALTER TABLE events DETACH PARTITION events_2019;
ALTER TABLE events ATTACH PARTITION events_2030 FOR VALUES FROM (2030) TO (2031);
CREATE TABLE events_2031 PARTITION OF events FOR VALUES FROM (2031) TO (2032);
