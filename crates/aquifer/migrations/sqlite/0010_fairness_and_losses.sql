-- What one tenant has many of must not stand in the way of others.

ALTER TABLE callouts ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; -- its job's
UPDATE callouts SET tenant = (SELECT tenant FROM jobs WHERE id = job);

-- The first of each tenant's is found without a look at the rest.
DROP INDEX callouts_due;
CREATE INDEX callouts_due ON callouts (tenant, due_at, lease_until) WHERE state = 'waiting';

-- Of each client the newest are kept.
CREATE INDEX refusals_by_client ON refusals (tenant, client, seq);

-- Whether the last window of a query had not been delivered when its job was purged.
ALTER TABLE session_queries ADD COLUMN is_lost INTEGER NOT NULL DEFAULT 0;
