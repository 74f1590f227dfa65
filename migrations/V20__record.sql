-- What students did in the form that their record is computed from, and the record itself.

CREATE TABLE facts (
    id           uuid        PRIMARY KEY,
    student_id   uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    topic_id     text        CHECK (topic_id <> ''),
    kind         text        NOT NULL CHECK (kind IN ('submission', 'quiz_attempt', 'code_review', 'code_run', 'said_stuck',
                                                      'activity')),
    occurred_at  timestamptz NOT NULL,
    exercise_id  text        CHECK (exercise_id <> ''),
    difficulty   text        CHECK (difficulty IN ('easy', 'medium', 'hard')),
    outcome      text        CHECK (outcome IN ('passed', 'failed', 'error', 'timeout')),
    score        smallint    CHECK (score BETWEEN 0 AND 100),
    error_type   text        CHECK (length(error_type) BETWEEN 1 AND 200),
    source       text        NOT NULL CHECK (length(source) <= 200),
    stored_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind IN ('submission', 'code_run')) = (outcome IS NOT NULL)),
    CHECK ((kind IN ('submission', 'quiz_attempt', 'code_review')) = (score IS NOT NULL)),
    CHECK (kind <> 'submission' OR (exercise_id IS NOT NULL AND difficulty IS NOT NULL))
);
COMMENT ON TABLE facts IS
    'What a student did, once however often it was told: mastery, streaks and alerts are computed from these rows alone.';
COMMENT ON COLUMN facts.topic_id IS 'No foreign key: it would lock the rows of the few topics with every fact.';
COMMENT ON COLUMN facts.source IS 'The app that said so.';
CREATE INDEX facts_by_student ON facts (student_id, topic_id, occurred_at);

CREATE TABLE resolutions (
    alert_id     uuid        PRIMARY KEY,
    student_id   uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    kind         text        NOT NULL,
    topic_id     text,
    resolved_at  timestamptz NOT NULL,
    resolved_by  uuid        REFERENCES users ON DELETE SET NULL
);
COMMENT ON TABLE resolutions IS
    'A teacher dealt with an alert: as much a fact as what the student did, since it ends the episode the alert is about.';
CREATE INDEX resolutions_by_student ON resolutions (student_id, topic_id);
CREATE INDEX resolutions_by_teacher ON resolutions (resolved_by) WHERE resolved_by IS NOT NULL;

CREATE TABLE records (
    student_id           uuid        PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    version              bigint      NOT NULL CHECK (version > 0),
    streak_days          integer     NOT NULL CHECK (streak_days >= 0),
    longest_streak_days  integer     NOT NULL CHECK (longest_streak_days >= streak_days),
    last_active          date,
    computed_at          timestamptz NOT NULL,
    valid_until          timestamptz
);
COMMENT ON TABLE records IS 'What is computed for a student as a whole; tables progress and alerts hold the rest.';
COMMENT ON COLUMN records.version IS 'Grows with every change of the student''s facts, resolutions or record.';
COMMENT ON COLUMN records.last_active IS 'The last day with activity, in the student''s time zone.';
COMMENT ON COLUMN records.valid_until IS 'When time alone will change the record: a streak is lost, an episode ends by itself.';
CREATE INDEX records_due ON records (valid_until) WHERE valid_until IS NOT NULL;

ALTER TABLE progress
    ADD COLUMN runs integer NOT NULL DEFAULT 0 CHECK (runs >= 0),
    ADD COLUMN error_quotient double precision NOT NULL DEFAULT 0 CHECK (error_quotient BETWEEN 0 AND 1),
    ADD COLUMN repeated_error_density double precision NOT NULL DEFAULT 0 CHECK (repeated_error_density >= 0),
    ADD COLUMN tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    ADD COLUMN mastered_at_try integer CHECK (mastered_at_try BETWEEN 1 AND tries);
COMMENT ON COLUMN progress.mastered_at_try IS 'The try that was the third right one in a row; null before.';

ALTER TABLE alerts
    ADD COLUMN exercise_id text CHECK (exercise_id <> ''),
    ADD COLUMN error_type text CHECK (length(error_type) BETWEEN 1 AND 200),
    ADD COLUMN opened_at timestamptz,
    ADD COLUMN last_at timestamptz,
    ADD COLUMN signs integer NOT NULL DEFAULT 1 CHECK (signs > 0),
    ADD COLUMN ending text CHECK (ending IN ('success', 'resolved', 'quiet')),
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN withdrawn boolean NOT NULL DEFAULT false,
    ADD CHECK ((ending IS NULL) = (ended_at IS NULL));
UPDATE alerts SET opened_at = created_at, last_at = created_at;
ALTER TABLE alerts ALTER COLUMN opened_at SET NOT NULL, ALTER COLUMN last_at SET NOT NULL;
COMMENT ON TABLE alerts IS
    'A student struggles: one row per episode, raised for their teachers, open until one resolves it or the student overcomes it.';
COMMENT ON COLUMN alerts.resolved_at IS 'When a teacher dealt with it, or the student overcame it.';
COMMENT ON COLUMN alerts.opened_at IS 'The fact at which the rule first held; created_at is when that was noticed.';
COMMENT ON COLUMN alerts.signs IS 'How many facts speak for it.';
COMMENT ON COLUMN alerts.ending IS 'How the episode ended; a quiet one is still to be dealt with.';
COMMENT ON COLUMN alerts.withdrawn IS 'In the light of facts that came later there was no such episode.';
DROP INDEX alerts_by_student;
CREATE INDEX alerts_by_student ON alerts (student_id, created_at DESC, id DESC);
CREATE INDEX alerts_newest ON alerts (created_at DESC, id DESC) WHERE NOT withdrawn;
CREATE INDEX alerts_newest_open ON alerts (created_at DESC, id DESC) WHERE NOT withdrawn AND resolved_at IS NULL;
