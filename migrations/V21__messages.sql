-- Notifications know what they follow from, so that each is told once; and who wants which.

ALTER TABLE notifications ADD COLUMN source_id uuid;
UPDATE notifications SET source_id = id;
ALTER TABLE notifications
    ALTER COLUMN source_id SET NOT NULL,
    ADD CONSTRAINT notifications_once UNIQUE (source_id, user_id);
COMMENT ON COLUMN notifications.source_id IS 'An alert, an event or a call; told to a user once, however often it comes.';

CREATE TABLE notification_subscriptions (
    user_id     uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    kinds       text[]      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE notification_subscriptions IS 'The kinds a user wants; who has no row gets all of them.';
CREATE TRIGGER notification_subscriptions_touch BEFORE UPDATE ON notification_subscriptions
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
