-- Classes that are joined, assignments that are proposed and done, alerts that are resolved with a word, the placement quiz.

-- Lists: a teacher's classes and all of them by name, a class's students as they joined, assignments newest first.
DROP INDEX classes_by_teacher;
CREATE INDEX classes_by_teacher ON classes (teacher_id, name, id);
CREATE INDEX classes_by_name ON classes (name, id);
CREATE INDEX class_members_in_order ON class_members (class_id, joined_at, student_id);
CREATE INDEX assignments_newest ON assignments (class_id, created_at DESC, id DESC);

CREATE TABLE join_attempts (
    user_id   uuid         PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    since     timestamptz  NOT NULL,
    attempts  integer      NOT NULL CHECK (attempts >= 0)
);
COMMENT ON TABLE join_attempts IS 'How often a user tried a join code that fits no class, so that codes cannot be guessed.';
COMMENT ON COLUMN join_attempts.since IS 'When the count began; it begins anew after a while.';

-- An exercise can be assigned right after it was made, and its event may still be on its way.
ALTER TABLE assignments DROP CONSTRAINT assignments_exercise_id_fkey;
ALTER TABLE assignments ADD COLUMN title text NOT NULL DEFAULT '', ADD COLUMN assigned_at timestamptz;
UPDATE assignments SET assigned_at = created_at WHERE status <> 'proposed';
COMMENT ON COLUMN assignments.exercise_id IS 'No foreign key: the assignment may be stored before its exercise is.';
COMMENT ON COLUMN assignments.title IS 'The exercise''s title.';
COMMENT ON COLUMN assignments.status IS 'Who did it is not kept here: that follows from the submissions.';
COMMENT ON COLUMN assignments.assigned_at IS 'When the teacher confirmed it; null while it is proposed.';

ALTER TABLE resolutions ADD COLUMN note text CHECK (length(note) BETWEEN 1 AND 1000);
COMMENT ON COLUMN resolutions.note IS 'What the teacher noted about it.';
-- Whose alerts are open is asked of a whole class at once.
DROP INDEX alerts_open;
CREATE INDEX alerts_open ON alerts (student_id) WHERE resolved_at IS NULL AND NOT withdrawn;

DROP INDEX audit_by_subject;
CREATE INDEX audit_by_subject ON audit (subject_id, occurred_at DESC, id DESC);

ALTER TABLE quiz_attempts
    ADD COLUMN levels jsonb CHECK (jsonb_typeof(levels) = 'array'),
    ADD COLUMN reset_at timestamptz,
    ADD CHECK (topic_id IS NULL OR (levels IS NULL AND reset_at IS NULL));
COMMENT ON COLUMN quiz_attempts.levels IS 'Of a placement quiz: [{module, level}].';
COMMENT ON COLUMN quiz_attempts.reset_at IS 'When an administrator let the student take the placement quiz again.';
CREATE UNIQUE INDEX quiz_attempts_one_placement ON quiz_attempts (user_id) WHERE topic_id IS NULL AND reset_at IS NULL;

ALTER TABLE facts
    DROP CONSTRAINT facts_kind_check,
    ADD CONSTRAINT facts_kind_check CHECK (kind IN ('submission', 'quiz_attempt', 'code_review', 'code_run', 'said_stuck',
                                                    'activity', 'placement')),
    ADD COLUMN level text CHECK (level IN ('beginner', 'learning', 'proficient', 'mastered')),
    ADD CONSTRAINT facts_level_of_placement CHECK ((kind = 'placement') = (level IS NOT NULL)),
    ADD CONSTRAINT facts_topic_of_placement CHECK (kind <> 'placement' OR topic_id IS NOT NULL);
COMMENT ON COLUMN facts.level IS 'Where the placement quiz let the student begin with the topic.';

ALTER TABLE progress
    ADD COLUMN starting_level text CHECK (starting_level IN ('beginner', 'learning', 'proficient', 'mastered'));
COMMENT ON COLUMN progress.starting_level IS 'What the placement quiz said; no part of the mastery.';
