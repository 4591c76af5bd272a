-- When a schedule came into force as it is: a message that was sent before may have said something else.
ALTER TABLE schedules ADD COLUMN revised_at INTEGER NOT NULL DEFAULT 0;
