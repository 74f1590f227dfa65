//! Functions and blocks that are too large to be taken in.

use learnflow_curriculum::Level;
use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged, TextRange};

use super::{flow::blocks, rule};
use crate::{Category, Severity, model::Report, program::Program, rules::RuleInfo};

pub(super) const LONG_FUNCTION: RuleInfo =
    rule("long-function", Category::Readability, Severity::Info, Level::Learning);
pub(super) const DEEP_NESTING: RuleInfo = rule("deep-nesting", Category::Readability, Severity::Info, Level::Beginner);

/// About a screen.
const MOST_LINES: u32 = 50;
/// Blocks inside each other, those of functions and classes not counted.
const DEEPEST: u32 = 4;

pub(super) fn long_function(program: &Program<'_>, report: &mut Report) {
    for function in program.scopes.iter().filter_map(|scope| scope.function) {
        let lines = report.line(function.end()) - report.line(function.name.start()) + 1;
        if lines > MOST_LINES {
            let message = format!("`{}` is {lines} lines long: nobody sees it as a whole.", function.name);
            report.add(
                &LONG_FUNCTION,
                &function.name,
                message,
                "Give its steps functions of their own, named by what they do.",
            );
        }
    }
}

pub(super) fn deep_nesting(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        descend(scope.body, 0, report);
    }
}

fn descend(body: &[Stmt], depth: u32, report: &mut Report) {
    for stmt in body.iter().filter(|stmt| !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_))) {
        let inner = blocks(stmt);
        if inner.is_empty() {
            continue;
        }
        if depth == DEEPEST {
            let message = format!(
                "This block is the {}th inside each other: what holds here is hard to keep in mind.",
                DEEPEST + 1
            );
            let suggestion = "Leave early with `return` or `continue`, or give the inner part a function of its own.";
            report.add(&DEEP_NESTING, TextRange::empty(stmt.start()), message, suggestion);
        } else {
            for block in inner {
                descend(block, depth + 1, report);
            }
        }
    }
}
