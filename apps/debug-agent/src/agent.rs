//! Answers to questions: what the error means, where it is, and the first hint; never the solution.

use std::{fmt::Write as _, time::Duration};

use learnflow_agent::{Answering, answer, query};
use learnflow_curriculum::Level;
use learnflow_diagnosis::Diagnosis;
use learnflow_proto::v1::{Answer, Problem as Refusal, Question};
use learnflow_tutor::{Query, Reply, Tutor};

use crate::{
    examine::{Finding, Work},
    service::{Debugging, NOTHING_RAISED, WRONG_ANYWAY},
    wording::Asked,
};

/// How long an answer waits for the model's words.
const PATIENCE: Duration = Duration::from_secs(8);

#[tonic::async_trait]
impl Answering for Debugging {
    async fn answer(&self, question: &Question) -> Result<Answer, Refusal> {
        let (query, level) = query(question);
        let tutor = self.examiner().tutor();
        let mut problem = match self.finding(&query).await {
            Some(Finding::Problem(problem)) => problem,
            Some(Finding::Well { .. }) => return Ok(answer(question, "debug", runs_well(tutor))),
            None => return Ok(answer(question, "debug", tutor.explain_error(&query, level))),
        };
        // Without the record of what was seen, the first hint is still the first hint.
        if let Err(error) = self.step(&question.student_id, None, &problem, None).await {
            tracing::warn!(%error, "the first hint is not remembered");
        }
        let asked = Asked {
            student_id: &question.student_id,
            text: &question.text,
            code: query.code.unwrap_or_default(),
            error: query.error,
            level,
            step: 1,
            patience: PATIENCE,
        };
        let source = self.wording().reword(&mut problem.diagnosis, asked).await.to_owned();
        let reply = explain(tutor, &problem.diagnosis, level);
        let hints = problem.diagnosis.hints.into_iter().take(1).collect();
        Ok(Answer { hints, source, ..answer(question, "debug", reply) })
    }
}

impl Debugging {
    /// What is wrong with the program of a question. Nothing if there is no program, or if it can't be told by running it.
    async fn finding(&self, query: &Query<'_>) -> Option<Finding> {
        let code = query.code.filter(|code| !code.trim().is_empty())?;
        // The student's own words may quote the error.
        let quoted = self.examiner().tutor().diagnose(&Query { code: None, ..*query }).is_some().then_some(query.text);
        let error = query.error.filter(|error| !error.trim().is_empty()).or(quoted);
        match self.examiner().examine(Work { code, error, stdin: None, tests: None }).await {
            // It waited for input that a question doesn't bring along.
            Ok(Finding::Problem(problem)) if error.is_none() && problem.diagnosis.error_type == "EOFError" => None,
            Ok(finding) => Some(finding),
            Err(error) => {
                tracing::warn!(%error, "a program could not be run");
                None
            }
        }
    }
}

fn runs_well(tutor: &Tutor) -> Reply {
    let topic = tutor.curriculum().topic("debugging-techniques");
    let mut text = format!("I ran your program. {NOTHING_RAISED}\n\n{WRONG_ANYWAY}");
    if let Some(topic) = topic {
        let _ = write!(text, "\n\n**To read:** *{}*.", topic.title);
    }
    Reply { topic: topic.map(|topic| topic.id.clone()), level: Level::Beginner, markdown: text }
}

/// A diagnosis up to its first hint, as Markdown.
fn explain(tutor: &Tutor, found: &Diagnosis, level: Level) -> Reply {
    let mut text = String::from("**");
    match (found.error_type.as_str(), found.line) {
        ("", 0) => {}
        ("", line) => _ = write!(text, "Line {line}. "),
        (name, 0) => _ = write!(text, "`{name}`. "),
        (name, line) => _ = write!(text, "`{name}` in line {line}. "),
    }
    let _ = write!(
        text,
        "{}.**\n\n**What is behind it.** {}\n\n**A hint.** {}",
        found.title,
        without_title(found),
        found.hints[0]
    );
    text.push_str("\n\nAsk again when you have looked: there are three more hints, up to nearly the answer.");
    let topic = tutor.curriculum().topic(&found.topic);
    if let Some(topic) = topic {
        let _ = write!(text, "\n\n**To read:** *{}*.", topic.title);
    }
    Reply { topic: topic.map(|topic| topic.id.clone()), level: level.min(Level::Proficient), markdown: text }
}

fn without_title(found: &Diagnosis) -> &str {
    found.root_cause.strip_prefix(&found.title).map_or(&found.root_cause, |rest| rest.trim_start_matches(['.', ' ']))
}
