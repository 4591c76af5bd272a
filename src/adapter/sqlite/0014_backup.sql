-- Backups, and what is restored from one.

-- In a backup: when it was made.
ALTER TABLE daemon ADD COLUMN backed_up_at INTEGER;
-- When this ledger was restored from a backup. Of what was due until then nobody knows whether it was sent.
ALTER TABLE daemon ADD COLUMN restored_at INTEGER;
