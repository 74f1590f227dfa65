//! Positions beside a list or text.

use ruff_python_ast::{CmpOp, Expr, Operator, Stmt, StmtFor};

use super::{mistake, name_of, whole_number};
use crate::{
    model::Report,
    program::{Kind, Program, Scope},
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const OFF_BY_ONE: RuleInfo = mistake("off-by-one");
pub(super) const INDEX_IS_LENGTH: RuleInfo = mistake("index-is-length");
pub(super) const FLOAT_AS_POSITION: RuleInfo = mistake("float-as-position");

const FROM_ZERO: &str = "Positions begin at 0, so the last one is the length less 1.";

/// Loops that go one item too far, and `items[len(items)]`.
pub(super) fn past_the_end(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| match node {
            Node::Stmt(Stmt::For(stmt)) => {
                if let Some(sequence) = one_too_many(program, stmt)
                    && always_reads(program, scope, &stmt.body, name_of(&stmt.target), sequence)
                {
                    let message = format!(
                        "In its last round the loop reads `{sequence}` behind its end, which raises an `IndexError`. {FROM_ZERO}"
                    );
                    report.add(
                        &OFF_BY_ONE,
                        &*stmt.iter,
                        message,
                        &format!("Use `range(len({sequence}))`, or go over the items themselves."),
                    );
                }
            }
            Node::Stmt(Stmt::While(stmt)) => {
                if let Expr::Compare(compare) = &*stmt.test
                    && let ([CmpOp::LtE], [right]) = (&*compare.ops, &*compare.comparators)
                    && let Some(sequence) = program.argument_of("len", right)
                    && always_reads(program, scope, &stmt.body, name_of(&compare.left), program.text(sequence))
                {
                    let sequence = program.text(sequence);
                    let message = format!(
                        "In its last round the loop reads `{sequence}` behind its end, which raises an `IndexError`. {FROM_ZERO}"
                    );
                    report.add(
                        &OFF_BY_ONE,
                        &*stmt.test,
                        message,
                        &format!("Use `<` instead of `<=`: `< len({sequence})`."),
                    );
                }
            }
            Node::Expr(expr @ Expr::Subscript(subscript)) if subscript.ctx.is_load() => {
                let measured = program.argument_of("len", &subscript.slice);
                if measured.is_some_and(|measured| program.text(measured) == program.text(&*subscript.value))
                    && program.kind(scope, &subscript.value) != Some(Kind::Dict)
                {
                    let message = format!("There is no item at this position. {FROM_ZERO}");
                    report.add(&INDEX_IS_LENGTH, expr, message, "The last item is `[-1]`.");
                }
            }
            _ => {}
        });
    }
}

/// The sequence of `range(len(sequence) + 1)`.
fn one_too_many<'a>(program: &Program<'a>, stmt: &StmtFor) -> Option<&'a str> {
    let ("range", call) = program.builtin_call(&stmt.iter)? else { return None };
    let ([stop] | [_, stop]) = &*call.arguments.args else { return None };
    let sum = stop
        .as_bin_op_expr()
        .filter(|sum| sum.op == Operator::Add && whole_number(&sum.right).is_some_and(|more| more > 0))?;
    Some(program.text(program.argument_of("len", &sum.left)?))
}

/// Whether each round reads `sequence[index]`, and nothing in it leaves the loop or changes the sequence.
fn always_reads(program: &Program<'_>, scope: &Scope<'_>, body: &[Stmt], index: Option<&str>, sequence: &str) -> bool {
    let Some(index) = index else { return false };
    let (mut reads, mut careful) = (false, false);
    walk::own(body, &mut |node| {
        match node {
            Node::Stmt(
                Stmt::If(_)
                | Stmt::Try(_)
                | Stmt::Match(_)
                | Stmt::With(_)
                | Stmt::Break(_)
                | Stmt::Return(_)
                | Stmt::Raise(_),
            )
            | Node::Expr(Expr::If(_) | Expr::BoolOp(_)) => careful = true,
            Node::Expr(Expr::Call(call)) => {
                let method = call.func.as_attribute_expr();
                careful = careful || method.is_some_and(|method| program.text(&*method.value) == sequence);
            }
            Node::Expr(Expr::Subscript(subscript)) if program.text(&*subscript.value) == sequence => {
                careful =
                    careful || !subscript.ctx.is_load() || program.kind(scope, &subscript.value) == Some(Kind::Dict);
                reads = reads || name_of(&subscript.slice) == Some(index);
            }
            _ => {}
        }
        true
    });
    reads && !careful
}

/// `range(n / 2)` and `items[len(items) / 2]`
pub(super) fn float_as_position(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(expr) = node else { return };
            let divided = match expr {
                Expr::Call(_) => program
                    .builtin_call(expr)
                    .filter(|(name, _)| *name == "range")
                    .and_then(|(_, call)| call.arguments.args.iter().find(|argument| is_quotient(argument))),
                Expr::Subscript(subscript) => {
                    let sequence = program.kind(scope, &subscript.value).is_some_and(Kind::is_sequence);
                    Some(&*subscript.slice).filter(|slice| sequence && program.kind(scope, slice) == Some(Kind::Float))
                }
                _ => None,
            };
            if let Some(divided) = divided {
                let message = "Positions and `range` need whole numbers, but `/` gives a `float` even when there is no remainder: this raises a `TypeError`.";
                report.add(&FLOAT_AS_POSITION, divided, message, "Divide with `//`, which gives a whole number.");
            }
        });
    }
}

fn is_quotient(expr: &Expr) -> bool {
    expr.as_bin_op_expr().is_some_and(|operation| operation.op == Operator::Div)
}
