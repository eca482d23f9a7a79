-- Whom a tenant's result files are encrypted to, if a job asks for it.
CREATE TABLE recipients (
    tenant   TEXT PRIMARY KEY,
    key      BLOB NOT NULL, -- an OpenPGP public key, as it was given
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
