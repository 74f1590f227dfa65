-- What grading needs of an exercise, and what struggle is found from of a submission.

ALTER TABLE exercises ADD COLUMN grading jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(grading) = 'object');
COMMENT ON COLUMN exercises.grading IS
    'The learnflow.v1.ExerciseGrading message as JSON: with the hidden tests, so it never leaves for a client.';
-- Lists are newest first: of all exercises, of a topic, of a topic's difficulty.
CREATE INDEX exercises_newest ON exercises (created_at DESC, id DESC);
CREATE INDEX exercises_of_topic ON exercises (topic_id, created_at DESC, id DESC);
DROP INDEX exercises_by_topic;
CREATE INDEX exercises_by_topic ON exercises (topic_id, difficulty, created_at DESC, id DESC);

-- Exercises and submissions come by different topics of events: a submission may overtake its exercise, as events may
-- overtake the account they are about, and must not wait for it or be lost.
ALTER TABLE submissions DROP CONSTRAINT submissions_exercise_id_fkey;
COMMENT ON COLUMN submissions.exercise_id IS
    'No foreign key: the submission may be stored before its exercise is.';
ALTER TABLE submissions ADD COLUMN attempt integer CHECK (attempt > 0);
ALTER TABLE submissions ADD COLUMN error_type text CHECK (length(error_type) BETWEEN 1 AND 200);
ALTER TABLE submissions ADD COLUMN duration_ms integer NOT NULL DEFAULT 0 CHECK (duration_ms >= 0);
COMMENT ON COLUMN submissions.attempt IS 'How often the student had submitted this exercise then; null when it was not counted.';
COMMENT ON COLUMN submissions.error_type IS 'For example NameError; null when no visible test ended with an error.';
COMMENT ON COLUMN submissions.duration_ms IS 'How long the tests ran.';
COMMENT ON COLUMN submissions.results IS 'Verdict per test: [{name, visible, status}].';

COMMENT ON TABLE quizzes IS 'Which questions a quiz had when it was asked; a version per change of the topic''s content.';
COMMENT ON COLUMN quizzes.questions IS 'The ids of the questions; their texts are in the curriculum.';
COMMENT ON COLUMN quiz_attempts.answers IS
    '[{question_id, option, correct}]; option is its place in the curriculum, absent when not answered.';
