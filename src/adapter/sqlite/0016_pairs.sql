-- The conditions of these two indexes in pairs: for IN with three values or more SQLite fills a table each time a row
-- changes.
DROP INDEX deliveries_unfinished;
CREATE INDEX deliveries_unfinished ON deliveries (wave_id, recipient_id)
    WHERE (state IN ('planned', 'claimed') OR state IN ('sending', 'waiting'));
DROP INDEX deliveries_in_trouble;
CREATE INDEX deliveries_in_trouble ON deliveries (ended_at)
    WHERE (state IN ('failed', 'unknown') OR state IN ('expired'));
