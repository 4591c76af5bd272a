-- What Teams tells.

-- The keys of news that has been taken in, by which a repetition is recognised. Kept for some days.
CREATE TABLE heard (
    key TEXT PRIMARY KEY,
    at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX heard_by_time ON heard (at);

-- When something was last told of a recipient, and when in the conversation itself.
ALTER TABLE recipients ADD COLUMN told_at INTEGER;
ALTER TABLE recipients ADD COLUMN heard_at INTEGER;
-- Since when they can't be reached, where Teams told it.
ALTER TABLE recipients ADD COLUMN unreachable_since INTEGER;
-- Whether name, language and country are what Teams told. What an operator wrote does not change by hearsay.
ALTER TABLE recipients ADD COLUMN name_told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipients ADD COLUMN language_told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipients ADD COLUMN country_told INTEGER NOT NULL DEFAULT 0;
-- Who took this one over: the two turned out to be one person.
ALTER TABLE recipients ADD COLUMN merged_into INTEGER REFERENCES recipients (id);
CREATE INDEX recipients_merged ON recipients (merged_into) WHERE merged_into IS NOT NULL;

-- Waves that have been expanded and may have to be again. Those that are over stay in it, behind the range that is asked for.
CREATE INDEX waves_expanded ON waves (expire_at) WHERE expanded_at IS NOT NULL AND to_expand = 0 AND withdrawn_at IS NULL;
