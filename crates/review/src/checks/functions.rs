//! What functions give back.

use learnflow_curriculum::Level;
use ruff_python_ast::Stmt;

use super::rule;
use crate::{
    Category, Severity,
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const RETURNED_PRINT: RuleInfo =
    rule("returned-print", Category::Readability, Severity::Warning, Level::Beginner);

/// `return print(…)`
pub(super) fn returned_print(program: &Program<'_>, report: &mut Report) {
    walk::all(program.body, &mut |node| {
        if let Node::Stmt(stmt @ Stmt::Return(ending)) = node
            && ending.value.as_deref().is_some_and(|value| matches!(program.builtin_call(value), Some(("print", _))))
        {
            let message = "`print` shows a value and returns `None`, so `None` is what the caller gets.";
            report.add(
                &RETURNED_PRINT,
                stmt,
                message,
                "Return the value itself, and print it where the function is called.",
            );
        }
        true
    });
}
