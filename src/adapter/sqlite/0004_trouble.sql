-- What goes wrong with many at once, and with one again and again.

-- In how many occurrences in a row Teams did not know the conversation.
ALTER TABLE recipients ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
-- When that was last counted.
ALTER TABLE recipients ADD COLUMN lost_at INTEGER;

-- How many attempts ended so that nobody knows whether the message arrived.
ALTER TABLE deliveries ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;

-- Since when a schedule is held, and why, in words: by an operator, or because too many could not be reached.
ALTER TABLE schedules ADD COLUMN paused_at INTEGER;
ALTER TABLE schedules ADD COLUMN paused_why TEXT;
ALTER TABLE schedules ADD COLUMN paused_by TEXT;

-- The queue in which claims find the deliveries of a schedule: a paused one has none, like a missing one.
ALTER TABLE schedules DROP COLUMN queue;
ALTER TABLE schedules ADD COLUMN queue TEXT NOT NULL GENERATED ALWAYS AS
    (CASE WHEN missing_since IS NULL AND paused_at IS NULL THEN priority ELSE 'held' END) VIRTUAL;
