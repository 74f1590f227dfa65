-- Texts about people are sealed (AES-256-GCM) with a key from the secret store. Rows from before are plain until the
-- service has sealed them.

ALTER TABLE users
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN name DROP NOT NULL,
    ADD COLUMN email_digest bytea CHECK (length(email_digest) = 32),
    ADD COLUMN email_sealed bytea,
    ADD COLUMN name_sealed bytea,
    ADD COLUMN data_key text CHECK (data_key <> ''),
    ADD CONSTRAINT users_email_digest_unique UNIQUE (email_digest),
    ADD CONSTRAINT users_sealed CHECK (CASE WHEN data_key IS NULL
        THEN num_nulls(email, name) = 0 AND num_nonnulls(email_digest, email_sealed, name_sealed) = 0
        ELSE num_nonnulls(email, name) = 0 AND num_nulls(email_digest, email_sealed, name_sealed) = 0 END);
COMMENT ON COLUMN users.email IS 'Null once sealed.';
COMMENT ON COLUMN users.name IS 'Null once sealed.';
COMMENT ON COLUMN users.email_digest IS 'HMAC-SHA256 of the address: finds an account, and tells nothing without the key.';
COMMENT ON COLUMN users.data_key IS 'Names the key of the sealed columns; null while they are plain.';
CREATE INDEX users_by_data_key ON users (data_key, id);

ALTER TABLE chat_messages
    ALTER COLUMN text DROP NOT NULL,
    ADD COLUMN text_sealed bytea,
    ADD COLUMN data_key text CHECK (data_key <> ''),
    ADD CONSTRAINT chat_messages_sealed CHECK ((text IS NULL) = (data_key IS NOT NULL)
                                               AND (text_sealed IS NULL) = (data_key IS NULL));
COMMENT ON COLUMN chat_messages.text IS 'Null once sealed.';
COMMENT ON COLUMN chat_messages.data_key IS 'Names the key of the sealed column; null while it is plain.';
CREATE INDEX chat_messages_by_data_key ON chat_messages (data_key, id);
