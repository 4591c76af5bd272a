-- Consent: what people stopped, what they were answered, and which buttons they pressed.

-- What recipients can stop: as the schedule writes it, else its name, in small letters.
ALTER TABLE schedules ADD COLUMN topic TEXT NOT NULL DEFAULT '';
UPDATE schedules SET topic = lower(name);
CREATE INDEX schedules_by_topic ON schedules (topic);

-- Every change that was ever made, for ever.
CREATE TABLE consents (
    id           INTEGER PRIMARY KEY,
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    -- '' means everything.
    topic        TEXT NOT NULL,
    -- stop or start.
    wish         TEXT NOT NULL,
    -- typed, button or operator.
    way          TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX consents_of_recipient ON consents (recipient_id, topic, at);

-- What is in force. Claims read it.
CREATE TABLE stops (
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    topic        TEXT NOT NULL,
    since        INTEGER NOT NULL,
    PRIMARY KEY (recipient_id, topic)
) STRICT, WITHOUT ROWID;

-- Messages of nudged's own that answer a person, or ask them something. They are no deliveries.
CREATE TABLE replies (
    id              INTEGER PRIMARY KEY,
    recipient_id    INTEGER NOT NULL REFERENCES recipients (id),
    -- With ;messageid=… in a thread.
    conversation_id TEXT NOT NULL,
    service_url     TEXT,
    language        TEXT,
    -- What it answers, in a few words: the same, told again, is recognised by it.
    about           TEXT NOT NULL,
    -- Whether it asks in which zone the person lives.
    is_question     INTEGER NOT NULL,
    -- Markdown; or what came of a press, which takes the place of the buttons; empty in a question.
    text            TEXT NOT NULL,
    -- The delivery whose button was pressed; NULL for a message of its own.
    delivery_id     INTEGER,
    -- waiting, sending, sent or dropped.
    state           TEXT NOT NULL,
    asked_at        INTEGER NOT NULL,
    not_before      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    ended_at        INTEGER
) STRICT;
CREATE INDEX replies_waiting ON replies (is_question, not_before) WHERE state = 'waiting';
CREATE INDEX replies_sending ON replies (id) WHERE state = 'sending';
CREATE INDEX replies_of_recipient ON replies (recipient_id, asked_at);
CREATE INDEX replies_by_end ON replies (ended_at) WHERE ended_at IS NOT NULL;

-- Buttons that were pressed and had an effect.
CREATE TABLE presses (
    id          INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL,
    -- By whom: the Entra id, else the Teams id.
    who         TEXT NOT NULL,
    -- done, snooze or stop.
    verb        TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX presses_of_delivery ON presses (delivery_id, verb, at);

-- The occurrences that snoozes made, each of one delivery.
CREATE TABLE snoozes (
    occurrence_id INTEGER PRIMARY KEY REFERENCES occurrences (id),
    delivery_id   INTEGER NOT NULL,
    until         INTEGER NOT NULL,
    -- Of what its message speaks: the civil time and the due instant of the first message that was put off.
    civil         TEXT NOT NULL,
    due_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX snoozes_of_delivery ON snoozes (delivery_id);
