-- What Teams told last of who is in a team, and of what teams and channels are called. What it tells late must not undo it.

-- When that was, by Teams' own time. Kept for some days, as news is recognised.
CREATE TABLE latest (
    -- A member of a team by one of their addresses, or the name of a team or a channel.
    about TEXT PRIMARY KEY,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX latest_by_time ON latest (at);
