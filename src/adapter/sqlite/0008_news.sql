-- What Teams tells.

-- The keys of news that has been taken in, by which a repetition is recognised. Kept for some days.
CREATE TABLE heard (
    key TEXT PRIMARY KEY,
    at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX heard_by_time ON heard (at);

-- When something was last heard of a recipient in the conversation itself.
ALTER TABLE recipients ADD COLUMN heard_at INTEGER;
-- Since when they can't be reached.
ALTER TABLE recipients ADD COLUMN unreachable_since INTEGER;
