-- People, how they sign in, and who looked at whose data.

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_updated_at() IS 'Keeps updated_at true whoever changes the row.';

CREATE TABLE users (
    id                uuid        PRIMARY KEY,
    email             text        NOT NULL CHECK (length(email) <= 254 AND email = lower(email)),
    name              text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    role              text        NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'teacher', 'admin')),
    password_hash     text,
    time_zone         text        NOT NULL DEFAULT 'UTC',
    under_13          boolean     NOT NULL DEFAULT false,
    consent_given_at  timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_email_unique UNIQUE (email)
);
COMMENT ON TABLE users IS 'Everybody with an account.';
COMMENT ON COLUMN users.password_hash IS 'argon2id as a PHC string; null for accounts that sign in elsewhere.';
COMMENT ON COLUMN users.time_zone IS 'IANA name; streaks count the days of this zone.';
COMMENT ON COLUMN users.consent_given_at IS 'When a parent consented, for users under 13.';
CREATE INDEX users_by_role ON users (role, id);
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE refresh_tokens (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    family_id   uuid        NOT NULL,
    token_hash  bytea       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    issued_at   timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    revoked_at  timestamptz
);
COMMENT ON TABLE refresh_tokens IS 'Refresh tokens by their SHA-256; a token used twice revokes its whole family.';
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE audit (
    id              uuid        PRIMARY KEY,
    actor_id        uuid        NOT NULL,
    actor_role      text        NOT NULL CHECK (actor_role IN ('student', 'teacher', 'admin')),
    action          text        NOT NULL,
    subject_id      uuid,
    correlation_id  text        NOT NULL DEFAULT '',
    detail          jsonb       NOT NULL DEFAULT '{}',
    occurred_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE audit IS 'Reads and changes of a person''s data by teachers and admins. No foreign keys: the trail outlives the accounts.';
CREATE INDEX audit_by_subject ON audit (subject_id, occurred_at DESC);
CREATE INDEX audit_by_actor ON audit (actor_id, occurred_at DESC);
