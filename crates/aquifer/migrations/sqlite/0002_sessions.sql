-- What the stateful jobs of a partner's project have returned so far.
CREATE TABLE sessions (
    tenant     TEXT NOT NULL,
    partner    TEXT NOT NULL,
    project    TEXT NOT NULL,
    increments INTEGER NOT NULL, -- how many there have been
    queries    TEXT NOT NULL, -- JSON, of the last completed job
    last_at    INTEGER NOT NULL, -- when that was
    PRIMARY KEY (tenant, partner, project)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_age ON sessions (last_at);

-- Where the last window of each query ended.
CREATE TABLE session_queries (
    tenant   TEXT NOT NULL,
    partner  TEXT NOT NULL,
    project  TEXT NOT NULL,
    identity TEXT NOT NULL, -- JSON
    name     TEXT,
    at       INTEGER NOT NULL,
    position TEXT NOT NULL,
    shown    TEXT, -- a later position whose rows the client may know
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, partner, project, identity),
    FOREIGN KEY (tenant, partner, project) REFERENCES sessions (tenant, partner, project) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The jobs that moved a session, as long as they are kept.
CREATE TABLE increments (
    tenant          TEXT NOT NULL,
    partner         TEXT NOT NULL,
    project         TEXT NOT NULL,
    number          INTEGER NOT NULL,
    job             TEXT NOT NULL UNIQUE REFERENCES jobs (id) ON DELETE CASCADE,
    acknowledged_at INTEGER,
    PRIMARY KEY (tenant, partner, project, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE batches ADD COLUMN scope TEXT; -- JSON; which rows a batch of a stateful job returns

ALTER TABLE files ADD COLUMN downloaded_at INTEGER; -- when it was first downloaded whole
