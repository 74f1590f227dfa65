//! Loops and recursion that cannot end.

use ruff_python_ast::{Expr, Operator, Stmt, StmtWhile};

use super::{is_bound_in, mistake, name_of};
use crate::{
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const NEVER_LEFT: RuleInfo = mistake("endless-loop");
pub(super) const NOTHING_CHANGES: RuleInfo = mistake("loop-condition-never-changes");
pub(super) const NO_BASE_CASE: RuleInfo = mistake("recursion-without-end");

/// Built-in functions that always come back.
const HARMLESS: [&str; 16] = [
    "print",
    "len",
    "str",
    "repr",
    "abs",
    "min",
    "max",
    "sum",
    "round",
    "range",
    "sorted",
    "list",
    "bool",
    "type",
    "input",
    "enumerate",
];

fn while_loops(body: &[Stmt]) -> Vec<&StmtWhile> {
    let mut loops = Vec::new();
    walk::own(body, &mut |node| {
        if let Node::Stmt(Stmt::While(stmt)) = node {
            loops.push(stmt);
        }
        true
    });
    loops
}

/// Whether the loop could be left other than by its condition: by `break` and the like, or by an exception that some
/// function or operation raises.
fn can_be_left(program: &Program<'_>, body: &[Stmt]) -> bool {
    walk::any(body, |node| match node {
        Node::Stmt(stmt) => matches!(
            stmt,
            Stmt::Break(_)
                | Stmt::Return(_)
                | Stmt::Raise(_)
                | Stmt::Assert(_)
                | Stmt::Try(_)
                | Stmt::With(_)
                | Stmt::Delete(_)
                | Stmt::Import(_)
                | Stmt::ImportFrom(_)
        ),
        Node::Expr(expr) => match expr {
            Expr::Yield(_) | Expr::YieldFrom(_) | Expr::Await(_) | Expr::Subscript(_) | Expr::Attribute(_) => {
                !is_append(expr)
            }
            Expr::BinOp(operation) => {
                matches!(operation.op, Operator::Div | Operator::FloorDiv | Operator::Mod | Operator::Pow)
            }
            Expr::Call(call) => {
                let harmless = program.builtin_call(expr).is_some_and(|(name, _)| HARMLESS.contains(&name));
                !harmless && !is_append(&call.func)
            }
            _ => false,
        },
    })
}

fn is_append(expr: &Expr) -> bool {
    expr.as_attribute_expr().is_some_and(|method| method.attr.as_str() == "append" && method.value.is_name_expr())
}

/// `while True:` without a way out.
pub(super) fn never_left(program: &Program<'_>, report: &mut Report) {
    for stmt in program.scopes.iter().flat_map(|scope| while_loops(scope.body)) {
        let forever = matches!(&*stmt.test, Expr::BooleanLiteral(literal) if literal.value)
            || super::whole_number(&stmt.test).is_some_and(|number| number != 0);
        let asks = walk::any(
            &stmt.body,
            |node| matches!(node, Node::Expr(expr) if program.builtin_call(expr).is_some_and(|(name, _)| name == "input")),
        );
        // A program that talks to somebody may be meant to be stopped by Ctrl-C.
        if forever && !asks && !can_be_left(program, &stmt.body) {
            let message =
                "Nothing ends this loop: the condition is always true, and there is no `break` or `return` inside.";
            report.add(
                &NEVER_LEFT,
                &*stmt.test,
                message,
                "Add an `if` with a `break`, or write the real condition after `while`.",
            );
        }
    }
}

/// `while count < 10:` with a `count` that stays the same.
pub(super) fn nothing_changes(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        for stmt in while_loops(scope.body) {
            let Expr::Compare(compare) = &*stmt.test else { continue };
            let sides: Vec<&Expr> = std::iter::once(&*compare.left).chain(compare.comparators.iter()).collect();
            let names: Vec<&str> = sides.iter().filter_map(|side| name_of(side)).collect();
            let simple = sides.iter().all(|side| name_of(side).is_some() || side.is_number_literal_expr());
            let ordered = compare.ops.iter().all(|op| !op.is_is() && !op.is_is_not() && !op.is_in() && !op.is_not_in());
            let fixed = |name: &&str| {
                !program.escapes(name) && !is_bound_in(&stmt.body, name) && scope.bindings.contains_key(*name)
            };
            if names.is_empty() || !simple || !ordered || !names.iter().all(fixed) || can_be_left(program, &stmt.body) {
                continue;
            }
            let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let message = format!(
                "Inside this loop {} never changes, so once the condition is true it stays true: the loop cannot end.",
                quoted.join(" and ")
            );
            report.add(
                &NOTHING_CHANGES,
                &*stmt.test,
                message,
                "Change the value in each round, for example by `+= 1`.",
            );
        }
    }
}

/// A function that calls itself in every case.
pub(super) fn no_base_case(program: &Program<'_>, report: &mut Report) {
    for (name, function) in &program.functions {
        let chooses = walk::any(&function.body, |node| match node {
            Node::Stmt(stmt) => matches!(
                stmt,
                Stmt::If(_)
                    | Stmt::While(_)
                    | Stmt::For(_)
                    | Stmt::Try(_)
                    | Stmt::Match(_)
                    | Stmt::Raise(_)
                    | Stmt::With(_)
                    | Stmt::Assert(_)
                    | Stmt::FunctionDef(_)
                    | Stmt::ClassDef(_)
            ),
            Node::Expr(expr) => matches!(
                expr,
                Expr::If(_)
                    | Expr::BoolOp(_)
                    | Expr::Lambda(_)
                    | Expr::Yield(_)
                    | Expr::YieldFrom(_)
                    | Expr::Await(_)
                    | Expr::ListComp(_)
                    | Expr::SetComp(_)
                    | Expr::DictComp(_)
                    | Expr::Generator(_)
            ),
        });
        if chooses || function.is_async || !function.decorator_list.is_empty() {
            continue;
        }
        let mut calls = None;
        for stmt in &function.body {
            walk::all(std::slice::from_ref(stmt), &mut |node| {
                if let Node::Expr(expr @ Expr::Call(call)) = node
                    && name_of(&call.func) == Some(*name)
                {
                    calls = calls.or(Some(expr));
                }
                true
            });
            if calls.is_some() || stmt.is_return_stmt() {
                break;
            }
        }
        if let Some(call) = calls {
            let message = format!(
                "`{name}` calls itself in every case, so it never comes to an end: Python stops it with a `RecursionError`."
            );
            report.add(
                &NO_BASE_CASE,
                call,
                message,
                "Begin with the simplest case, and return its answer without another call.",
            );
        }
    }
}
