-- What is taught: the curriculum's ids, and what was made from it. Ids of the curriculum are words ("control-flow").

CREATE TABLE modules (
    id          text        PRIMARY KEY,
    title       text        NOT NULL,
    position    integer     NOT NULL CHECK (position > 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE modules IS 'The modules of the curriculum, in the order of their positions.';
CREATE TRIGGER modules_touch BEFORE UPDATE ON modules FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE topics (
    id          text        PRIMARY KEY,
    module_id   text        NOT NULL REFERENCES modules,
    title       text        NOT NULL,
    position    integer     NOT NULL CHECK (position > 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE topics IS 'The topics of a module, in the order of their positions.';
CREATE INDEX topics_by_module ON topics (module_id, position);
CREATE TRIGGER topics_touch BEFORE UPDATE ON topics FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE exercises (
    id           text        PRIMARY KEY,
    topic_id     text        NOT NULL REFERENCES topics,
    difficulty   text        NOT NULL CHECK (difficulty IN ('easy', 'medium', 'hard')),
    title        text        NOT NULL,
    made_by      text        NOT NULL CHECK (made_by IN ('model', 'builtin')),
    content      jsonb       NOT NULL,
    created_for  uuid        REFERENCES users ON DELETE SET NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE exercises IS 'Exercises as students see them.';
COMMENT ON COLUMN exercises.content IS 'The learnflow.v1.Exercise message as JSON.';
CREATE INDEX exercises_by_topic ON exercises (topic_id, difficulty, created_at DESC);
CREATE INDEX exercises_by_student ON exercises (created_for) WHERE created_for IS NOT NULL;
CREATE TRIGGER exercises_touch BEFORE UPDATE ON exercises FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE quizzes (
    id          text        PRIMARY KEY,
    topic_id    text        REFERENCES topics,
    kind        text        NOT NULL DEFAULT 'topic' CHECK (kind IN ('topic', 'placement')),
    version     integer     NOT NULL DEFAULT 1 CHECK (version > 0),
    questions   jsonb       NOT NULL CHECK (jsonb_typeof(questions) = 'array'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'topic') = (topic_id IS NOT NULL))
);
COMMENT ON TABLE quizzes IS 'Quizzes as they were asked, so that old attempts stay readable when the curriculum changes.';
CREATE UNIQUE INDEX quizzes_by_topic ON quizzes (topic_id, version) WHERE topic_id IS NOT NULL;
CREATE TRIGGER quizzes_touch BEFORE UPDATE ON quizzes FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
