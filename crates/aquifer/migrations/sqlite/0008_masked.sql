ALTER TABLE clients ADD COLUMN reads_masked INTEGER NOT NULL DEFAULT 0; -- whether it may read masked fields
