-- What `why` tells besides the state: what a delivery waited for, whence it moved, and when nobody could send it.

-- Every attempt of a delivery. It serves those under way too, in the place of an index of their own.
DROP INDEX attempts_under_way;
CREATE INDEX attempts_of_delivery ON attempts (delivery_id);

-- The wave from which a delivery moved last, with its recipient. A wave that has rows is never deleted.
ALTER TABLE deliveries ADD COLUMN moved_from INTEGER;

-- What was decided without a request: that a delivery waits. One row for each reason, however often.
CREATE TABLE holds (
    delivery_id INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    -- When it was first decided, and until when it was to wait by the last decision.
    held_at     INTEGER NOT NULL,
    held_until  INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_by_time ON holds (held_until);

-- When no daemon was there: from when the one before last went round until the next one took over.
CREATE TABLE downtimes (
    began_at INTEGER NOT NULL,
    ended_at INTEGER PRIMARY KEY
) STRICT;

-- When a schedule was held, once it has gone on.
CREATE TABLE pauses (
    schedule_id INTEGER NOT NULL REFERENCES schedules (id),
    began_at    INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    why         TEXT NOT NULL,
    PRIMARY KEY (schedule_id, ended_at)
) STRICT, WITHOUT ROWID;

-- When a delivery came to its end, where a sender or an expansion brought it there.
ALTER TABLE deliveries ADD COLUMN ended_at INTEGER;
UPDATE deliveries SET ended_at = coalesce(sent_at, due_at) WHERE state IN ('failed', 'unknown', 'expired');
-- What an operator may want to look at. The list of states is checked against the program's by a test.
CREATE INDEX deliveries_in_trouble ON deliveries (ended_at) WHERE state IN ('failed', 'unknown', 'expired');

-- Until when it may be sent although it is late, where an operator asked for it again.
ALTER TABLE deliveries ADD COLUMN open_until INTEGER;

-- When an operator cancelled it as a whole: whoever joins it later gets nothing of it.
ALTER TABLE occurrences ADD COLUMN cancelled_at INTEGER;
