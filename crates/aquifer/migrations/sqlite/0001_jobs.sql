-- Times are microseconds since 1970-01-01T00:00:00Z, ids 32 hex digits.

CREATE TABLE jobs (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of arrival
    id                TEXT NOT NULL UNIQUE,
    tenant            TEXT NOT NULL,
    partner           TEXT, -- the session of a stateful job; null in stateless ones, whatever they named
    project           TEXT,
    spec              TEXT NOT NULL, -- JSON
    warnings          TEXT NOT NULL, -- JSON
    state             TEXT NOT NULL,
    submitted_at      INTEGER NOT NULL,
    attempt           INTEGER NOT NULL,
    snapshot_at       INTEGER,
    snapshot_position TEXT,
    ended_at          INTEGER,
    fault             TEXT, -- JSON
    lease_token       TEXT, -- not null while executing
    lease_until       INTEGER
) STRICT;

-- What runners look through; finished jobs do not slow it down.
CREATE INDEX jobs_open ON jobs (seq) WHERE state IN ('submitted', 'executing');
CREATE INDEX jobs_of_session ON jobs (tenant, partner, project, seq) WHERE partner IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE batches (
    job        TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    ordinal    INTEGER NOT NULL,
    id         TEXT NOT NULL,
    state      TEXT NOT NULL,
    message    TEXT NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER,
    output     TEXT, -- JSON; its files are published with the end of the job
    PRIMARY KEY (job, ordinal)
) STRICT, WITHOUT ROWID;

-- Published files: nothing else is ever served, and the sweep deletes whatever no row names.
CREATE TABLE files (
    id           TEXT PRIMARY KEY,
    job          TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    path         TEXT NOT NULL,
    bytes        INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    purged_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX files_of_job ON files (job);
CREATE INDEX files_to_purge ON files (published_at) WHERE purged_at IS NULL;

CREATE TABLE clients (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    name        TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;

CREATE TABLE tokens (
    key        TEXT PRIMARY KEY, -- a digest of the token
    client     TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_expiry ON tokens (expires_at);

-- Submits that were refused.
CREATE TABLE refusals (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant  TEXT NOT NULL,
    client  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    code    TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;

CREATE INDEX refusals_by_time ON refusals (at);
