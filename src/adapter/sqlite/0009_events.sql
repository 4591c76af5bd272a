-- What happens, and the occurrences that come of it.

-- What made an occurrence: 'plan' (its schedule's calendar), 'event', or 'snooze' (its recipient). Only those of a plan
-- are planned anew, moved, withdrawn or replaced when the schedule is edited.
ALTER TABLE occurrences ADD COLUMN cause TEXT NOT NULL DEFAULT 'plan';
-- What happened, for the text of the message. Not declared as a reference: an event is forgotten after a time.
ALTER TABLE occurrences ADD COLUMN event_id INTEGER;
CREATE INDEX occurrences_of_event ON occurrences (event_id) WHERE event_id IS NOT NULL;

-- The audience of an occurrence that has somebody here is they and nobody else, less the exceptions of the schedule.
CREATE TABLE invited (
    occurrence_id INTEGER NOT NULL REFERENCES occurrences (id),
    recipient_id  INTEGER NOT NULL REFERENCES recipients (id),
    PRIMARY KEY (occurrence_id, recipient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invited_of_recipient ON invited (recipient_id);

-- What happened, as far as a schedule listened. The key tells a repetition from another event of the name.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    key     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    -- What is known of it, an object in JSON.
    data    TEXT NOT NULL,
    -- What it came to, as it was answered: nudged.event/1.
    receipt TEXT NOT NULL,
    UNIQUE (name, key)
) STRICT;
CREATE INDEX events_by_time ON events (at);

-- The schedules that wait for an event. Spans are in microseconds; both ends of their life are civil times in UTC.
CREATE TABLE listeners (
    schedule_id INTEGER PRIMARY KEY REFERENCES schedules (id),
    event       TEXT NOT NULL,
    due_after   INTEGER NOT NULL,
    late        INTEGER NOT NULL,
    jitter      INTEGER NOT NULL,
    once_per    TEXT NOT NULL,
    begins      TEXT,
    ends        TEXT
) STRICT;
CREATE INDEX listeners_of_event ON listeners (event);

-- Whom a schedule with once_per = "person" has invited, for ever.
CREATE TABLE once (
    schedule_id  INTEGER NOT NULL REFERENCES schedules (id),
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    PRIMARY KEY (schedule_id, recipient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_of_recipient ON once (recipient_id);

-- In the audience, 'event' names whom an event brings along, and 'among-everyone', 'among-group' and 'among-person' those
-- whom its data may name.
