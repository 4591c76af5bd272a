-- A wave for a million people is expanded in parts, so that others need not wait for the end of it. Recipients are looked
-- at in the order of their ids.
--
-- Of a wave that waits to be expanded: those with ids up to this one have been looked at. It goes back to whoever may have
-- come or gone meanwhile.
ALTER TABLE waves ADD COLUMN expanded_to INTEGER NOT NULL DEFAULT 0;
-- Whether the audience is larger than its schedule lets through; NULL: it is still to be counted.
ALTER TABLE waves ADD COLUMN is_too_many INTEGER;
CREATE INDEX waves_in_parts ON waves (id) WHERE expanded_to > 0;
