//! How well triage sorts questions: what labelled ones are taken for.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
pub use triage::examples::{Example, KINDS};
use triage::{classify::Classifier, examples};

/// Into how many parts the examples are divided: each is sorted by what was learned from the others.
const FOLDS: usize = 10;

/// The examples that triage learns from.
///
/// # Errors
/// When one is not what it should be.
pub fn learned_from() -> Result<Vec<Example>> {
    examples::all().context("triage's examples")
}

/// Questions that nothing was learned from, and their name: the blind ones, or while there are none the fresh ones.
///
/// # Errors
/// When a line is not what it should be.
pub fn held_out() -> Result<(&'static str, Vec<Example>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/triage");
    let name = if folder.join("blind.jsonl").exists() { "blind" } else { "fresh" };
    let path = folder.join(name).with_extension("jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let questions = examples::parse(&text).with_context(|| format!("{} is not what it should be", path.display()))?;
    let unknown = questions.iter().find(|question| !KINDS.contains(&question.kind.as_str()));
    anyhow::ensure!(unknown.is_none(), "{}: of no known kind: {unknown:?}", path.display());
    Ok((name, questions))
}

/// Those of some questions that are not, word for word, among the examples: short ones ("thanks") may be by chance.
pub fn unseen<'a>(questions: &'a [Example], examples: &[Example]) -> Vec<&'a Example> {
    let key = |question: &Example| {
        let words = question.text.to_lowercase();
        let words: Vec<&str> =
            words.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        (words.join(" "), question.code.clone(), question.error.clone())
    };
    let known: HashSet<_> = examples.iter().map(key).collect();
    questions.iter().filter(|question| !known.contains(&key(question))).collect()
}

/// What questions were taken for.
#[derive(Default)]
pub struct Sorted {
    /// How many of a kind (first) were taken for a kind (second).
    pub taken: BTreeMap<(String, String), usize>,
    /// Those that were taken for something else, with the rule that did it.
    pub misses: Vec<String>,
    time: Duration,
}

impl Sorted {
    /// Sorts questions as triage does.
    ///
    /// # Errors
    /// When triage cannot start.
    pub fn of<'a>(questions: impl IntoIterator<Item = &'a Example>) -> Result<Self> {
        let mut sorted = Self::default();
        sorted.sort(&Classifier::new()?, questions);
        Ok(sorted)
    }

    /// Sorts each part of the examples by what the rules and the other parts say.
    ///
    /// # Errors
    /// When triage cannot start.
    pub fn cross_validated(examples: &[Example]) -> Result<Self> {
        let mut sorted = Self::default();
        for fold in 0..FOLDS {
            let (kept, rest): (Vec<_>, Vec<_>) = examples.iter().enumerate().partition(|(at, _)| at % FOLDS == fold);
            let classifier = Classifier::trained_on(rest.into_iter().map(|(_, example)| example))?;
            sorted.sort(&classifier, kept.into_iter().map(|(_, example)| example));
        }
        Ok(sorted)
    }

    fn sort<'a>(&mut self, classifier: &Classifier, questions: impl IntoIterator<Item = &'a Example>) {
        for Example { kind, text, code, error } in questions {
            let begun = Instant::now();
            let verdict = classifier.classify(text, code.as_deref(), error.as_deref());
            self.time += begun.elapsed();
            let taken = if verdict.certain { verdict.agent.as_str() } else { "unclear" };
            *self.taken.entry((kind.clone(), taken.to_owned())).or_default() += 1;
            if taken != kind {
                self.misses.push(format!("{text:?} is {kind}, taken for {taken} by {}", verdict.rule));
            }
        }
    }

    /// How many of a kind, or of all, there are, and how many of them were taken for what they are.
    pub fn right(&self, kind: Option<&str>) -> (usize, usize) {
        let of_kind = self.taken.iter().filter(|((is, _), _)| kind.is_none_or(|kind| kind == is));
        of_kind.fold((0, 0), |(right, all), ((is, taken), count)| {
            (if is == taken { right + count } else { right }, all + count)
        })
    }

    /// What sorting one question takes on average.
    pub fn time(&self) -> Duration {
        self.time / u32::try_from(self.right(None).1).unwrap_or(u32::MAX).max(1)
    }
}

/// How long triage takes to learn: the quickest of several times, since a shared machine only ever adds to it.
///
/// # Errors
/// When triage cannot start.
pub fn learning_time() -> Result<Duration> {
    let times = (0..5).map(|_| {
        let begun = Instant::now();
        Classifier::new().map(|_| begun.elapsed())
    });
    times.collect::<Result<Vec<_>>>()?.into_iter().min().context("nothing was measured")
}
