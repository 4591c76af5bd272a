-- Lanes: who shares what the limits let through.

-- Every tenant in which a recipient lives, by a number. 0 is that of recipients of whom no tenant is known.
CREATE TABLE tenants (
    id        INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO tenants (tenant_id) SELECT DISTINCT tenant_id FROM recipients WHERE tenant_id IS NOT NULL;
-- Whoever writes a recipient numbers the tenant with it.
CREATE TRIGGER tenants_of_new_recipients AFTER INSERT ON recipients WHEN NEW.tenant_id IS NOT NULL BEGIN
    INSERT INTO tenants (tenant_id)
    SELECT NEW.tenant_id WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = NEW.tenant_id);
END;
CREATE TRIGGER tenants_of_known_recipients AFTER UPDATE OF tenant_id ON recipients WHEN NEW.tenant_id IS NOT NULL BEGIN
    INSERT INTO tenants (tenant_id)
    SELECT NEW.tenant_id WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE tenant_id = NEW.tenant_id);
END;

-- The tenant's number and the schedule's in one: (tenant << 32) + schedule. Claims are taken from all lanes in turn.
-- A recipient whose tenant becomes known later keeps the lane of what is open: lanes are about fairness, and the limits
-- are counted by the tenant itself.
ALTER TABLE deliveries ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET lane = (
    SELECT (coalesce(t.id, 0) << 32) + w.schedule_id
    FROM waves w CROSS JOIN recipients r ON r.id = deliveries.recipient_id
        LEFT JOIN tenants t ON t.tenant_id = r.tenant_id
    WHERE w.id = deliveries.wave_id
)
WHERE state IN ('planned', 'claimed', 'sending', 'waiting');

DROP INDEX deliveries_claimable;
CREATE INDEX deliveries_claimable ON deliveries (queue, lane, not_before) WHERE state IN ('planned', 'waiting');
