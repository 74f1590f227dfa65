//! What is good about a program. There is always something, and it is said first.

use ruff_python_ast::{Expr, Stmt};

use crate::{
    Category, Severity,
    model::Report,
    program::Program,
    walk::{self, Node},
};

/// A sentence, true of the program.
pub(crate) fn find(program: &Program<'_>, report: &Report) -> String {
    let clean = report.comments().iter().all(|comment| comment.severity == Severity::Info);
    let bug = report.comments().iter().any(|comment| comment.category == Category::Bug);
    let functions: Vec<_> = program.scopes.iter().filter_map(|scope| scope.function).collect();
    let has = |fits: &dyn Fn(Node<'_>) -> bool| walk::any(program.body, fits);
    let documented = functions.iter().any(|function| is_docstring(function.body.first()));
    let sentence = if program.body.is_empty() {
        "Every program starts empty."
    } else if functions.len() > 1 && documented {
        "You split the work into functions and say what they are for."
    } else if functions.len() > 1 {
        "You split the work into functions with names of their own, so each can be read and tested alone."
    } else if has(&|node| matches!(node, Node::Stmt(Stmt::With(_)))) {
        "You use `with`, so what you open is closed in any case."
    } else if has(&|node| {
        matches!(node, Node::Stmt(Stmt::Try(stmt)) if stmt.handlers.iter().all(|handler| {
        handler.as_except_handler().is_some_and(|handler| handler.type_.is_some())
    }) && !stmt.handlers.is_empty())
    }) {
        "You think of what can go wrong and handle just that."
    } else if functions.iter().any(|function| function.returns.is_some()) {
        "Your annotations say what goes in and what comes out."
    } else if has(&|node| matches!(node, Node::Expr(Expr::ListComp(_) | Expr::DictComp(_) | Expr::SetComp(_)))) {
        "You use a comprehension, which says in one line what it makes."
    } else if has(&|node| matches!(node, Node::Expr(Expr::FString(_)))) {
        "Your f-strings make the output easy to see in the code."
    } else if !functions.is_empty() {
        "You put the work into a function, so it can be used and tested again."
    } else if has(&|node| matches!(node, Node::Stmt(Stmt::For(_)))) {
        "You let a loop do the repeating."
    } else if clean && !bug {
        "The program is short and to the point."
    } else {
        "Python can read the whole program: its form is right."
    };
    sentence.to_owned()
}

fn is_docstring(first: Option<&Stmt>) -> bool {
    matches!(first, Some(Stmt::Expr(stmt)) if stmt.value.is_string_literal_expr())
}
