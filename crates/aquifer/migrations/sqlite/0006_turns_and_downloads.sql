-- Whose jobs are run next.

-- The partner that the request named, in either mode; jobs that named none have one turn between them.
ALTER TABLE jobs ADD COLUMN named_partner TEXT NOT NULL DEFAULT '';
UPDATE jobs SET named_partner = coalesce(spec ->> '$.partner', '');

ALTER TABLE jobs ADD COLUMN postponed_until INTEGER; -- before this, a submitted job is not taken up

-- What runners look through, and all that they look at: specs may be long.
DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (tenant, partner, project, seq, id, named_partner, state, lease_until, postponed_until)
 WHERE state IN ('submitted', 'executing');

-- A row for each time that a job was taken up, of the last time only for each tenant and partner.
CREATE TABLE turns (
    turn    INTEGER PRIMARY KEY, -- counted up
    tenant  TEXT NOT NULL,
    partner TEXT NOT NULL,
    UNIQUE (tenant, partner)
) STRICT;

-- What has been downloaded.

ALTER TABLE files ADD COLUMN sent TEXT; -- JSON: the ranges of its bytes that have been sent, as long as these are not all

ALTER TABLE increments ADD COLUMN replayed_at INTEGER; -- when a replay of it was first downloaded whole
