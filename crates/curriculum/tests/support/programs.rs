//! The programs in explanations, and those that quiz questions are about.

use std::time::Duration;

use learnflow_curriculum::{Asks, CodeBlock, Expectation, QuizQuestion, code_blocks};

use super::{Finding, Subject, Trial, python};

const LIMIT: Duration = Duration::from_secs(20);

pub fn trials(subject: &Subject) -> Vec<Trial<'_>> {
    let parts = subject.topic.explanation_parts();
    let blocks = parts.flat_map(|(_, text)| code_blocks(text).unwrap());
    blocks.map(|block| -> Trial<'_> { Box::new(move || try_block(subject, &block).into_iter().collect()) }).collect()
}

pub fn quiz_trials(subject: &Subject) -> Vec<Trial<'_>> {
    let questions = subject.topic.quiz.iter();
    questions
        .map(|question| -> Trial<'_> { Box::new(move || try_question(subject, question).into_iter().collect()) })
        .collect()
}

fn try_block(subject: &Subject, block: &CodeBlock) -> Option<Finding> {
    let run = python::run(&block.code, &block.input, LIMIT);
    let text = match &block.expectation {
        Expectation::Prints(_) if !run.success => format!("this program fails: {}", run.error()),
        Expectation::Prints(expected) if trimmed(expected) != trimmed(&run.stdout) => {
            format!("this program prints:\n{}but the text says:\n{expected}", run.stdout)
        }
        Expectation::FailsWith(_) if run.success => "this program doesn't fail".to_owned(),
        Expectation::FailsWith(expected) if trimmed(expected).last().copied() != Some(run.error()) => {
            format!("this program fails with:\n{}\nbut the text says:\n{expected}", run.error())
        }
        _ => return None,
    };
    Some(subject.finding(&block.code, text))
}

/// Only code of which the question asks what it does is run: any other may be there because it never ends.
fn try_question(subject: &Subject, question: &QuizQuestion) -> Option<Finding> {
    let (code, asks) = (question.code.as_ref()?, question.asks?);
    let run = python::run(code, "", LIMIT);
    let correct = question.options[question.correct()].text.trim();
    let what = match asks {
        Asks::Output if !run.success => format!("fails: {}", run.error()),
        Asks::Output if correct != run.stdout.trim() => {
            format!("prints {:?}, but the correct option is {correct:?}", run.stdout.trim())
        }
        Asks::Error if run.success => "doesn't fail, but the question asks for its error".to_owned(),
        Asks::Error if !names_exception(correct, run.error()) => {
            format!("fails with {:?}, but the correct option is {correct:?}", run.error())
        }
        _ => return None,
    };
    let text = format!("the code of quiz question {:?} {what}", question.id);
    Some(subject.finding(&format!("id = \"{}\"", question.id), text))
}

/// Whether an option begins with the type of the exception in the last line of a traceback, `module.Type: message`.
fn names_exception(option: &str, error: &str) -> bool {
    let path = error.split(':').next().unwrap_or_default();
    let name = path.rsplit('.').next().unwrap_or_default();
    option.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
}

fn trimmed(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}
