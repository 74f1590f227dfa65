-- What the record needs to be kept up with by the facts that come, without looking at all of them.

ALTER TABLE records
    ADD COLUMN basis bigint NOT NULL DEFAULT 0,
    ADD COLUMN next_fact_at timestamptz;
COMMENT ON COLUMN records.basis IS
    'Names the configuration, time zone and role it was computed under: under another basis all of it is computed anew. 0 is none.';
COMMENT ON COLUMN records.next_fact_at IS 'The first fact that is said to happen later than computed_at.';

-- Rows that change all the time find room on their own page, and their indexes stay as they are.
ALTER TABLE records SET (fillfactor = 70);
ALTER TABLE progress SET (fillfactor = 70);
ALTER TABLE alerts SET (fillfactor = 80);
