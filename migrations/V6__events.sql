-- What came in as events, and what is to go out as events.

CREATE TABLE events (
    id              uuid        PRIMARY KEY,
    student_id      uuid        NOT NULL,
    kind            text        NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    source          text        NOT NULL CHECK (length(source) <= 200),
    occurred_at     timestamptz NOT NULL,
    correlation_id  text        NOT NULL DEFAULT '' CHECK (length(correlation_id) <= 200),
    detail          jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object'),
    stored_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE events IS
    'The audit stream of everything students do, one row per event however often it is delivered. Ids are UUIDv7, hence in the order of time: the table can be partitioned by ranges of its primary key without losing that uniqueness. No foreign keys: events may overtake the account they are about.';
COMMENT ON COLUMN events.detail IS 'Depends on the kind; never a student''s text or code.';
CREATE INDEX events_by_student ON events (student_id, occurred_at DESC, id DESC);

CREATE TABLE outbox (
    id              uuid        PRIMARY KEY,
    topic           text        NOT NULL,
    partition_key   text        NOT NULL,
    event_type      text        NOT NULL,
    data            jsonb       NOT NULL,
    correlation_id  text        NOT NULL DEFAULT '',
    traceparent     text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    published_at    timestamptz
);
COMMENT ON TABLE outbox IS 'Events to publish, written in the transaction that makes them true; a relay publishes them in the order of their ids.';
CREATE INDEX outbox_waiting ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
