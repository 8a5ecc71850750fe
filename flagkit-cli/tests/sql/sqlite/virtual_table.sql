-- expect nothing
CREATE VIRTUAL TABLE search USING fts5(title, body);
DROP TABLE search;
INSERT INTO words(words) VALUES ('rebuild');
