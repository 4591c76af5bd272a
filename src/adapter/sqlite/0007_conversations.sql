-- Channels, chats and teams.
--
-- In the audience, 'person' stands for one recipient of any kind, by any address: channels and chats have addresses
-- too. The members of a team are kept as the group team:ID, and as team:NAME where only one team has that name.

-- How the service URL is known: imported, or answered by Teams.
ALTER TABLE recipients ADD COLUMN service_url_origin TEXT;
UPDATE recipients SET service_url_origin = 'imported' WHERE service_url IS NOT NULL;
-- Of somebody in the roster of a team: member, guest or anonymous.
ALTER TABLE recipients ADD COLUMN standing TEXT;

-- The conversation in which a message stands, where that is a thread of its recipient's channel.
ALTER TABLE deliveries ADD COLUMN sent_in TEXT;

CREATE TABLE teams (
    -- 19:…@thread.tacv2, also the id of its General channel.
    id             TEXT PRIMARY KEY,
    name           TEXT,
    -- The name as it is compared.
    name_key       TEXT,
    tenant_id      TEXT,
    service_url    TEXT,
    entra_group_id TEXT,
    -- When its channels and members were last read as a whole.
    read_at        INTEGER,
    -- When that was last tried, and what came of it where it failed.
    tried_at       INTEGER,
    trouble        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX teams_by_name ON teams (name_key) WHERE name_key IS NOT NULL;
CREATE INDEX teams_unread ON teams (id) WHERE read_at IS NULL;

-- The channels of teams, as far as they are known.
CREATE TABLE channels (
    recipient_id INTEGER PRIMARY KEY REFERENCES recipients (id),
    team_id      TEXT NOT NULL,
    name         TEXT NOT NULL,
    -- Whether Teams listed it; private channels it may leave out.
    is_listed    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX channels_of_team ON channels (team_id);

-- The thread in which schedules that name it speak, in each channel.
CREATE TABLE threads (
    recipient_id    INTEGER NOT NULL REFERENCES recipients (id),
    name            TEXT NOT NULL,
    -- 19:…;messageid=…
    conversation_id TEXT NOT NULL,
    service_url     TEXT,
    -- The civil time of the occurrence that began it.
    begun_with      TEXT NOT NULL,
    PRIMARY KEY (recipient_id, name)
) STRICT, WITHOUT ROWID;
