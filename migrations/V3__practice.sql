-- What students did, and the mastery computed from it.

CREATE TABLE submissions (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    exercise_id   text        NOT NULL REFERENCES exercises,
    topic_id      text        NOT NULL REFERENCES topics,
    status        text        NOT NULL CHECK (status IN ('passed', 'failed', 'error', 'timeout')),
    score         smallint    NOT NULL CHECK (score BETWEEN 0 AND 100),
    quality       smallint    CHECK (quality BETWEEN 0 AND 100),
    results       jsonb       NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(results) = 'array'),
    submitted_at  timestamptz NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE submissions IS 'Graded solutions.';
COMMENT ON COLUMN submissions.quality IS 'Rating of a code review; null until one was made.';
CREATE INDEX submissions_by_user ON submissions (user_id, submitted_at DESC);
CREATE INDEX submissions_by_user_topic ON submissions (user_id, topic_id, submitted_at DESC);
CREATE INDEX submissions_by_exercise ON submissions (exercise_id, user_id);
CREATE INDEX submissions_by_topic ON submissions (topic_id);
CREATE TRIGGER submissions_touch BEFORE UPDATE ON submissions FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE quiz_attempts (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    quiz_id       text        NOT NULL REFERENCES quizzes,
    topic_id      text        REFERENCES topics,
    score         smallint    NOT NULL CHECK (score BETWEEN 0 AND 100),
    answers       jsonb       NOT NULL CHECK (jsonb_typeof(answers) = 'array'),
    attempted_at  timestamptz NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE quiz_attempts IS 'Graded attempts at quizzes; a placement quiz has no topic.';
CREATE INDEX quiz_attempts_by_user_topic ON quiz_attempts (user_id, topic_id, attempted_at DESC);
CREATE INDEX quiz_attempts_by_quiz ON quiz_attempts (quiz_id);
CREATE INDEX quiz_attempts_by_topic ON quiz_attempts (topic_id);

CREATE TABLE progress (
    user_id         uuid             NOT NULL REFERENCES users ON DELETE CASCADE,
    topic_id        text             NOT NULL REFERENCES topics,
    mastery         double precision NOT NULL DEFAULT 0 CHECK (mastery BETWEEN 0 AND 100),
    level           text             NOT NULL DEFAULT 'beginner'
                    CHECK (level IN ('beginner', 'learning', 'proficient', 'mastered')),
    exercises       double precision CHECK (exercises BETWEEN 0 AND 100),
    quizzes         double precision CHECK (quizzes BETWEEN 0 AND 100),
    code_quality    double precision CHECK (code_quality BETWEEN 0 AND 100),
    consistency     double precision CHECK (consistency BETWEEN 0 AND 100),
    knowledge       double precision NOT NULL DEFAULT 0 CHECK (knowledge BETWEEN 0 AND 1),
    next_review_at  timestamptz,
    created_at      timestamptz      NOT NULL DEFAULT now(),
    updated_at      timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, topic_id)
);
COMMENT ON TABLE progress IS 'Mastery per student and topic, computed anew from the facts; a component is null until first attempted.';
CREATE INDEX progress_by_topic ON progress (topic_id);
CREATE INDEX progress_by_review ON progress (user_id, next_review_at) WHERE next_review_at IS NOT NULL;
CREATE TRIGGER progress_touch BEFORE UPDATE ON progress FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE weekly_aggregates (
    user_id            uuid             NOT NULL REFERENCES users ON DELETE CASCADE,
    week               date             NOT NULL CHECK (extract(isodow FROM week) = 1),
    topic_id           text             NOT NULL REFERENCES topics,
    events             integer          NOT NULL DEFAULT 0 CHECK (events >= 0),
    submissions        integer          NOT NULL DEFAULT 0 CHECK (submissions >= 0),
    passed             integer          NOT NULL DEFAULT 0 CHECK (passed BETWEEN 0 AND submissions),
    quiz_attempts      integer          NOT NULL DEFAULT 0 CHECK (quiz_attempts >= 0),
    active_days        smallint         NOT NULL DEFAULT 0 CHECK (active_days BETWEEN 0 AND 7),
    mastery_at_end     double precision CHECK (mastery_at_end BETWEEN 0 AND 100),
    updated_at         timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, week, topic_id)
);
COMMENT ON TABLE weekly_aggregates IS 'A week of a student on a topic, for summaries that need not read every fact. Weeks begin on Monday.';
CREATE INDEX weekly_aggregates_by_topic ON weekly_aggregates (topic_id, week);
CREATE TRIGGER weekly_aggregates_touch BEFORE UPDATE ON weekly_aggregates
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
