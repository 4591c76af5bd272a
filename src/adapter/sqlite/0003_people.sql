-- What else is known of people, and what it is for.

-- When they are not to be disturbed, on their own clock: 20:00-08:00.
ALTER TABLE recipients ADD COLUMN quiet_hours TEXT;
-- Where they live, by its two letters, for the holidays there.
ALTER TABLE recipients ADD COLUMN country TEXT;
-- Whether the schedule asks for each recipient's own holidays.
ALTER TABLE schedules ADD COLUMN own_holidays INTEGER NOT NULL DEFAULT 0;

-- The places that deliveries have taken among those that a person may get on one local day. Given back by those of
-- which certainly nothing arrived.
CREATE TABLE day_places (
    delivery_id  INTEGER PRIMARY KEY,
    recipient_id INTEGER NOT NULL,
    day          TEXT NOT NULL
) STRICT;
CREATE INDEX day_places_taken ON day_places (recipient_id, day);
