//! A topic's file: its fields with their positions, and the checks that need no other file.

use std::{collections::BTreeSet, path::Path};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    Exercise, Misconception, QuizQuestion, Topic,
    markdown::code_blocks,
    source::{Problem, Source},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicFields {
    id: Spanned<String>,
    title: String,
    order: Spanned<u32>,
    prerequisites: Vec<Spanned<String>>,
    keywords: Spanned<Vec<String>>,
    explanations: Spanned<ExplanationFields>,
    #[serde(default)]
    misconceptions: Vec<Misconception>,
    #[serde(default)]
    quiz: Vec<Spanned<QuizQuestion>>,
    #[serde(default)]
    exercises: Vec<Spanned<Exercise>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplanationFields {
    beginner: Option<Spanned<String>>,
    learning: Option<Spanned<String>>,
    proficient: Option<Spanned<String>>,
    mastered: Option<Spanned<String>>,
}

/// A topic with the positions that checks over all files need.
pub(crate) struct TopicFile {
    pub(crate) source: Source,
    pub(crate) topic: Topic,
    pub(crate) id: Spanned<String>,
    pub(crate) order: Spanned<u32>,
    pub(crate) prerequisites: Vec<Spanned<String>>,
}

impl TopicFile {
    pub(crate) fn read(path: &Path, module: &str) -> Result<Self, Vec<Problem>> {
        let source = Source::read(path).map_err(|problem| vec![problem])?;
        let fields: TopicFields = source.parse().map_err(|problem| vec![problem])?;
        let problems = check(&source, &fields);
        if !problems.is_empty() {
            return Err(problems);
        }
        let explanations = fields.explanations.into_inner();
        let ExplanationFields { beginner, learning, proficient, mastered } = explanations;
        let topic = Topic {
            id: fields.id.get_ref().clone(),
            module: module.to_owned(),
            title: fields.title,
            order: *fields.order.get_ref(),
            prerequisites: fields.prerequisites.iter().map(|id| id.get_ref().clone()).collect(),
            keywords: fields.keywords.into_inner(),
            misconceptions: fields.misconceptions,
            quiz: fields.quiz.into_iter().map(Spanned::into_inner).collect(),
            exercises: fields.exercises.into_iter().map(Spanned::into_inner).collect(),
            explanations: [beginner, learning, proficient, mastered].map(|text| text.map(Spanned::into_inner)),
            version: format!("{:016x}", fnv1a(source.text.as_bytes())),
        };
        Ok(Self { source, topic, id: fields.id, order: fields.order, prerequisites: fields.prerequisites })
    }
}

fn check(source: &Source, fields: &TopicFields) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |span, reason: String| problems.push(source.problem(span, reason));

    let id = fields.id.get_ref();
    let file_name = source.path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    if id != file_name {
        refuse(fields.id.span(), format!("the id {id:?} must be the file's name, {file_name:?}"));
    }
    if !is_kebab_case(id) {
        refuse(fields.id.span(), format!("the id {id:?} must be lower-case words joined by hyphens"));
    }
    if fields.keywords.get_ref().is_empty() {
        refuse(fields.keywords.span(), "no keywords: students couldn't find this topic".to_owned());
    }
    if fields.misconceptions.is_empty() {
        refuse(fields.id.span(), "no [[misconceptions]]: give at least one".to_owned());
    }
    if fields.explanations.get_ref().beginner.is_none() {
        refuse(fields.explanations.span(), "missing explanation: `beginner` is required".to_owned());
    }

    let mut ids = BTreeSet::new();
    for question in &fields.quiz {
        let (span, question) = (question.span(), question.get_ref());
        if !ids.insert(&question.id) {
            refuse(span.clone(), format!("the quiz question {:?} is there twice", question.id));
        }
        if question.options.iter().collect::<BTreeSet<_>>().len() != question.options.len()
            || question.options.len() < 2
        {
            refuse(span.clone(), format!("the quiz question {:?} needs two or more different options", question.id));
        }
        if !question.options.contains(&question.answer) {
            refuse(span, format!("the answer of quiz question {:?} is none of its options", question.id));
        }
    }
    ids.clear();
    for exercise in &fields.exercises {
        let (span, exercise) = (exercise.span(), exercise.get_ref());
        if !ids.insert(&exercise.id) {
            refuse(span.clone(), format!("the exercise {:?} is there twice", exercise.id));
        }
        if exercise.tests.is_empty() {
            refuse(span.clone(), format!("the exercise {:?} has no tests", exercise.id));
        }
        for name in unknown_placeholders(exercise) {
            refuse(span.clone(), format!("the exercise {:?} uses {{{{{name}}}}}, which has no values", exercise.id));
        }
    }

    let ExplanationFields { beginner, learning, proficient, mastered } = fields.explanations.get_ref();
    for text in [beginner, learning, proficient, mastered].into_iter().flatten() {
        if text.get_ref().trim().is_empty() {
            problems.push(source.problem(text.span(), "missing explanation: the text is empty"));
        }
        if let Err(error) = code_blocks(text.get_ref()) {
            let line = source.line_inside(text.span(), error.line);
            problems.push(Problem { file: source.path.clone(), line, reason: error.reason });
        }
    }
    problems
}

/// Names in `{{…}}` that aren't among the exercise's parameters, or whose parameter has no values.
fn unknown_placeholders(exercise: &Exercise) -> BTreeSet<&str> {
    let mut texts = vec![&exercise.title, &exercise.statement, &exercise.starter, &exercise.solution];
    texts.extend(exercise.tests.iter().map(|test| &test.input));
    texts
        .into_iter()
        .flat_map(|text| text.split("{{").skip(1).filter_map(|part| part.split_once("}}")))
        .map(|(name, _)| name)
        .filter(|&name| exercise.parameters.get(name).is_none_or(Vec::is_empty))
        .collect()
}

fn is_kebab_case(id: &str) -> bool {
    id.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// The 64-bit FNV-1a hash: enough to notice a change, stable over machines and releases.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
