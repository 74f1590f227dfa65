//! A topic's file: its fields with their positions, and the checks that need no other file.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    CurriculumError, Misconception, Topic,
    exercise_file::ExerciseFields,
    markdown::code_blocks,
    model::Explanations,
    quiz::QuizFields,
    source::{Problem, Source, fnv1a, is_kebab_case},
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
    quiz: Vec<Spanned<QuizFields>>,
    #[serde(default)]
    exercises: Vec<Spanned<ExerciseFields>>,
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

impl Topic {
    /// Reads one topic's file by itself. Whether its prerequisites exist and its id and order are free, only
    /// [`crate::Curriculum::load`] can tell. Its module is the name of the file's folder.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CurriculumError> {
        let read = Source::read(path.as_ref()).map_err(|problem| vec![problem]);
        Self::from_source(read)
    }

    /// Like [`Topic::read`], of a text that would stand in the file `path`.
    pub fn parse(path: impl Into<PathBuf>, text: impl Into<String>) -> Result<Self, CurriculumError> {
        Self::from_source(Ok(Source { path: path.into(), text: text.into() }))
    }

    fn from_source(source: Result<Source, Vec<Problem>>) -> Result<Self, CurriculumError> {
        let file = source.and_then(|source| {
            let folder = source.path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            let module = folder.unwrap_or_default().to_owned();
            TopicFile::new(source, &module)
        });
        file.map(|file| file.topic).map_err(|problems| CurriculumError { problems })
    }
}

impl TopicFile {
    pub(crate) fn read(path: &Path, module: &str) -> Result<Self, Vec<Problem>> {
        Source::read(path).map_err(|problem| vec![problem]).and_then(|source| Self::new(source, module))
    }

    fn new(source: Source, module: &str) -> Result<Self, Vec<Problem>> {
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
            quiz: fields.quiz.into_iter().map(|question| question.into_inner().into_question()).collect(),
            exercises: fields.exercises.into_iter().map(|exercise| exercise.into_inner().into_exercise()).collect(),
            explanations: Explanations::new(
                [beginner, learning, proficient, mastered].map(|text| text.map(Spanned::into_inner)),
            ),
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

    let ids = fields.quiz.iter().map(|question| &question.get_ref().id);
    refuse_doubles(source, ids, &mut problems);
    for question in &fields.quiz {
        question.get_ref().check(source, question.span().start, &mut problems);
    }
    let ids = fields.exercises.iter().map(|exercise| &exercise.get_ref().id);
    refuse_doubles(source, ids, &mut problems);
    for exercise in &fields.exercises {
        exercise.get_ref().check(source, exercise.span().start, &mut problems);
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

fn refuse_doubles<'a>(source: &Source, ids: impl Iterator<Item = &'a Spanned<String>>, problems: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for id in ids.filter(|id| !seen.insert(id.get_ref())) {
        problems.push(source.problem(id.span(), format!("the id {:?} is there twice", id.get_ref())));
    }
}
