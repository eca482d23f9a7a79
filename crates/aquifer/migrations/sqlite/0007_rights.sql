-- What a client may read, and the secret it had before. A user is a client whose id is a name, and whose secret a password.
ALTER TABLE clients ADD COLUMN rights TEXT NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE clients ADD COLUMN old_secret_hash TEXT;
ALTER TABLE clients ADD COLUMN old_secret_until INTEGER; -- not null if there is one
