-- Events by month: old months are dropped as a whole, and an index never grows over the years.

CREATE FUNCTION event_id_at(at timestamptz) RETURNS uuid LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
COMMENT ON FUNCTION event_id_at(timestamptz) IS 'No UUIDv7 made from this moment on is smaller.';

ALTER TABLE events RENAME TO events_before;
ALTER TABLE events_before RENAME CONSTRAINT events_pkey TO events_before_pkey;
ALTER INDEX events_by_student RENAME TO events_before_by_student;

CREATE TABLE events (LIKE events_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)
    PARTITION BY RANGE (id);
ALTER TABLE events ADD PRIMARY KEY (id);
COMMENT ON TABLE events IS
    'The audit stream of everything students do, one row per event however often it is delivered. Ids are UUIDv7, hence in the order of time: a partition per month of publication keeps them unique. No foreign keys: events may overtake the account they are about.';
CREATE INDEX events_by_student ON events (student_id, occurred_at DESC, id DESC);

-- For whatever has no month: events whose ids are other UUIDs, or of a time for which no partition was made.
CREATE TABLE events_default (LIKE events INCLUDING ALL);
COMMENT ON TABLE events_default IS 'Events that belong to no month.';

-- What there is becomes one partition, as it stands; only the rows of later ids move. They are few: ids of a clock that
-- was ahead, or other UUIDs.
DO $$
DECLARE
    bound uuid := event_id_at((date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
BEGIN
    WITH moved AS (DELETE FROM events_before WHERE id >= bound RETURNING *)
    INSERT INTO events_default SELECT * FROM moved;
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO (%L)', bound);
END
$$;
ALTER TABLE events ATTACH PARTITION events_default DEFAULT;
COMMENT ON TABLE events_before IS 'Events up to the month in which they were first kept by month.';
