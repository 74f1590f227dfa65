//! Statements in an order that cannot be meant.

use ruff_python_ast::{Expr, ExprContext, Stmt};
use ruff_text_size::Ranged;

use super::{for_loops, name_of, suspect};
use crate::{
    model::Report,
    program::{Program, Scope},
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const UNREACHABLE: RuleInfo = suspect("unreachable-code");
pub(super) const RETURNS_IN_FIRST_ROUND: RuleInfo = suspect("return-in-first-round");
pub(super) const STARTS_AGAIN: RuleInfo = suspect("total-starts-again");

/// Statements behind one that always leaves the block.
pub(super) fn unreachable(program: &Program<'_>, report: &mut Report) {
    let mut check = |body: &[Stmt]| {
        let Some(index) = body.iter().position(leaves) else { return };
        let rest = &body[index + 1..];
        // A function becomes a generator by a `yield` that is never reached.
        let is_idiom = walk::any_own(rest, |node| matches!(node, Node::Expr(Expr::Yield(_) | Expr::YieldFrom(_))));
        if let Some(first) = rest.first().filter(|_| !is_idiom) {
            let line = report.line(body[index].end());
            let message = format!("This line is never reached: line {line} always leaves the block before.");
            report.add(&UNREACHABLE, first, message, "Is it indented too far? Otherwise move it up, or remove it.");
        }
    };
    check(program.body);
    walk::all(program.body, &mut |node| {
        if let Node::Stmt(stmt) = node {
            blocks(stmt).into_iter().for_each(&mut check);
        }
        true
    });
}

/// Whether what stands behind a statement cannot be reached.
fn leaves(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        Stmt::If(stmt) => {
            let clauses = &stmt.elif_else_clauses;
            clauses.last().is_some_and(|last| last.test.is_none())
                && stmt.body.iter().any(leaves)
                && clauses.iter().all(|clause| clause.body.iter().any(leaves))
        }
        _ => false,
    }
}

/// The blocks directly inside a statement.
pub(super) fn blocks(stmt: &Stmt) -> Vec<&[Stmt]> {
    match stmt {
        Stmt::FunctionDef(stmt) => vec![&stmt.body],
        Stmt::ClassDef(stmt) => vec![&stmt.body],
        Stmt::For(stmt) => vec![&stmt.body, &stmt.orelse],
        Stmt::While(stmt) => vec![&stmt.body, &stmt.orelse],
        Stmt::With(stmt) => vec![&stmt.body],
        Stmt::If(stmt) => {
            std::iter::once(&*stmt.body).chain(stmt.elif_else_clauses.iter().map(|clause| &*clause.body)).collect()
        }
        Stmt::Match(stmt) => stmt.cases.iter().map(|case| &*case.body).collect(),
        Stmt::Try(stmt) => {
            let handlers = stmt.handlers.iter().filter_map(|handler| Some(&*handler.as_except_handler()?.body));
            [&*stmt.body, &*stmt.orelse, &*stmt.finalbody].into_iter().chain(handlers).collect()
        }
        _ => Vec::new(),
    }
}

/// `for …: if …: return True; else: return False`, and `for …: total += …; return total`.
pub(super) fn returns_in_first_round(program: &Program<'_>, report: &mut Report) {
    for scope in program.scopes.iter().filter(|scope| scope.function.is_some()) {
        for stmt in for_loops(scope.body) {
            let goes_on = walk::any_own(&stmt.body, |node| {
                matches!(node, Node::Stmt(Stmt::Continue(_)) | Node::Expr(Expr::Yield(_) | Expr::YieldFrom(_)))
            });
            let Some((last, before)) = stmt.body.split_last().filter(|_| !goes_on) else { continue };
            let message = "In its first round already the loop reaches a `return`, so no further item is looked at.";
            match last {
                Stmt::If(choice) if returns_either_way(choice) => {
                    let suggestion = "Return inside the loop only where the answer is certain; the other `return` belongs below the loop.";
                    report.add(&RETURNS_IN_FIRST_ROUND, last, message, suggestion);
                }
                Stmt::Return(ending) => {
                    let collected = ending.value.as_deref().and_then(name_of);
                    if collected.is_some_and(|name| before.iter().any(|stmt| adds_to(stmt, name))) {
                        report.add(
                            &RETURNS_IN_FIRST_ROUND,
                            last,
                            message,
                            "Move the `return` to the left, below the loop.",
                        );
                    }
                }
                _ => {}
            }
        }
    }
}

fn returns_either_way(choice: &ruff_python_ast::StmtIf) -> bool {
    let ends = |body: &[Stmt]| matches!(body, [Stmt::Return(_)]);
    let clauses = &choice.elif_else_clauses;
    clauses.last().is_some_and(|last| last.test.is_none())
        && ends(&choice.body)
        && clauses.iter().all(|clause| ends(&clause.body))
}

/// `name += …` and `name.append(…)`
fn adds_to(stmt: &Stmt, name: &str) -> bool {
    match stmt {
        Stmt::AugAssign(stmt) => name_of(&stmt.target) == Some(name),
        Stmt::Expr(stmt) => {
            let called = stmt.value.as_call_expr().and_then(|call| call.func.as_attribute_expr());
            called.is_some_and(|method| method.attr.as_str() == "append" && name_of(&method.value) == Some(name))
        }
        _ => false,
    }
}

/// `for …: total = 0; total += …`, with `total` used after the loop.
pub(super) fn starts_again(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        for stmt in for_loops(scope.body) {
            for (index, reset) in stmt.body.iter().enumerate() {
                let Stmt::Assign(assign) = reset else { continue };
                let Some(name) = assign.targets.first().and_then(name_of) else { continue };
                if assign.targets.len() == 1
                    && is_start(&assign.value)
                    && is_only_collected(&stmt.body, index, name)
                    && is_read_after(scope, stmt.end(), name)
                    && !program.escapes(name)
                {
                    let message = format!(
                        "`{name}` starts again in every round, so after the loop only the last round is left in it."
                    );
                    report.add(&STARTS_AGAIN, reset, message, "Move this line up, above the loop.");
                }
            }
        }
    }
}

fn is_start(value: &Expr) -> bool {
    match value {
        Expr::NumberLiteral(_) => true,
        Expr::StringLiteral(text) => text.value.is_empty(),
        Expr::List(list) => list.elts.is_empty(),
        _ => false,
    }
}

/// In the rest of the round something is added, and nothing else is done with the name.
fn is_only_collected(body: &[Stmt], reset: usize, name: &str) -> bool {
    let behind = &body[reset + 1..];
    let mut added = 0;
    let mut nested = false;
    walk::own(behind, &mut |node| {
        if let Node::Stmt(stmt) = node {
            nested = nested || matches!(stmt, Stmt::For(_) | Stmt::While(_) | Stmt::Break(_) | Stmt::Return(_));
            added += usize::from(adds_to(stmt, name));
        }
        true
    });
    let mut others = 0;
    walk::all(body, &mut |node| {
        if let Node::Expr(Expr::Name(found)) = node
            && found.id == *name
        {
            others += 1;
        }
        true
    });
    // Each addition and the reset itself mention the name once.
    !nested && added > 0 && others == added + 1
}

fn is_read_after(scope: &Scope<'_>, end: ruff_text_size::TextSize, name: &str) -> bool {
    walk::any(scope.body, |node| {
        matches!(node, Node::Expr(Expr::Name(found))
            if found.id == *name && found.ctx == ExprContext::Load && found.range.start() >= end)
    })
}
