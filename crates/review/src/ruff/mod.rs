//! Ruff's rules: those worth a learner's attention, each explained.
//!
//! The rest is left out on purpose: rules of taste, rules for large projects, and rules that flag what is idiomatic in
//! short programs.

mod mistakes;
mod performance;
mod readability;
mod safety;
mod style;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::LazyLock,
};

use learnflow_curriculum::Level;
use ruff_linter::{
    linter::{ParseSource, lint_only},
    registry::Rule,
    settings::{LinterSettings, flags::Noqa},
    source_kind::SourceKind,
};
use ruff_python_ast::PySourceType;

use ruff_text_size::TextRange;

use crate::{Category, PYTHON, Severity, model::Report, program::Program, rules::RuleInfo, syntax::Refused};

/// A rule of ruff and what a learner should know of it. `{0}` and `{1}` stand for what ruff's own message has between its
/// first and second pair of backticks.
struct Entry {
    code: &'static str,
    severity: Severity,
    from: Level,
    message: &'static str,
    suggestion: &'static str,
}

const fn entry(
    code: &'static str,
    severity: Severity,
    from: Level,
    message: &'static str,
    suggestion: &'static str,
) -> Entry {
    Entry { code, severity, from, message, suggestion }
}

const TABLES: [(Category, &[Entry]); 5] = [
    (Category::Bug, mistakes::RULES),
    (Category::Readability, readability::RULES),
    (Category::Performance, performance::RULES),
    (Category::Security, safety::RULES),
    (Category::Style, style::RULES),
];

/// Rules for what Python itself refuses although it can be parsed.
const REFUSED: [&str; 9] = ["F404", "F621", "F622", "F701", "F702", "F704", "F706", "F707", "PLE0118"];

struct Known {
    info: RuleInfo,
    entry: &'static Entry,
}

/// What is checked, by ruff's name of the rule.
static KNOWN: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let entries = TABLES.iter().flat_map(|(category, entries)| entries.iter().map(|entry| (*category, entry)));
    entries
        .filter_map(|(category, entry)| {
            let name = Rule::from_code(entry.code).ok()?.into();
            let info = RuleInfo { name, code: Some(entry.code), category, severity: entry.severity, from: entry.from };
            Some((name, Known { info, entry }))
        })
        .collect()
});

static SETTINGS: LazyLock<LinterSettings> = LazyLock::new(|| {
    let codes = TABLES.iter().flat_map(|(_, entries)| entries.iter().map(|entry| entry.code));
    LinterSettings::for_rules(codes.chain(REFUSED).filter_map(|code| Rule::from_code(code).ok()))
        .with_target_version(PYTHON)
});

pub(crate) fn rules() -> impl Iterator<Item = RuleInfo> {
    TABLES.iter().flat_map(|(_, entries)| entries.iter()).filter_map(|entry| {
        let name: &'static str = Rule::from_code(entry.code).ok()?.into();
        KNOWN.get(name).map(|known| known.info)
    })
}

/// Adds ruff's findings to a report. `Err` is what Python itself refuses although the program parses.
pub(crate) fn lint(code: &str, program: &Program<'_>, report: &mut Report) -> Result<(), Refused> {
    let source = SourceKind::Python { code: code.to_owned(), is_stub: false };
    // A linter's mistake must not cost the student the rest of the review.
    let linted = catch_unwind(AssertUnwindSafe(|| {
        let path = Path::new("main.py");
        lint_only(path, None, &SETTINGS, Noqa::Disabled, &source, PySourceType::Python, ParseSource::None)
    }));
    let Ok(linted) = linted else { return Ok(()) };
    for diagnostic in &linted.diagnostics {
        let range = diagnostic.range().unwrap_or_default();
        let text = diagnostic.headline_message();
        let rule = diagnostic.secondary_code().map_or("", |code| code.as_str());
        if diagnostic.is_invalid_syntax() || REFUSED.contains(&rule) {
            return Err(Refused { code: code.to_owned(), range, message: text.to_owned() });
        }
        if let Some(Known { info, entry }) = KNOWN.get(diagnostic.name())
            && !is_idiom(rule, program, range)
        {
            report.add(info, range, fill(entry.message, text), &fill(entry.suggestion, text));
        }
    }
    Ok(())
}

/// Findings that can be right all the same.
fn is_idiom(rule: &str, program: &Program<'_>, range: TextRange) -> bool {
    match rule {
        // A name used in a loop above its assignment has its value from the second round on.
        "F821" => program.may_be_known(program.text(range)) || program.text(range).starts_with("__"),
        "F823" => program.is_in_loop(range),
        // `a, b, c = a, c, b`
        "PLW0127" => program.line_of(range).contains(','),
        // Tried out, to see whether it fails.
        "B018" if is_property(program.text(range)) => true,
        "B015" | "B018" | "B909" | "PLE0643" => program.is_guarded(range),
        _ => false,
    }
}

/// Whether an expression reads an attribute that isn't one of the well-known methods: if it is a property, reading it may
/// do something.
fn is_property(expression: &str) -> bool {
    const METHODS: [&str; 16] = [
        "append", "extend", "insert", "remove", "pop", "sort", "reverse", "clear", "strip", "lower", "upper", "split",
        "close", "read", "keys", "values",
    ];
    expression.rsplit_once('.').is_some_and(|(_, attribute)| {
        let is_name = attribute.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
        is_name && attribute.starts_with(|sign: char| !sign.is_numeric()) && !METHODS.contains(&attribute)
    })
}

/// Puts the quoted parts of ruff's message into ours.
fn fill(template: &str, message: &str) -> String {
    let mut filled = template.to_owned();
    for (number, part) in message.split('`').skip(1).step_by(2).take(2).enumerate() {
        filled = filled.replace(&format!("{{{number}}}"), &part.replace('`', "'"));
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-014: every rule named in the tables exists in the embedded ruff, once.
    #[test]
    fn every_code_is_a_rule_of_ruff() {
        let entries: Vec<_> = TABLES.iter().flat_map(|(_, entries)| entries.iter()).collect();
        for entry in &entries {
            assert!(Rule::from_code(entry.code).is_ok(), "{} is no rule of ruff", entry.code);
        }
        assert_eq!(KNOWN.len(), entries.len(), "a rule stands in the tables twice");
    }
}
