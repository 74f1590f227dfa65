//! Names that mean something else than they seem to.

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::{mistake, name_of};
use crate::{
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const HIDDEN_BUILTIN_CALLED: RuleInfo = mistake("hidden-builtin-called");

const CALLED: [&str; 22] = [
    "list", "dict", "set", "tuple", "str", "int", "float", "sum", "max", "min", "len", "input", "print", "range",
    "sorted", "abs", "round", "type", "all", "any", "next", "open",
];

/// `list = [1, 2]`, then `list("abc")`.
pub(super) fn hidden_builtin_called(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        for stmt in scope.body {
            let Stmt::Assign(assign) = stmt else { continue };
            let Some(name) = assign.targets.first().and_then(name_of).filter(|name| CALLED.contains(name)) else {
                continue;
            };
            if program.kind(scope, &assign.targets[0]).is_none() {
                continue;
            }
            walk::unguarded(scope.body, &mut |node| {
                if let Node::Expr(expr @ Expr::Call(call)) = node
                    && name_of(&call.func) == Some(name)
                    && expr.start() >= stmt.end()
                {
                    let line = report.line(stmt.start());
                    let message = format!(
                        "Since line {line}, `{name}` is a value of yours and no longer the function of Python, so this call ends with a `TypeError`."
                    );
                    report.add(
                        &HIDDEN_BUILTIN_CALLED,
                        expr,
                        message,
                        &format!("Give the value in line {line} another name."),
                    );
                }
            });
        }
    }
}
