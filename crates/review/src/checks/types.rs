//! Values of the wrong type.

use ruff_python_ast::{Expr, ExprCompare, Operator};

use super::{mistake, suspect};
use crate::{
    model::Report,
    program::{Kind, Program, Scope},
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const INPUT_AS_NUMBER: RuleInfo = mistake("input-as-number");
pub(super) const TEXT_PLUS_NUMBER: RuleInfo = mistake("text-plus-number");
pub(super) const MISSING_F: RuleInfo = suspect("missing-f-prefix");

/// `age = input()`, then `age < 18` or `age + 1`.
pub(super) fn input_as_number(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        let is_input = |expr: &Expr| program.kind(scope, expr) == Some(Kind::Input);
        let is_number = |expr: &Expr| program.kind(scope, expr).is_some_and(Kind::is_number);
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(expr) = node else { return };
            let (read, what) = match expr {
                Expr::Compare(ExprCompare { left, ops, comparators, .. }) => {
                    let sides: Vec<&Expr> = std::iter::once(&**left).chain(comparators.iter()).collect();
                    let found = sides.windows(2).zip(ops.iter()).find_map(|(pair, op)| {
                        let (one, other) = (pair[0], pair[1]);
                        let read = if is_input(one) && is_number(other) {
                            one
                        } else if is_input(other) && is_number(one) {
                            other
                        } else {
                            return None;
                        };
                        if op.is_eq() || op.is_not_eq() {
                            Some((read, "a text is never equal to a number"))
                        } else if op.is_in() || op.is_not_in() || op.is_is() || op.is_is_not() {
                            None
                        } else {
                            Some((read, "a text cannot be compared with a number, which raises a `TypeError`"))
                        }
                    });
                    let Some(found) = found else { return };
                    found
                }
                Expr::BinOp(operation) if calculates(operation.op) => {
                    let (left, right) = (&*operation.left, &*operation.right);
                    let read = if is_input(left) && is_number(right) {
                        left
                    } else if is_input(right) && is_number(left) {
                        right
                    } else {
                        return;
                    };
                    (read, "with a text one cannot calculate, which raises a `TypeError`")
                }
                Expr::Call(_) => {
                    let Some(read) = program.argument_of("range", expr).filter(|read| is_input(read)) else { return };
                    (read, "`range` takes no text, which raises a `TypeError`")
                }
                _ => return,
            };
            let message = format!("`input` always returns a text, even if a number is typed in, and {what}.");
            let read = program.text(read);
            let suggestion = if is_name(read) {
                format!("Turn it into a number first: `{read} = int({read})`.")
            } else {
                format!("Turn it into a number: `int({read})`.")
            };
            report.add(&INPUT_AS_NUMBER, expr, message, &suggestion);
        });
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|sign| sign.is_alphanumeric() || sign == '_')
}

/// `%` with a text on the left is formatting, `*` repeats it.
fn calculates(op: Operator) -> bool {
    matches!(op, Operator::Add | Operator::Sub | Operator::Div | Operator::FloorDiv | Operator::Pow)
}

/// `"Age: " + 5`
pub(super) fn text_plus_number(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(Expr::BinOp(operation)) = node else { return };
            if operation.op != Operator::Add {
                return;
            }
            let number = match (is_text(program, scope, &operation.left), is_text(program, scope, &operation.right)) {
                (true, false) => &*operation.right,
                (false, true) => &*operation.left,
                _ => return,
            };
            if program.kind(scope, number).is_some_and(Kind::is_number) {
                let message = "A text and a number cannot be added: this raises a `TypeError`.";
                let number = program.text(number);
                let suggestion =
                    format!("Use an f-string, `f\"… {{{number}}}\"`, or turn the number into a text: `str({number})`.");
                report.add(&TEXT_PLUS_NUMBER, operation, message, &suggestion);
            }
        });
    }
}

/// Whether an expression is a text for sure; `text + anything` can be nothing else.
fn is_text(program: &Program<'_>, scope: &Scope<'_>, expr: &Expr) -> bool {
    let known = program.kind(scope, expr) == Some(Kind::Str);
    known
        || matches!(expr, Expr::BinOp(sum) if sum.op == Operator::Add
        && (matches!(*sum.left, Expr::StringLiteral(_) | Expr::FString(_)) || matches!(*sum.right, Expr::StringLiteral(_) | Expr::FString(_))))
}

/// `print("Hello {name}")`
pub(super) fn missing_f(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::own(scope.body, &mut |node| {
            if let Node::Expr(expr @ Expr::Call(_)) = node
                && let Some(("print", call)) = program.builtin_call(expr)
            {
                for text in call.arguments.args.iter().filter_map(Expr::as_string_literal_expr) {
                    let written = text.value.to_str();
                    if let Some(name) = placeholder(written).filter(|name| program.lookup(scope, name).is_some()) {
                        let message = format!("This prints `{{{name}}}` with its braces, not the value of `{name}`.");
                        report.add(&MISSING_F, text, message, "Put an `f` before the opening quote.");
                    }
                }
            }
            true
        });
    }
}

/// The first name in braces; `{{name}}` isn't meant to be replaced.
fn placeholder(text: &str) -> Option<&str> {
    if text.contains("{{") {
        return None;
    }
    text.split('{').skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = name.starts_with(|sign: char| sign.is_alphabetic() || sign == '_')
            && name.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
        is_name.then_some(name)
    })
}
