use learnflow_agent::{Answering, answer, query};
use learnflow_curriculum::{Difficulty, Level, Topic};
use learnflow_proto::{
    events::ExerciseRequested,
    v1::{Answer, Exercise, Problem, Question},
};
use learnflow_sidecar::{Event, Outcome};
use learnflow_tutor::{Confidence, Match, Reply, Tutor};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{practice::Practice, service::difficulty, wish::Wish};

/// Answers a wish to practise with an exercise.
#[derive(Clone)]
pub struct Exercises {
    pub tutor: Tutor,
    pub practice: Practice,
}

#[tonic::async_trait]
impl Answering for Exercises {
    async fn answer(&self, question: &Question) -> Result<Answer, Problem> {
        let (query, level) = query(question);
        let seed = seed(&question.request_id);
        let (topic, is_named) = match self.tutor.find_topic(&query) {
            Match { topic: Some(topic), confidence: Confidence::Likely | Confidence::Sure, .. } => (Some(topic), true),
            _ => (self.any_topic(level, seed), false),
        };
        let exercise = match topic {
            Some(topic) => {
                let wish = Wish {
                    user_id: &question.student_id,
                    topic,
                    difficulty: nearest(topic, wanted(&question.text).unwrap_or(suited(level))),
                    level: Some(level),
                    words: Some(&question.text),
                    seed,
                    by_model: true,
                    request_id: Some(&question.request_id),
                };
                self.practice.wished(&wish).await
            }
            None => Err(Status::not_found("the curriculum has no exercises")),
        };
        match (exercise, topic) {
            (Ok(exercise), Some(topic)) => {
                let reply =
                    Reply { topic: Some(topic.id.clone()), level, markdown: present(&exercise, topic, is_named) };
                let source = exercise.source.clone();
                Ok(Answer { source, exercise: Some(exercise), ..answer(question, "exercise", reply) })
            }
            (Err(status), _) => {
                tracing::warn!(%status, "no exercise could be made");
                let reply = self.tutor.explain(&query, level);
                let markdown = format!(
                    "I can't make an exercise right now; ask again in a minute. Until then there is this to read and \
                     to try.\n\n{}",
                    reply.markdown
                );
                Ok(answer(question, "exercise", Reply { markdown, ..reply }))
            }
            (Ok(_), None) => Err(Problem::default()),
        }
    }
}

impl Exercises {
    /// A topic with exercises from the quarter of the curriculum that suits the level.
    fn any_topic(&self, level: Level, seed: u32) -> Option<&Topic> {
        let topics: Vec<_> = self.tutor.curriculum().topics().filter(|topic| !topic.exercises.is_empty()).collect();
        let quarter = topics.len().div_ceil(Level::ALL.len());
        let suited = topics.get(level as usize * quarter..).unwrap_or(&topics);
        let suited = &suited[..suited.len().min(quarter)];
        suited.get(seed as usize % suited.len().max(1)).copied()
    }

    /// Prepares an exercise that was asked for by event; acknowledged when it is announced.
    pub async fn requested(self, event: Event<ExerciseRequested>) -> Outcome {
        let ExerciseRequested { request_id, student_id, topic, difficulty: word } = event.data;
        let topic = self.practice.topic(&topic);
        let (Ok(topic), Some(difficulty), false) = (topic, difficulty(&word), student_id.is_empty()) else {
            tracing::warn!(event_id = event.id, "request for an exercise that there isn't dropped");
            return Outcome::Drop;
        };
        let made = match self.practice.exercise(topic, nearest(topic, difficulty), seed(&request_id)).await {
            Ok(made) => made,
            Err(status) if matches!(status.code(), Code::Internal | Code::InvalidArgument) => return Outcome::Drop,
            Err(_) => return Outcome::Retry,
        };
        match self.practice.announce(&student_id, &made).await {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Retry,
        }
    }
}

/// The seed of a request: should it be worked twice, its exercise is the same.
fn seed(request_id: &str) -> u32 {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, request_id.as_bytes()).as_fields().0
}

/// The difficulty that the student asks for.
pub fn wanted(text: &str) -> Option<Difficulty> {
    text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).find_map(|word| match word {
        "easy" | "easier" | "easiest" | "simple" | "simpler" => Some(Difficulty::Easy),
        "medium" | "intermediate" | "moderate" => Some(Difficulty::Medium),
        "hard" | "harder" | "hardest" | "difficult" | "challenging" | "advanced" | "tough" | "tricky" => {
            Some(Difficulty::Hard)
        }
        _ => None,
    })
}

fn suited(level: Level) -> Difficulty {
    match level {
        Level::Beginner => Difficulty::Easy,
        Level::Learning => Difficulty::Medium,
        Level::Proficient | Level::Mastered => Difficulty::Hard,
    }
}

/// The difficulty itself, or that of the topic's exercises which is nearest, rather the easier one.
pub fn nearest(topic: &Topic, difficulty: Difficulty) -> Difficulty {
    let distance = |other: Difficulty| (other as i32 - difficulty as i32).abs();
    let known = topic.exercises.iter().map(|template| template.difficulty);
    known.min_by_key(|other| (distance(*other), *other)).unwrap_or(difficulty)
}

/// The exercise as Markdown.
fn present(exercise: &Exercise, topic: &Topic, is_named: bool) -> String {
    let article = if exercise.difficulty == "easy" { "an" } else { "a" };
    let (difficulty, place) = (&exercise.difficulty, &topic.title);
    let opening = if is_named {
        format!("Here is {article} {difficulty} exercise on **{place}**.")
    } else {
        format!(
            "I couldn't tell which topic you mean, so here is {article} {difficulty} exercise on **{place}**. Name \
             another if you like, as in \"a medium exercise on dictionaries\"."
        )
    };
    let statement = format!("## {}\n\n{}", exercise.title, exercise.statement_markdown.trim());
    let starter = exercise.starter_code.trim_matches('\n');
    let starter = format!("Begin with this:\n\n```python\n{starter}\n```");
    let tests = |count: usize| if count == 1 { "test" } else { "tests" };
    let (shown, hidden) = (exercise.visible_tests.len(), exercise.hidden_test_count);
    let checks = format!(
        "Your solution is checked by {shown} {} that you can see and {hidden} hidden {}.",
        tests(shown),
        tests(usize::try_from(hidden).unwrap_or_default())
    );
    if exercise.starter_code.trim().is_empty() {
        [opening, statement, checks].join("\n\n")
    } else {
        [opening, statement, starter, checks].join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-021..024: the words of the wish decide, in whatever spelling; no part of another word does.
    #[test]
    fn the_wished_difficulty_is_heard() {
        let cases = [
            ("Give me a HARD exercise on loops", Some(Difficulty::Hard)),
            ("something easier, please", Some(Difficulty::Easy)),
            ("medium-level practice", Some(Difficulty::Medium)),
            ("an exercise on harddisks and easygoing people", None),
            ("", None),
        ];
        for (text, difficulty) in cases {
            assert_eq!(wanted(text), difficulty, "{text}");
        }
    }
}
