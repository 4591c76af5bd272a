-- What an edit leaves behind, so that a changed time of day does not serve anybody twice on one date.

-- Whether the schedule meant it when it was last planned as a whole.
ALTER TABLE occurrences ADD COLUMN is_meant INTEGER NOT NULL DEFAULT 1;
-- Of one that is not meant: the civil time of the occurrence of the same schedule that is sent in its place.
ALTER TABLE occurrences ADD COLUMN replaced_by TEXT;
CREATE INDEX occurrences_replaced ON occurrences (schedule_id, replaced_by) WHERE replaced_by IS NOT NULL;

-- What becomes of a backlog.
ALTER TABLE schedules ADD COLUMN overlap TEXT NOT NULL DEFAULT 'supersede';
ALTER TABLE schedules ADD COLUMN catch_up TEXT NOT NULL DEFAULT 'latest';
-- To find the later waves of a schedule that are due by now.
CREATE INDEX waves_by_due ON waves (schedule_id, due_at);
-- When a daemon was last there to send what is due.
ALTER TABLE daemon ADD COLUMN went_round_at INTEGER;

-- Over how many microseconds the recipients of a wave are spread, and what sets its spread apart from others. A delivery
-- is due so long after its wave as `domain/spread.rs` says; `expire_at` of a wave is that of its last recipient.
ALTER TABLE waves ADD COLUMN jitter INTEGER NOT NULL DEFAULT 0;
ALTER TABLE waves ADD COLUMN salt INTEGER NOT NULL DEFAULT 0;

-- With more people than this in its audience, nothing of an occurrence is sent.
ALTER TABLE schedules ADD COLUMN max_people INTEGER;
