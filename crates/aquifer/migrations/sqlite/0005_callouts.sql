-- The callouts that tell of jobs' ends: recorded with the end, sent later.
CREATE TABLE callouts (
    job         TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL, -- since the end, or since it was to be sent again
    due_at      INTEGER, -- not null while it waits
    lease_token TEXT, -- not null while it is being sent
    lease_until INTEGER
) STRICT, WITHOUT ROWID;

-- What is looked through for work; what is done with does not slow it down.
CREATE INDEX callouts_due ON callouts (due_at) WHERE state = 'waiting';
CREATE INDEX callouts_sent ON callouts (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE callout_tries (
    job          TEXT NOT NULL REFERENCES callouts (job) ON DELETE CASCADE,
    ordinal      INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    method       TEXT NOT NULL,
    url          TEXT NOT NULL,
    milliseconds INTEGER NOT NULL,
    status       INTEGER, -- of the answer, if there was one
    body         TEXT,
    refused      INTEGER NOT NULL, -- whether it was not sent at all
    error        TEXT,
    PRIMARY KEY (job, ordinal)
) STRICT, WITHOUT ROWID;
