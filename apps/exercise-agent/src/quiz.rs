//! Quizzes: asked without their answers, graded with explanations. The content is the curriculum's.

use std::collections::HashMap;

use learnflow_curriculum::{QuizOption, QuizQuestion, Topic};
use learnflow_proto::{
    events::QuestionGraded,
    v1::{self, QuizAnswer, QuizResult},
};
use learnflow_service::Violations;
use tonic::Status;
use uuid::Uuid;

/// The score from which a quiz is passed, in percent.
const PASS: u32 = 50;

/// A graded attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// 0 to 100.
    pub score: u32,
    pub passed: bool,
    /// One per question.
    pub results: Vec<QuizResult>,
    /// As a fact for the record.
    pub questions: Vec<QuestionGraded>,
}

/// The questions as a student is asked them.
pub fn questions(topic: &Topic, student_id: &str) -> Vec<v1::QuizQuestion> {
    topic.quiz.iter().map(|question| shown(topic, question, student_id)).collect()
}

/// A question as a student is asked it.
pub fn shown(topic: &Topic, question: &QuizQuestion, student_id: &str) -> v1::QuizQuestion {
    v1::QuizQuestion {
        id: question.id.clone(),
        text: question.text.clone(),
        options: order(topic, question, student_id).map(|(_, option)| option.text.clone()).collect(),
        code: question.code.clone(),
        plain_options: question.asks.is_some(),
    }
}

/// The place in the curriculum of the option that a student was shown at a place; `None` when there was none.
pub fn chosen(topic: &Topic, question: &QuizQuestion, student_id: &str, shown: u32) -> Option<usize> {
    order(topic, question, student_id).nth(usize::try_from(shown).ok()?).map(|(place, _)| place)
}

/// The options in the student's own order, with their places in the curriculum. The order stays, also when other
/// questions of the topic change.
fn order<'a>(
    topic: &Topic,
    question: &'a QuizQuestion,
    student_id: &str,
) -> impl Iterator<Item = (usize, &'a QuizOption)> {
    let mut options: Vec<_> = question.options.iter().enumerate().collect();
    options.sort_by_cached_key(|(_, option)| {
        let name = format!("quiz/{student_id}/{}/{}/{}", topic.id, question.id, option.text);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
    });
    options.into_iter()
}

/// Grades a student's answers.
///
/// # Errors
/// `INVALID_ARGUMENT` names every answer to a question or with an option that there isn't.
pub fn grade(topic: &Topic, student_id: &str, answers: &[QuizAnswer]) -> Result<Attempt, Status> {
    let mut violations = Violations::default();
    violations.check(!answers.is_empty(), "answers", || "must not be empty".to_owned());
    let mut options: HashMap<&str, usize> = HashMap::new();
    for (index, answer) in answers.iter().enumerate() {
        let id = answer.question_id.as_str();
        let Some(question) = topic.quiz.iter().find(|question| question.id == id) else {
            let field = format!("answers[{index}].question_id");
            violations.check(false, &field, || format!("the quiz of {} has no question {id:?}", topic.id));
            continue;
        };
        if let Some(option) = chosen(topic, question, student_id, answer.option) {
            let is_new = options.insert(id, option).is_none();
            let field = format!("answers[{index}].question_id");
            violations.check(is_new, &field, || format!("{id:?} is answered twice"));
        } else {
            let (field, place, most) = (format!("answers[{index}].option"), answer.option, question.options.len() - 1);
            violations.check(false, &field, || format!("{id:?} has the options 0 to {most}, not {place}"));
        }
    }
    violations.finish()?;

    let graded = topic.quiz.iter().map(|question| (question, options.get(question.id.as_str()).copied()));
    let questions: Vec<_> = graded
        .clone()
        .map(|(question, option)| QuestionGraded {
            question_id: question.id.clone(),
            option: option.and_then(|option| u32::try_from(option).ok()),
            correct: option == Some(question.correct()),
        })
        .collect();
    let results = graded
        .map(|(question, option)| QuizResult {
            question_id: question.id.clone(),
            correct: option == Some(question.correct()),
            explanation: explanation(question, option),
        })
        .collect();
    let right = questions.iter().filter(|question| question.correct).count();
    let score = percent(right, questions.len());
    Ok(Attempt { score, passed: score >= PASS, results, questions })
}

/// The share of right answers, to the nearest whole number.
pub fn percent(right: usize, of: usize) -> u32 {
    u32::try_from((right * 200 + of) / (of * 2).max(1)).unwrap_or_default()
}

/// Why the chosen option is right; or why it is wrong, and which one is right.
fn explanation(question: &QuizQuestion, chosen: Option<usize>) -> String {
    let right = &question.options[question.correct()];
    let wrong = chosen.and_then(|place| question.options.get(place)).filter(|option| !option.correct);
    if chosen.is_some() && wrong.is_none() {
        return right.explanation.clone();
    }
    let text = if question.asks.is_some() {
        format!("\n\n```text\n{}\n```\n\n", right.text.trim_matches('\n'))
    } else {
        format!(" {}\n\n", right.text.trim())
    };
    let right = format!("**The right answer:**{text}{}", right.explanation);
    wrong.map_or_else(|| right.clone(), |option| format!("{}\n\n{right}", option.explanation.trim_end()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use learnflow_curriculum::Curriculum;

    use super::*;

    fn curriculum() -> Curriculum {
        Curriculum::load("../../curriculum").unwrap()
    }

    /// FR-038: every quiz is graded right for every student: all right answers give 100, none 0, and what is explained
    /// is the chosen option and the right one.
    #[test]
    fn answers_are_graded_in_the_students_own_order() {
        let curriculum = curriculum();
        for topic in curriculum.topics() {
            for student in ["anna", "ben"] {
                let asked = questions(topic, student);
                assert!(asked.len() >= 6 && asked == questions(topic, student), "{}", topic.id);
                let answers = |right: bool| -> Vec<_> {
                    let answer = |(question, asked): (&QuizQuestion, &v1::QuizQuestion)| {
                        let text = &question.options[question.correct()].text;
                        let option = asked.options.iter().position(|option| (option == text) == right).unwrap();
                        QuizAnswer { question_id: asked.id.clone(), option: u32::try_from(option).unwrap() }
                    };
                    topic.quiz.iter().zip(&asked).map(answer).collect()
                };
                let best = grade(topic, student, &answers(true)).unwrap();
                assert_eq!((best.score, best.passed), (100, true), "{}", topic.id);
                let worst = grade(topic, student, &answers(false)).unwrap();
                assert_eq!((worst.score, worst.passed), (0, false), "{}", topic.id);
                for (index, question) in topic.quiz.iter().enumerate() {
                    let right = &question.options[question.correct()].explanation;
                    assert_eq!(&best.results[index].explanation, right);
                    let option = usize::try_from(worst.questions[index].option.unwrap()).unwrap();
                    let wrong =
                        worst.results[index].explanation.starts_with(question.options[option].explanation.trim());
                    assert!(wrong && worst.results[index].explanation.contains(right.as_str()));
                }
                let half = grade(topic, student, &answers(true)[..topic.quiz.len() / 2]).unwrap();
                assert_eq!(half.passed, topic.quiz.len() % 2 == 0, "{}: {}", topic.id, half.score);
            }
        }
    }

    /// FR-038: neighbours see options in different orders, and the right one is at every place.
    #[test]
    fn options_are_shuffled() {
        let curriculum = curriculum();
        let topic = curriculum.topics().next().unwrap();
        let students: Vec<_> = (0..40).map(|number| format!("student-{number}")).collect();
        let first = &topic.quiz[0];
        let places: HashSet<_> = students
            .iter()
            .map(|student| questions(topic, student)[0].options.iter().position(|text| *text == first.options[0].text))
            .collect();
        assert_eq!(places.len(), first.options.len());
    }

    /// FR-038: what there isn't is named, all of it.
    #[test]
    fn unknown_answers_are_named() {
        let curriculum = curriculum();
        let topic = curriculum.topics().next().unwrap();
        let answer = |id: &str, option| QuizAnswer { question_id: id.to_owned(), option };
        let id = &topic.quiz[0].id;
        for (answers, field) in [
            (vec![], "answers: "),
            (vec![answer("no-such-question", 0)], "answers[0].question_id: "),
            (vec![answer(id, 0), answer(&topic.quiz[1].id, 9)], "answers[1].option: "),
            (vec![answer(id, 0), answer(id, 1)], "answers[1].question_id: "),
        ] {
            let status = grade(topic, "anna", &answers).unwrap_err();
            assert!(status.message().starts_with(field), "{field} {status}");
        }
    }
}
