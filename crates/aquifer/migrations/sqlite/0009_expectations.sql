-- Whether a batch is going to be everything that lives, as was known at the submit.
ALTER TABLE batches ADD COLUMN will_be_full INTEGER NOT NULL DEFAULT 1;
