//! Trying a topic: is it complete, and does everything in it do what it says? Used by the content test and by the
//! example `check`.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the run")]

mod complete;
mod exercises;
mod programs;
mod python;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use learnflow_curriculum::Topic;

const THREADS: usize = 2;

/// Something found in a topic's file.
pub struct Finding {
    pub file: PathBuf,
    pub line: usize,
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.text)
    }
}

/// A topic with its file, to say where something is.
pub struct Subject {
    pub file: PathBuf,
    pub text: String,
    pub topic: Topic,
}

impl Subject {
    pub fn new(file: &Path, topic: Topic) -> Self {
        Self { file: file.to_owned(), text: fs::read_to_string(file).unwrap(), topic }
    }

    /// A finding at the first line that begins with a text of the file, or else at the file's beginning.
    pub fn finding(&self, text_there: &str, text: String) -> Finding {
        let lines = format!("\n{}", text_there.trim_end());
        let before = self.text.find(&lines).map_or("", |position| &self.text[..=position]);
        Finding { file: self.file.clone(), line: before.matches('\n').count() + 1, text }
    }

    /// What only a complete topic of the shipped curriculum has and this one lacks.
    pub fn missing(&self) -> Vec<Finding> {
        complete::missing(self)
    }
}

/// One thing to try: some milliseconds to some seconds.
type Trial<'a> = Box<dyn Fn() -> Vec<Finding> + Send + Sync + 'a>;

/// Runs every program, quiz program and exercise of the topics, exercises in the variations of the first `seeds` seeds; the
/// findings in the order of the topics.
pub fn try_all(subjects: &[Subject], seeds: u64) -> Vec<Finding> {
    let trials: Vec<Trial<'_>> = subjects
        .iter()
        .flat_map(|subject| {
            let programs = programs::trials(subject).into_iter().chain(programs::quiz_trials(subject));
            programs.chain(exercises::trials(subject, seeds))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let findings = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = trials.get(number) else { break };
                    let found = trial();
                    findings.lock().unwrap().extend(found.into_iter().map(|finding| (number, finding)));
                }
            });
        }
    });
    let mut findings = findings.into_inner().unwrap();
    findings.sort_by_key(|&(number, _)| number);
    findings.into_iter().map(|(_, finding)| finding).collect()
}
