//! Work that grows faster than it need.

use learnflow_curriculum::Level;
use ruff_python_ast::{Expr, Operator, Stmt};

use super::{is_bound_in, name_of, rule};
use crate::{
    Category, Severity,
    model::Report,
    program::{Kind, Program},
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const TEXT_IN_LOOP: RuleInfo =
    rule("text-built-in-loop", Category::Performance, Severity::Info, Level::Proficient);
pub(super) const SEARCH_IN_LOOP: RuleInfo =
    rule("list-searched-in-loop", Category::Performance, Severity::Info, Level::Proficient);

/// A list shorter than this is searched as fast as a set.
const SHORT: usize = 8;

fn loop_bodies(body: &[Stmt]) -> Vec<&[Stmt]> {
    let mut bodies = Vec::new();
    walk::own(body, &mut |node| {
        match node {
            Node::Stmt(Stmt::For(stmt)) => bodies.push(&*stmt.body),
            Node::Stmt(Stmt::While(stmt)) => bodies.push(&*stmt.body),
            _ => {}
        }
        true
    });
    bodies
}

/// `text += …` in a loop.
pub(super) fn text_in_loop(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        for body in loop_bodies(scope.body) {
            walk::own(body, &mut |node| {
                if let Node::Stmt(stmt @ Stmt::AugAssign(assign)) = node
                    && assign.op == Operator::Add
                    && let Some(name) = name_of(&assign.target)
                    && program.lookup(scope, name).is_some_and(|binding| {
                        binding.others == 0
                            && !binding.values.is_empty()
                            && binding.values.iter().all(|value| program.kind(scope, value) == Some(Kind::Str))
                    })
                {
                    let message = format!(
                        "Each round copies all of `{name}`, since texts cannot be changed. With many rounds that takes long."
                    );
                    report.add(
                        &TEXT_IN_LOOP,
                        stmt,
                        message,
                        "Collect the pieces in a list and join them at the end: `\"\".join(pieces)`.",
                    );
                }
                true
            });
        }
    }
}

/// `if item in items:` in a loop, with a list that stays the same.
pub(super) fn search_in_loop(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        for body in loop_bodies(scope.body) {
            walk::own(body, &mut |node| {
                if let Node::Expr(expr @ Expr::Compare(compare)) = node
                    && let ([op], [right]) = (&*compare.ops, &*compare.comparators)
                    && (op.is_in() || op.is_not_in())
                    && let Some(name) =
                        name_of(right).filter(|name| !is_bound_in(body, name) && !is_changed(body, name))
                    && program.kind(scope, right) == Some(Kind::List)
                    && program.lookup(scope, name).is_some_and(|binding| {
                        binding
                            .values
                            .iter()
                            .all(|value| value.as_list_expr().is_none_or(|list| list.elts.len() >= SHORT))
                    })
                {
                    let message =
                        format!("Each round searches `{name}` from its beginning; with long lists that takes long.");
                    report.add(
                        &SEARCH_IN_LOOP,
                        expr,
                        message,
                        &format!("Make a set of it before the loop, `set({name})`: a set finds its items at once."),
                    );
                }
                true
            });
        }
    }
}

fn is_changed(body: &[Stmt], name: &str) -> bool {
    walk::any(body, |node| matches!(node, Node::Expr(Expr::Attribute(method)) if name_of(&method.value) == Some(name)))
}
