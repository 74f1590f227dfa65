//! The placement quiz: two questions per module, and where a student begins.
//!
//! The rule: of each module one question is from an early topic and one from a late one, in the order of the curriculum,
//! so that the easiest come first. Who has neither right begins the module as a beginner, who has one right on the level
//! "learning", who has both right on "proficient". Nobody begins as "mastered": that takes work.

use std::collections::HashMap;

use learnflow_curriculum::{Curriculum, Level, Module, QuizQuestion, Topic};
use learnflow_proto::v1::{self, PlacementAnswer, PlacementLevel, QuizAnswer, RecordPlacementRequest};
use learnflow_service::Violations;
use tonic::Status;
use uuid::Uuid;

use crate::quiz::{chosen, percent, shown};

/// A question of the placement quiz.
#[derive(Clone, Copy)]
struct Asked<'a> {
    module: &'a Module,
    topic: &'a Topic,
    question: &'a QuizQuestion,
}

impl Asked<'_> {
    /// Questions are named within their topic only.
    fn id(&self) -> String {
        format!("{}/{}", self.topic.id, self.question.id)
    }
}

fn asked(curriculum: &Curriculum) -> Vec<Asked<'_>> {
    let mut asked = Vec::new();
    for module in curriculum.modules() {
        let topics: Vec<_> = module.topics.iter().filter(|topic| !topic.quiz.is_empty()).collect();
        let mut places = vec![topics.len() / 4, topics.len() * 3 / 4];
        places.dedup();
        for topic in places.into_iter().filter_map(|place| topics.get(place).copied()) {
            asked.extend(topic.quiz.first().map(|question| Asked { module, topic, question }));
        }
    }
    asked
}

/// The questions as a student is asked them, easiest first.
pub fn questions(curriculum: &Curriculum, student_id: &str) -> Vec<v1::QuizQuestion> {
    let question =
        |asked: &Asked<'_>| v1::QuizQuestion { id: asked.id(), ..shown(asked.topic, asked.question, student_id) };
    asked(curriculum).iter().map(question).collect()
}

/// Grades a student's answers; a question without one counts as answered wrongly.
///
/// # Errors
/// `INVALID_ARGUMENT` names every answer to a question or with an option that there isn't.
pub fn grade(
    curriculum: &Curriculum,
    student_id: &str,
    answers: &[QuizAnswer],
) -> Result<RecordPlacementRequest, Status> {
    let asked = asked(curriculum);
    let by_id: HashMap<String, Asked<'_>> = asked.iter().map(|asked| (asked.id(), *asked)).collect();
    let mut options: HashMap<&str, usize> = HashMap::new();
    let mut violations = Violations::default();
    for (index, QuizAnswer { question_id, option }) in answers.iter().enumerate() {
        let field = |name: &str| format!("answers[{index}].{name}");
        let Some(asked) = by_id.get(question_id) else {
            violations.check(false, &field("question_id"), || format!("there is no question {question_id:?}"));
            continue;
        };
        if let Some(place) = chosen(asked.topic, asked.question, student_id, *option) {
            let is_new = options.insert(question_id, place).is_none();
            violations.check(is_new, &field("question_id"), || format!("{question_id:?} is answered twice"));
        } else {
            let most = asked.question.options.len() - 1;
            violations.check(false, &field("option"), || format!("must be from 0 to {most}"));
        }
    }
    violations.finish()?;

    let verdict = |asked: &Asked<'_>| {
        let id = asked.id();
        let option = options.get(id.as_str()).copied();
        let correct = option == Some(asked.question.correct());
        PlacementAnswer { question_id: id, option: option.and_then(|option| u32::try_from(option).ok()), correct }
    };
    let answers: Vec<_> = asked.iter().map(verdict).collect();
    let level = |module: &Module| {
        let of_module = asked.iter().zip(&answers).filter(|(asked, _)| asked.module.id == module.id);
        let verdicts: Vec<bool> = of_module.map(|(_, answer)| answer.correct).collect();
        PlacementLevel { module: module.id.clone(), level: level(&verdicts).to_string() }
    };
    Ok(RecordPlacementRequest {
        attempt_id: Uuid::now_v7().to_string(),
        content_version: version(&asked),
        levels: curriculum.modules().iter().map(level).collect(),
        score: percent(answers.iter().filter(|answer| answer.correct).count(), answers.len()),
        answers,
    })
}

/// Where to begin with a module.
fn level(verdicts: &[bool]) -> Level {
    match verdicts.iter().filter(|right| **right).count() {
        0 => Level::Beginner,
        right if right == verdicts.len() && right > 1 => Level::Proficient,
        _ => Level::Learning,
    }
}

/// Fingerprint of the content that the quiz is asked from.
fn version(asked: &[Asked<'_>]) -> String {
    let versions: Vec<_> = asked.iter().map(|asked| format!("{} {}", asked.id(), asked.topic.version())).collect();
    Uuid::new_v5(&Uuid::NAMESPACE_URL, versions.join("\n").as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curriculum() -> Curriculum {
        Curriculum::load("../../curriculum").unwrap()
    }

    /// The answers of a student who has those questions right whose number fits, and picks a wrong option of the others.
    fn answers(curriculum: &Curriculum, right: impl Fn(usize) -> bool) -> Vec<QuizAnswer> {
        let shown = questions(curriculum, "anna");
        let answer = |(number, (asked, shown)): (usize, (&Asked<'_>, &v1::QuizQuestion))| {
            let text = &asked.question.options[asked.question.correct()].text;
            let option = shown.options.iter().position(|option| (option == text) == right(number)).unwrap();
            QuizAnswer { question_id: shown.id.clone(), option: u32::try_from(option).unwrap() }
        };
        asked(curriculum).iter().zip(&shown).enumerate().map(answer).collect()
    }

    fn levels(graded: &RecordPlacementRequest) -> Vec<&str> {
        graded.levels.iter().map(|level| level.level.as_str()).collect()
    }

    /// FR-042: 12 to 16 questions, two of each module, in the order of the curriculum, without their answers' places
    /// being given away by their order; all right, none right, and one of two right lead to the documented levels.
    #[test]
    fn levels_follow_from_answers() {
        let curriculum = curriculum();
        let asked = asked(&curriculum);
        assert!((12..=16).contains(&asked.len()), "{}", asked.len());
        let modules: Vec<_> = asked.iter().map(|asked| asked.module.order).collect();
        assert!(
            modules.is_sorted()
                && asked.iter().all(|asked| modules.iter().filter(|m| **m == asked.module.order).count() == 2)
        );
        let grade = |right: &dyn Fn(usize) -> bool| grade(&curriculum, "anna", &answers(&curriculum, right)).unwrap();
        let best = grade(&|_| true);
        assert_eq!((levels(&best), best.score), (vec!["proficient"; 8], 100));
        let worst = grade(&|_| false);
        assert_eq!((levels(&worst), worst.score), (vec!["beginner"; 8], 0));
        let half = grade(&|number| number % 2 == 0);
        assert_eq!((levels(&half), half.score), (vec!["learning"; 8], 50));
        let none = super::grade(&curriculum, "anna", &[]).unwrap();
        assert_eq!(levels(&none), vec!["beginner"; 8]);
    }

    /// FR-042: answers to questions that were not asked, twice, or with options that were not shown are refused, all of
    /// them.
    #[test]
    fn strange_answers_are_refused() {
        let curriculum = curriculum();
        let mut answers = answers(&curriculum, |_| true);
        answers[1].question_id = answers[0].question_id.clone();
        answers[2].option = 9;
        answers[3].question_id = "lists/nothing".to_owned();
        let refused = grade(&curriculum, "anna", &answers).unwrap_err();
        assert!(refused.message().starts_with("answers[1].question_id: "), "{refused}");
    }
}
