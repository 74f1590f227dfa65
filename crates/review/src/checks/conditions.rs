//! Conditions that don't ask what they seem to ask.

use learnflow_curriculum::Level;
use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprBoolOp, ExprCompare, Number, Stmt};

use super::{is_literal, mistake, name_of, rule, suspect};
use crate::{
    Category, Severity,
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const CONSTANT_AFTER_OR: RuleInfo = mistake("constant-after-or");
pub(super) const ALWAYS_TRUE: RuleInfo = mistake("condition-always-true");
pub(super) const ALWAYS_FALSE: RuleInfo = mistake("condition-always-false");
pub(super) const FUNCTION_NOT_CALLED: RuleInfo = mistake("function-not-called");
pub(super) const IMPOSSIBLE_LENGTH: RuleInfo = suspect("impossible-length");
pub(super) const EQUAL_FLOATS: RuleInfo = rule("equal-floats", Category::Readability, Severity::Info, Level::Learning);

/// The conditions of `if`, `while` and conditional expressions.
fn each_condition<'a>(program: &Program<'a>, visit: &mut dyn FnMut(&'a Expr)) {
    walk::all(program.body, &mut |node| {
        match node {
            Node::Stmt(Stmt::If(stmt)) => {
                visit(&stmt.test);
                stmt.elif_else_clauses.iter().filter_map(|clause| clause.test.as_ref()).for_each(&mut *visit);
            }
            Node::Stmt(Stmt::While(stmt)) => visit(&stmt.test),
            Node::Expr(Expr::If(expr)) => visit(&expr.test),
            _ => {}
        }
        true
    });
}

/// `if answer == "yes" or "y":`
pub(super) fn constant_after_or(program: &Program<'_>, report: &mut Report) {
    each_condition(program, &mut |condition| {
        let Expr::BoolOp(ExprBoolOp { op: BoolOp::Or, values, .. }) = condition else { return };
        let Some(compared) = values.first().and_then(Expr::as_compare_expr) else { return };
        let constant = values[1..].iter().find(|value| is_true_literal(value));
        if let Some(constant) = constant {
            let (left, constant) = (program.text(&*compared.left), program.text(constant));
            let message = format!(
                "`or {constant}` doesn't compare anything: `{constant}` alone counts as true, so the whole condition is always true."
            );
            report.add(
                &CONSTANT_AFTER_OR,
                condition,
                message,
                &format!("Name both sides again, `{left} == {constant}`, or write `{left} in (…)`."),
            );
        }
    });
}

fn is_true_literal(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(text) => !text.value.is_empty(),
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(int) => int.as_u64() != Some(0),
            Number::Float(float) => *float != 0.0,
            Number::Complex { .. } => false,
        },
        _ => false,
    }
}

/// `x != 1 or x != 2` is always true, `x == 1 and x == 2` never.
pub(super) fn always_the_same(program: &Program<'_>, report: &mut Report) {
    walk::all(program.body, &mut |node| {
        let Node::Expr(expr @ Expr::BoolOp(operation)) = node else { return true };
        let wanted = if operation.op.is_or() { CmpOp::NotEq } else { CmpOp::Eq };
        let compared: Vec<_> = operation.values.iter().filter_map(|value| with_literal(value, wanted)).collect();
        let differs = compared.iter().enumerate().find_map(|(index, (name, literal))| {
            let other = compared[..index].iter().find(|(earlier, _)| earlier == name)?;
            (program.text(other.1) != program.text(*literal) && same_type(other.1, literal)).then_some(*name)
        });
        if let Some(name) = differs {
            if operation.op.is_or() {
                let message =
                    format!("`{name}` cannot be equal to both values at once, so one of the two sides is always true.");
                report.add(&ALWAYS_TRUE, expr, message, "Use `and` to say that it is none of them, or `not in (…)`.");
            } else {
                let message = format!("`{name}` cannot be equal to two values at once, so this is never true.");
                report.add(&ALWAYS_FALSE, expr, message, "Use `or` to say that it is one of them, or `in (…)`.");
            }
        }
        true
    });
}

/// `name <op> literal`
fn with_literal(expr: &Expr, wanted: CmpOp) -> Option<(&str, &Expr)> {
    let ExprCompare { left, ops, comparators, .. } = expr.as_compare_expr()?;
    match (&**ops, &**comparators) {
        ([op], [right]) if *op == wanted && is_literal(right) => Some((name_of(left)?, right)),
        _ => None,
    }
}

fn same_type(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::NumberLiteral(one), Expr::NumberLiteral(other)) => one.value != other.value,
        (Expr::StringLiteral(one), Expr::StringLiteral(other)) => one.value.to_str() != other.value.to_str(),
        _ => false,
    }
}

/// `if is_ready:` where `is_ready` is a function.
pub(super) fn function_not_called(program: &Program<'_>, report: &mut Report) {
    each_condition(program, &mut |condition| {
        let mut parts = Vec::new();
        operands(condition, &mut parts);
        for part in parts {
            if let Some(name) = name_of(part).filter(|name| program.functions.contains_key(name)) {
                let message = format!(
                    "`{name}` is a function. Without `()` it isn't called, and a function itself always counts as true."
                );
                report.add(&FUNCTION_NOT_CALLED, part, message, &format!("Call it: `{name}(…)`."));
            }
        }
    });
}

/// What `and`, `or` and `not` join.
fn operands<'a>(expr: &'a Expr, parts: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BoolOp(operation) => operation.values.iter().for_each(|value| operands(value, parts)),
        Expr::UnaryOp(operation) if operation.op.is_not() => operands(&operation.operand, parts),
        other => parts.push(other),
    }
}

/// `len(items) < 0`, `len(items) >= 0`
pub(super) fn impossible_length(program: &Program<'_>, report: &mut Report) {
    walk::all(program.body, &mut |node| {
        if let Node::Expr(expr @ Expr::Compare(compare)) = node
            && let ([op], [right]) = (&*compare.ops, &*compare.comparators)
            && super::whole_number(right) == Some(0)
            && matches!(op, CmpOp::Lt | CmpOp::GtE)
            && let Some((name @ ("len" | "abs"), _)) = program.builtin_call(&compare.left)
        {
            let always = if *op == CmpOp::Lt { "never" } else { "always" };
            let message = format!("`{name}` never gives a negative number, so this is {always} true.");
            report.add(&IMPOSSIBLE_LENGTH, expr, message, "Compare with `== 0` or `> 0`.");
        }
        true
    });
}

/// `0.1 + 0.2 == 0.3`
pub(super) fn equal_floats(program: &Program<'_>, report: &mut Report) {
    walk::all(program.body, &mut |node| {
        if let Node::Expr(expr @ Expr::Compare(compare)) = node
            && let ([CmpOp::Eq | CmpOp::NotEq], [right]) = (&*compare.ops, &*compare.comparators)
            && [&*compare.left, right].into_iter().any(Expr::is_bin_op_expr)
            && [&*compare.left, right].into_iter().any(is_fraction)
        {
            let message = "Most fractions can only be stored nearly, so a calculated one is seldom exactly equal to a written one.";
            report.add(&EQUAL_FLOATS, expr, message, "Ask whether they are close: `math.isclose(a, b)`.");
        }
        true
    });
}

fn is_fraction(expr: &Expr) -> bool {
    let mut found = false;
    walk::expression(expr, &mut |part| {
        if let Expr::NumberLiteral(number) = part
            && let Number::Float(value) = number.value
        {
            // Halves and quarters are exact.
            found = found || (value * 4.0).fract() != 0.0;
        }
    });
    found
}
