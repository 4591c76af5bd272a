-- The ledger.
--
-- Instants (…_at, …_until, …_since, not_before) are microseconds since 1970-01-01 00:00 UTC. To read one:
--   SELECT datetime(due_at / 1000000, 'unixepoch') FROM deliveries;
-- Civil times are texts as they stand on a wall clock, without a zone: 2026-12-01T09:00:00.
-- States, reasons and kinds are the words that the program shows everywhere else.
-- The lists of states in partial indexes are checked against the program's by a test.

-- Who works on this ledger. The term grows with each daemon that takes over; a write with an old term is refused.
CREATE TABLE daemon (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    term          INTEGER NOT NULL,
    taken_over_at INTEGER,
    -- Counts the questions whether the ledger can still be written.
    probes        INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO daemon (id, term) VALUES (1, 0);

-- Texts: the last good version of a schedule file, a schedule made by `nudged send`.
CREATE TABLE documents (
    name    TEXT PRIMARY KEY,
    text    TEXT NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    revision      TEXT NOT NULL,
    -- The file or document in which it stands.
    origin        TEXT NOT NULL,
    -- Whether it fires at one time only, so that it is over for good when that has passed.
    fires_once    INTEGER NOT NULL,
    priority      TEXT NOT NULL,
    on_unknown    TEXT NOT NULL,
    -- Since when no file has it any more.
    missing_since INTEGER,
    -- When it was cancelled for having been missing too long.
    retired_at    INTEGER,
    -- The queue in which claims find its deliveries.
    queue         TEXT NOT NULL GENERATED ALWAYS AS (CASE WHEN missing_since IS NULL THEN priority ELSE 'held' END) VIRTUAL
) STRICT;

-- To whom a schedule speaks: 'everyone', 'group' and 'person' add, 'except' takes away.
CREATE TABLE audience (
    schedule_id INTEGER NOT NULL REFERENCES schedules (id),
    kind        TEXT NOT NULL,
    word        TEXT NOT NULL,
    PRIMARY KEY (schedule_id, kind, word)
) STRICT, WITHOUT ROWID;

-- How far each schedule has been planned, and from what.
CREATE TABLE plan_marks (
    schedule_id   INTEGER PRIMARY KEY REFERENCES schedules (id),
    signature     TEXT NOT NULL,
    planned_until INTEGER NOT NULL
) STRICT;

-- Persons, group chats and channels, each with its conversation reference.
CREATE TABLE recipients (
    id              INTEGER PRIMARY KEY,
    kind            TEXT NOT NULL,
    name            TEXT,
    zone            TEXT NOT NULL,
    zone_source     TEXT NOT NULL,
    language        TEXT,
    -- 0 for somebody whom a schedule names and no import has mentioned.
    is_known        INTEGER NOT NULL,
    service_url     TEXT,
    conversation_id TEXT,
    tenant_id       TEXT,
    bot_id          TEXT,
    user_id         TEXT,
    entra_object_id TEXT,
    unreachable     TEXT
) STRICT;
CREATE INDEX recipients_of_zone ON recipients (zone, kind, is_known);
CREATE INDEX recipients_in_fallback_zone ON recipients (zone) WHERE zone_source = 'fallback';
CREATE INDEX recipients_by_conversation ON recipients (conversation_id) WHERE conversation_id IS NOT NULL;

-- Every name by which a recipient is known.
CREATE TABLE addresses (
    address      TEXT PRIMARY KEY,
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    -- The order in which they were given, from 0.
    position     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_of_recipient ON addresses (recipient_id, position);

CREATE TABLE memberships (
    group_name   TEXT NOT NULL,
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    PRIMARY KEY (group_name, recipient_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_recipient ON memberships (recipient_id);

-- One civil time at which a schedule fires.
CREATE TABLE occurrences (
    id          INTEGER PRIMARY KEY,
    schedule_id INTEGER NOT NULL REFERENCES schedules (id),
    civil       TEXT NOT NULL,
    UNIQUE (schedule_id, civil)
) STRICT;

-- The part of one occurrence whose recipients share a due instant.
CREATE TABLE waves (
    id            INTEGER PRIMARY KEY,
    occurrence_id INTEGER NOT NULL REFERENCES occurrences (id),
    -- The occurrence's, repeated for the index.
    schedule_id   INTEGER NOT NULL REFERENCES schedules (id),
    zone          TEXT NOT NULL,
    -- 'of-zone': who lives in the zone; 'all': the whole audience.
    recipients    TEXT NOT NULL,
    due_at        INTEGER NOT NULL,
    expire_at     INTEGER NOT NULL,
    -- What the clock of the zone did there, if anything.
    note          TEXT,
    planned_at    INTEGER NOT NULL,
    -- Whether it waits to be turned into deliveries: at first, and again when its audience may have grown.
    to_expand     INTEGER NOT NULL DEFAULT 1,
    expanded_at   INTEGER,
    -- Whether any delivery ever belonged to it. A wave that has rows is never deleted.
    has_rows      INTEGER NOT NULL DEFAULT 0,
    withdrawn_at  INTEGER,
    UNIQUE (occurrence_id, zone)
) STRICT;
CREATE INDEX waves_to_expand ON waves (due_at) WHERE to_expand = 1;
CREATE INDEX waves_by_end ON waves (schedule_id, expire_at);

-- One occurrence for one recipient: the unique key is the promise that nobody gets a message twice.
CREATE TABLE deliveries (
    id                 INTEGER PRIMARY KEY,
    occurrence_id      INTEGER NOT NULL REFERENCES occurrences (id),
    recipient_id       INTEGER NOT NULL REFERENCES recipients (id),
    -- Not declared as a reference: checking it would need an index on all rows, for ever. `has_rows` guards it.
    wave_id            INTEGER NOT NULL,
    -- A priority, or 'held' while the schedule is missing.
    queue              TEXT NOT NULL,
    state              TEXT NOT NULL,
    reason             TEXT,
    detail             TEXT,
    due_at             INTEGER NOT NULL,
    expire_at          INTEGER NOT NULL,
    planned_at         INTEGER NOT NULL,
    not_before         INTEGER NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
    possible_duplicate INTEGER NOT NULL DEFAULT 0,
    -- Who holds it, and until when; only while claimed or sending.
    term               INTEGER,
    lease_until        INTEGER,
    activity_id        TEXT,
    sent_at            INTEGER,
    UNIQUE (occurrence_id, recipient_id)
) STRICT;
CREATE INDEX deliveries_claimable ON deliveries (queue, not_before) WHERE state IN ('planned', 'waiting');
CREATE INDEX deliveries_held ON deliveries (lease_until) WHERE state IN ('claimed', 'sending');
CREATE INDEX deliveries_unfinished ON deliveries (wave_id, recipient_id)
    WHERE state IN ('planned', 'claimed', 'sending', 'waiting');

-- One request for a delivery. Inserted before it leaves, ended when it is known what became of it.
CREATE TABLE attempts (
    id             INTEGER PRIMARY KEY,
    -- Not declared as a reference, for the same reason. Deliveries are never deleted.
    delivery_id    INTEGER NOT NULL,
    term           INTEGER NOT NULL,
    started_at     INTEGER NOT NULL,
    ended_at       INTEGER,
    -- The state and the reason in which it left the delivery.
    state          TEXT,
    reason         TEXT,
    -- The HTTP status, if any answer came.
    status         INTEGER,
    error_code     TEXT,
    correlation_id TEXT,
    detail         TEXT,
    latency_us     INTEGER
) STRICT;
CREATE INDEX attempts_under_way ON attempts (delivery_id) WHERE ended_at IS NULL;
