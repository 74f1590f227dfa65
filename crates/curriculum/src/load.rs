//! The curriculum as a whole: reading a folder and the checks over all files.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    CurriculumError, ErrorEntry, ErrorExplanation, Module, Problem, Topic, errors::ErrorTable, source::Source,
    topic_file::TopicFile,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleFields {
    id: Spanned<String>,
    title: String,
    order: Spanned<u32>,
    summary: String,
}

/// All modules and topics, checked: every reference leads somewhere, every topic has a beginner's explanation.
#[derive(Clone, Debug)]
pub struct Curriculum {
    modules: Vec<Module>,
    /// Indexes of module and topic.
    by_id: HashMap<String, (usize, usize)>,
    errors: ErrorTable,
}

impl Curriculum {
    /// Reads a folder laid out as `curriculum/README.md` describes. On failure the error lists every mistake found, with
    /// file and line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CurriculumError> {
        let path = path.as_ref();
        let mut problems = Vec::new();
        let mut modules = Vec::new();
        let mut files = Vec::new();
        let mut orders: HashMap<u32, String> = HashMap::new();
        for folder in entries(path, &mut problems).into_iter().filter(|entry| entry.is_dir()) {
            match read_module(&folder, &mut orders) {
                Ok(module) => {
                    files.extend(read_topics(&folder, &module.id, &mut problems));
                    modules.push(module);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if modules.is_empty() && problems.is_empty() {
            let reason = "no modules here: expected folders with a module.toml".to_owned();
            problems.push(Problem { file: path.to_owned(), line: 1, reason });
        }
        // A missing file would only make good references look bad.
        if problems.is_empty() {
            check_references(&files, &mut problems);
        }
        let is_topic = |id: &str| files.iter().any(|file: &TopicFile| file.topic.id == id);
        let errors = if problems.is_empty() {
            Source::read(&path.join("errors.toml"))
                .map_err(|problem| vec![problem])
                .and_then(|source| ErrorTable::read(&source, is_topic))
                .unwrap_or_else(|found| {
                    problems.extend(found);
                    ErrorTable::default()
                })
        } else {
            ErrorTable::default()
        };
        if !problems.is_empty() {
            return Err(CurriculumError { problems });
        }
        Ok(Self::assemble(modules, files, errors))
    }

    fn assemble(mut modules: Vec<Module>, files: Vec<TopicFile>, errors: ErrorTable) -> Self {
        for file in files {
            if let Some(module) = modules.iter_mut().find(|module| module.id == file.topic.module) {
                module.topics.push(file.topic);
            }
        }
        modules.sort_by_key(|module| module.order);
        let mut by_id = HashMap::new();
        for (module_index, module) in modules.iter_mut().enumerate() {
            module.topics.sort_by_key(|topic| topic.order);
            let ids = module.topics.iter().enumerate();
            by_id.extend(ids.map(|(topic_index, topic)| (topic.id.clone(), (module_index, topic_index))));
        }
        Self { modules, by_id, errors }
    }

    /// The modules in order.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The module with this id.
    pub fn module(&self, id: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.id == id)
    }

    /// All topics, in the order in which they are best learned.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.modules.iter().flat_map(|module| &module.topics)
    }

    /// The topic with this id.
    pub fn topic(&self, id: &str) -> Option<&Topic> {
        let &(module, topic) = self.by_id.get(id)?;
        Some(&self.modules[module].topics[topic])
    }

    /// The topic after this one: the next of its module, or the first of the next module. None after the last.
    pub fn next_topic(&self, id: &str) -> Option<&Topic> {
        self.topics().skip_while(|topic| topic.id != id).nth(1)
    }

    /// What an exception means, by its type and its message. None for a type that isn't in the table, such as one that
    /// a program defines itself.
    pub fn explain_error(&self, error_type: &str, message: &str) -> Option<ErrorExplanation<'_>> {
        self.errors.explain(error_type, message)
    }

    /// What an error means of which only the message is known, possibly inside other text.
    pub fn explain_error_message(&self, text: &str) -> Option<ErrorExplanation<'_>> {
        self.errors.explain_message(text)
    }

    /// The whole table of errors.
    pub fn errors(&self) -> &[ErrorEntry] {
        self.errors.entries()
    }
}

fn read_module(folder: &Path, orders: &mut HashMap<u32, String>) -> Result<Module, Problem> {
    let source = Source::read(&folder.join("module.toml"))?;
    let fields: ModuleFields = source.parse()?;
    let id = fields.id.get_ref();
    if Some(id.as_str()) != folder.file_name().and_then(|name| name.to_str()) {
        return Err(source.problem(fields.id.span(), format!("the id {id:?} must be the folder's name")));
    }
    if let Some(other) = orders.insert(*fields.order.get_ref(), id.clone()) {
        let reason = format!("the module {other:?} has this order already");
        return Err(source.problem(fields.order.span(), reason));
    }
    let order = *fields.order.get_ref();
    Ok(Module { id: id.clone(), title: fields.title, order, summary: fields.summary, topics: Vec::new() })
}

fn read_topics(folder: &Path, module: &str, problems: &mut Vec<Problem>) -> Vec<TopicFile> {
    let mut files = Vec::new();
    for path in entries(folder, problems) {
        let is_topic = path.extension().is_some_and(|extension| extension == "toml")
            && path.file_name().is_some_and(|name| name != "module.toml");
        if !is_topic {
            continue;
        }
        match TopicFile::read(&path, module) {
            Ok(file) => files.push(file),
            Err(found) => problems.extend(found),
        }
    }
    files
}

/// The entries of a folder, sorted, so that mistakes are reported in the same order everywhere.
fn entries(folder: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>());
    match listed {
        Ok(mut paths) => {
            paths.sort();
            paths
        }
        Err(error) => {
            let reason = format!("the folder can't be read: {error}");
            problems.push(Problem { file: folder.to_owned(), line: 1, reason });
            Vec::new()
        }
    }
}

/// Ids that are there twice, places taken twice, prerequisites that don't exist or lead round in a circle.
fn check_references(files: &[TopicFile], problems: &mut Vec<Problem>) {
    let mut by_id: HashMap<&str, &TopicFile> = HashMap::new();
    let mut places: HashMap<(&str, u32), &str> = HashMap::new();
    for file in files {
        let topic = &file.topic;
        if let Some(other) = by_id.insert(&topic.id, file) {
            let reason = format!("the id {:?} is also that of {}", topic.id, other.source.path.display());
            problems.push(file.source.problem(file.id.span(), reason));
        }
        if let Some(other) = places.insert((&topic.module, topic.order), &topic.id) {
            let reason = format!("the topic {other:?} of this module has order {} already", topic.order);
            problems.push(file.source.problem(file.order.span(), reason));
        }
    }
    for file in files {
        for prerequisite in &file.prerequisites {
            let id = prerequisite.get_ref().as_str();
            if !by_id.contains_key(id) {
                let reason = format!("the prerequisite {id:?} is no topic");
                problems.push(file.source.problem(prerequisite.span(), reason));
            } else if leads_to(&by_id, id, &file.topic.id) {
                let reason = format!("the prerequisite {id:?} needs this topic itself, directly or through others");
                problems.push(file.source.problem(prerequisite.span(), reason));
            }
        }
    }
}

/// Whether `goal` is `from` or one of the topics that `from` needs.
fn leads_to(by_id: &HashMap<&str, &TopicFile>, from: &str, goal: &str) -> bool {
    let mut seen = Vec::new();
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        if id == goal {
            return true;
        }
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        open.extend(by_id.get(id).iter().flat_map(|file| file.topic.prerequisites.iter().map(String::as_str)));
    }
    false
}
