-- A student's weeks as a whole. Nothing was ever written to the table of this name; what it was to hold by topic, the
-- table progress holds.

DROP TABLE weekly_aggregates;
CREATE TABLE weekly_aggregates (
    user_id         uuid              NOT NULL REFERENCES users ON DELETE CASCADE,
    week            date              NOT NULL CHECK (extract(isodow FROM week) = 1),
    active_days     smallint          NOT NULL CHECK (active_days BETWEEN 1 AND 7),
    runs            integer           NOT NULL CHECK (runs >= 0),
    failed_runs     integer           NOT NULL CHECK (failed_runs BETWEEN 0 AND runs),
    submissions     integer           NOT NULL CHECK (submissions >= 0),
    passed          integer           NOT NULL CHECK (passed BETWEEN 0 AND submissions),
    quiz_attempts   integer           NOT NULL CHECK (quiz_attempts >= 0),
    topics          integer           NOT NULL CHECK (topics >= 0),
    said_stuck      integer           NOT NULL CHECK (said_stuck >= 0),
    mastery_before  double precision  NOT NULL CHECK (mastery_before >= 0),
    mastery_after   double precision  NOT NULL CHECK (mastery_after >= 0),
    updated_at      timestamptz       NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, week)
);
COMMENT ON TABLE weekly_aggregates IS
    'A student''s weeks with activity, computed from the facts as of records.weeks_version; the days are those of the student''s time zone.';
COMMENT ON COLUMN weekly_aggregates.week IS 'Its Monday.';
COMMENT ON COLUMN weekly_aggregates.mastery_before IS 'Sum of the mastery of all topics when the week began, 0 to 100 each.';
COMMENT ON COLUMN weekly_aggregates.mastery_after IS 'The same when it ended, or when it was computed if it had not ended.';
CREATE TRIGGER weekly_aggregates_touch BEFORE UPDATE ON weekly_aggregates
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

ALTER TABLE records ADD COLUMN weeks_version bigint, ADD COLUMN weeks_at timestamptz,
    ADD CHECK ((weeks_version IS NULL) = (weeks_at IS NULL));
COMMENT ON COLUMN records.weeks_version IS 'The version of the record that the weeks were computed from; null when they never were.';
COMMENT ON COLUMN records.weeks_at IS 'When they were.';
