-- Requests with an Idempotency-Key, and what they were answered; without an answer while they are worked on.
CREATE TABLE keys (
    tenant     TEXT NOT NULL,
    key        TEXT NOT NULL,
    target     TEXT NOT NULL, -- method and URL
    claimed_at INTEGER NOT NULL,
    answer     TEXT, -- JSON: status, headers
    body       BLOB,
    PRIMARY KEY (tenant, key)
) STRICT;

CREATE INDEX keys_by_age ON keys (claimed_at);
