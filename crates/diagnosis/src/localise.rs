//! Which lines are suspicious when tests fail: spectrum-based fault localisation.
//!
//! Every test leaves a trace, the lines it executed. A line that failing tests execute and passing ones don't is
//! suspicious. How much, the Ochiai coefficient says: with `ef` and `ep` the failing and passing tests that execute a
//! line, and `nf` the failing ones that don't,
//!
//! ```text
//! ochiai = ef / √((ef + nf) · (ef + ep))
//! ```
//!
//! It comes from biology (A. Ochiai, "Zoogeographical studies on the soleoid fishes found in Japan and its neighbouring
//! regions", 1957). R. Abreu, P. Zoeteweij and A. van Gemund compared it with other coefficients and found it the best
//! for this purpose ("An evaluation of similarity coefficients for software fault localization", PRDC 2006).
//!
//! Lines that run together always get the same value. Among them those come first that can be wrong in more ways:
//! comparisons, calculations, positions and numbers before plain names.

use crate::tokens::{Kind, tokens};

/// What a test left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRun {
    /// Whether it passed.
    pub passed: bool,
    /// The lines it executed, from 1.
    pub lines: Vec<u32>,
}

/// A suspicious line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect {
    /// From 1.
    pub line: u32,
    /// 0 (no failing test executes it) to 1 (exactly the failing ones do).
    pub score: f64,
}

/// The Ochiai coefficient; 0 where it isn't defined.
pub fn ochiai(executed_failed: u32, executed_passed: u32, other_failed: u32) -> f64 {
    let (ef, ep, nf) = (f64::from(executed_failed), f64::from(executed_passed), f64::from(other_failed));
    if executed_failed == 0 { 0.0 } else { ef / ((ef + nf) * (ef + ep)).sqrt() }
}

/// The lines that failing tests executed, most suspicious first.
pub fn suspects(code: &str, runs: &[CaseRun]) -> Vec<Suspect> {
    let count = |matches: &dyn Fn(&CaseRun) -> bool| {
        u32::try_from(runs.iter().filter(|run| matches(run)).count()).unwrap_or(u32::MAX)
    };
    let failed = count(&|run| !run.passed);
    let mut found: Vec<(Suspect, u32)> = (1..)
        .zip(code.lines())
        .filter_map(|(line, text): (u32, _)| {
            let executed_failed = count(&|run| !run.passed && run.lines.contains(&line));
            let executed_passed = count(&|run| run.passed && run.lines.contains(&line));
            let score = ochiai(executed_failed, executed_passed, failed - executed_failed);
            (executed_failed > 0).then(|| (Suspect { line, score }, ways_to_be_wrong(text)))
        })
        .collect();
    found.sort_by(|(one, ways), (other, other_ways)| {
        other.score.total_cmp(&one.score).then(other_ways.cmp(ways)).then(one.line.cmp(&other.line))
    });
    found.into_iter().map(|(suspect, _)| suspect).collect()
}

/// How much in a line could be otherwise.
fn ways_to_be_wrong(line: &str) -> u32 {
    let tokens = tokens(line);
    let first = tokens.first().map(|token| token.text).unwrap_or_default();
    // These run when the program is read, in every test.
    if matches!(first, "def" | "class" | "import" | "from" | "@") || tokens.iter().all(|token| token.kind == Kind::Text)
    {
        return 0;
    }
    let weight = |token: &crate::tokens::Token<'_>| match token.kind {
        Kind::Number => 2,
        Kind::Keyword => {
            u32::from(matches!(token.text, "and" | "or" | "not" | "in" | "is" | "if" | "True" | "False")) * 2
        }
        Kind::Sign if token.is("=") => 0,
        Kind::Sign if token.is_operator() => 3,
        Kind::Sign if token.is("[") => 2,
        _ => 0,
    };
    1 + tokens.iter().map(weight).sum::<u32>()
}
