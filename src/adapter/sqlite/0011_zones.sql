-- What was said of people's zones.

-- The newest word of each source. `recipients.zone` and `recipients.zone_source` are what comes of it.
CREATE TABLE zone_evidence (
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    -- 'own', 'operator', 'client' or 'directory'.
    source       TEXT NOT NULL,
    zone         TEXT NOT NULL,
    said_at      INTEGER NOT NULL,
    PRIMARY KEY (recipient_id, source)
) STRICT, WITHOUT ROWID;

-- When that was said of which the zone comes; NULL where the configuration says it.
ALTER TABLE recipients ADD COLUMN zone_said_at INTEGER;
-- When they were last asked in which zone they live.
ALTER TABLE recipients ADD COLUMN zone_asked_at INTEGER;
CREATE INDEX recipients_by_age_of_zone ON recipients (zone_said_at) WHERE zone_source = 'client';

-- When an import said it was not kept so far: at the latest when a daemon was last here.
UPDATE recipients SET zone_said_at = (SELECT coalesce(went_round_at, taken_over_at, 0) FROM daemon WHERE id = 1)
WHERE zone_source = 'operator';
INSERT INTO zone_evidence (recipient_id, source, zone, said_at)
SELECT id, 'operator', zone, zone_said_at FROM recipients WHERE zone_source = 'operator';

-- What the configuration said of zones when it was last read, so that a change of it is noticed.
CREATE TABLE group_zones (
    position   INTEGER PRIMARY KEY,
    group_name TEXT NOT NULL UNIQUE,
    zone       TEXT NOT NULL
) STRICT;
CREATE TABLE house_zones (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    -- How long a client is believed, in microseconds.
    client_max_age INTEGER NOT NULL
) STRICT;
INSERT INTO house_zones (id, client_max_age) VALUES (1, 7776000000000);
