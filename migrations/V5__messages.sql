-- What people are told, and what they said.

CREATE TABLE notifications (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    kind        text        NOT NULL CHECK (kind <> ''),
    title       text        NOT NULL,
    body        text        NOT NULL DEFAULT '',
    detail      jsonb       NOT NULL DEFAULT '{}',
    read_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE notifications IS 'Notifications in the app, newest first; unread until read_at is set.';
CREATE INDEX notifications_by_user ON notifications (user_id, created_at DESC, id DESC);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;
CREATE TRIGGER notifications_touch BEFORE UPDATE ON notifications FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE chat_messages (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    request_id  uuid        NOT NULL,
    author      text        NOT NULL CHECK (author IN ('student', 'tutor')),
    agent       text        CHECK (agent IN ('concepts', 'code-review', 'debug', 'exercise', 'triage')),
    topic_id    text        REFERENCES topics,
    text        text        NOT NULL,
    detail      jsonb       NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT chat_messages_once UNIQUE (request_id, author),
    CHECK ((author = 'tutor') = (agent IS NOT NULL))
);
COMMENT ON TABLE chat_messages IS 'The chat''s history: a question and its answer share their request id.';
CREATE INDEX chat_messages_by_user ON chat_messages (user_id, created_at DESC, id DESC);
CREATE INDEX chat_messages_by_topic ON chat_messages (topic_id);
