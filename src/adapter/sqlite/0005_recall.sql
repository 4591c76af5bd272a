-- Taking back what was sent. One recall is about one occurrence.

-- Since when it has been recalled as a whole: whoever would join it now is cancelled as well.
ALTER TABLE occurrences ADD COLUMN recalled_at INTEGER;

CREATE TABLE recalls (
    id            INTEGER PRIMARY KEY,
    occurrence_id INTEGER NOT NULL REFERENCES occurrences (id),
    asked_at      INTEGER NOT NULL,
    -- The text that takes the place of the messages; NULL where they are deleted.
    replacement   TEXT
) STRICT;
CREATE INDEX recalls_of_occurrence ON recalls (occurrence_id);
CREATE INDEX recalls_by_time ON recalls (asked_at);

-- One message of a recall. A message belongs to the last recall that took it up.
CREATE TABLE recalled (
    delivery_id INTEGER PRIMARY KEY,
    recall_id   INTEGER NOT NULL REFERENCES recalls (id),
    state       TEXT NOT NULL,
    reason      TEXT,
    detail      TEXT,
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
CREATE INDEX recalled_pending ON recalled (not_before) WHERE state = 'pending';
CREATE INDEX recalled_awaiting ON recalled (delivery_id) WHERE state = 'awaiting';
CREATE INDEX recalled_of_recall ON recalled (recall_id, state);
