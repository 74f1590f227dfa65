-- Teachers and their students.

CREATE TABLE classes (
    id          uuid        PRIMARY KEY,
    teacher_id  uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    join_code   text        NOT NULL UNIQUE CHECK (length(join_code) BETWEEN 6 AND 20),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE classes IS 'A teacher''s group of students, who join by its code.';
CREATE INDEX classes_by_teacher ON classes (teacher_id, name);
CREATE TRIGGER classes_touch BEFORE UPDATE ON classes FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE class_members (
    class_id    uuid        NOT NULL REFERENCES classes ON DELETE CASCADE,
    student_id  uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    joined_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (class_id, student_id)
);
COMMENT ON TABLE class_members IS 'Who is in which class: what makes a student a teacher''s student.';
CREATE INDEX class_members_by_student ON class_members (student_id);

CREATE TABLE assignments (
    id           uuid        PRIMARY KEY,
    class_id     uuid        NOT NULL REFERENCES classes ON DELETE CASCADE,
    student_id   uuid        REFERENCES users ON DELETE CASCADE,
    exercise_id  text        REFERENCES exercises,
    topic_id     text        REFERENCES topics,
    prompt       text,
    difficulty   text        CHECK (difficulty IN ('easy', 'medium', 'hard')),
    status       text        NOT NULL CHECK (status IN ('proposed', 'assigned', 'done')),
    due          timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (exercise_id IS NOT NULL OR prompt IS NOT NULL)
);
COMMENT ON TABLE assignments IS 'An exercise for a class, or for one student of it: chosen, or described in the teacher''s words.';
CREATE INDEX assignments_by_class ON assignments (class_id, due);
CREATE INDEX assignments_by_student ON assignments (student_id) WHERE student_id IS NOT NULL;
CREATE INDEX assignments_by_exercise ON assignments (exercise_id);
CREATE INDEX assignments_by_topic ON assignments (topic_id);
CREATE TRIGGER assignments_touch BEFORE UPDATE ON assignments FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE alerts (
    id           uuid        PRIMARY KEY,
    student_id   uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    topic_id     text        REFERENCES topics,
    kind         text        NOT NULL CHECK (kind IN ('same_error', 'exercise_timeout', 'no_passing_run', 'failed_quiz',
                                                      'failed_runs', 'said_stuck')),
    message      text        NOT NULL,
    detail       jsonb       NOT NULL DEFAULT '{}',
    resolved_at  timestamptz,
    resolved_by  uuid        REFERENCES users ON DELETE SET NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE alerts IS 'A student struggles: raised for their teachers, open until one resolves it.';
CREATE INDEX alerts_by_student ON alerts (student_id, created_at DESC);
CREATE INDEX alerts_open ON alerts (student_id, kind) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_topic ON alerts (topic_id);
CREATE TRIGGER alerts_touch BEFORE UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
