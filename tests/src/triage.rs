//! How well triage sorts questions: a labelled set of them, and what it is taken for.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use triage::classify::Classifier;

/// The kinds of questions; the last one is for those that no rule claims to know.
pub const KINDS: [&str; 5] = ["concepts", "debug", "code-review", "exercise", "unclear"];

/// A question and where it belongs.
pub struct Labelled {
    /// One of [`KINDS`].
    pub kind: String,
    /// The question's words.
    pub text: String,
    code: Option<String>,
    error: Option<String>,
}

impl Labelled {
    /// Whether rules may be tuned on it: decided by a fingerprint (FNV-1a), so that nobody chooses.
    pub fn is_for_tuning(&self) -> bool {
        let parts = [self.text.as_str(), self.code.as_deref().unwrap_or(""), self.error.as_deref().unwrap_or("")];
        let hash = parts
            .join("\n")
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash >> 32).is_multiple_of(2)
    }
}

/// Reads a file of `tests/data/triage`.
///
/// # Errors
/// When a line is not what it should be.
pub fn read(file: &str) -> Result<Vec<Labelled>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/triage").join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .map(|line| {
            let question: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            let field = |name: &str| question[name].as_str().map(str::to_owned);
            Ok(Labelled {
                kind: field("kind").filter(|kind| KINDS.contains(&kind.as_str())).with_context(|| line.to_owned())?,
                text: field("text").with_context(|| line.to_owned())?,
                code: field("code"),
                error: field("error"),
            })
        })
        .collect()
}

/// What questions were taken for.
#[derive(Default)]
pub struct Sorted {
    /// How many of a kind (first) were taken for a kind (second).
    pub taken: BTreeMap<(String, String), usize>,
    /// Those that were taken for something else, with the rule that did it.
    pub misses: Vec<String>,
    /// What sorting one question takes on average.
    pub time: Duration,
}

impl Sorted {
    /// Sorts questions as triage does.
    ///
    /// # Errors
    /// When a rule cannot be compiled.
    pub fn of<'a>(questions: impl IntoIterator<Item = &'a Labelled>) -> Result<Self> {
        let classifier = Classifier::new()?;
        let mut sorted = Self::default();
        let mut count = 0;
        for Labelled { kind, text, code, error } in questions {
            let verdict = classifier.classify(text, code.as_deref(), error.as_deref());
            // Again, as in a service that has sorted for a while: the first time builds up what later ones use.
            let begun = Instant::now();
            classifier.classify(text, code.as_deref(), error.as_deref());
            sorted.time += begun.elapsed();
            count += 1;
            let taken = if verdict.certain { verdict.agent.as_str() } else { "unclear" };
            *sorted.taken.entry((kind.clone(), taken.to_owned())).or_default() += 1;
            if taken != kind {
                sorted.misses.push(format!("{text:?} is {kind}, taken for {taken} by {}", verdict.rule));
            }
        }
        sorted.time /= count.max(1);
        Ok(sorted)
    }

    /// How many of a kind, or of all, there are, and how many of them were taken for what they are.
    pub fn right(&self, kind: Option<&str>) -> (usize, usize) {
        let of_kind = self.taken.iter().filter(|((is, _), _)| kind.is_none_or(|kind| kind == is));
        of_kind.fold((0, 0), |(right, all), ((is, taken), count)| {
            (if is == taken { right + count } else { right }, all + count)
        })
    }
}
