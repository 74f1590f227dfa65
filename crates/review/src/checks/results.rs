//! Results that get lost, and results that aren't there.

use std::collections::HashSet;

use ruff_python_ast::{Expr, Operator, Stmt, StmtFunctionDef};

use super::{mistake, name_of, suspect};
use crate::{
    model::Report,
    program::{Kind, Program, Scope},
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const UNUSED: RuleInfo = suspect("unused-result");
pub(super) const NONE_OF_METHOD: RuleInfo = mistake("none-of-method");
pub(super) const NONE_OF_PRINT: RuleInfo = mistake("none-of-print");
pub(super) const NONE_OF_FUNCTION: RuleInfo = suspect("none-of-function");

/// Built-in functions that change nothing and are not called to see whether they fail.
const PURE: [&str; 12] =
    ["sorted", "len", "abs", "max", "min", "round", "reversed", "enumerate", "zip", "range", "repr", "str"];
/// Methods of texts, which never change the text itself.
const TEXT_METHODS: [&str; 20] = [
    "strip",
    "lstrip",
    "rstrip",
    "upper",
    "lower",
    "capitalize",
    "swapcase",
    "casefold",
    "title",
    "replace",
    "split",
    "join",
    "center",
    "ljust",
    "rjust",
    "zfill",
    "format",
    "removeprefix",
    "removesuffix",
    "splitlines",
];
/// Methods that change an object and return `None`.
const CHANGING_LIST: [&str; 7] = ["append", "extend", "insert", "sort", "reverse", "clear", "remove"];
const CHANGING_SET: [&str; 5] = ["add", "update", "discard", "remove", "clear"];
const CHANGING_DICT: [&str; 2] = ["update", "clear"];

/// `sorted(items)` or `name.upper()` as a whole line.
pub(super) fn unused(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Stmt(Stmt::Expr(stmt)) = node else { return };
            if stmt.value.is_bin_op_expr() && program.kind(scope, &stmt.value).is_some() {
                let message = "This line works out a value and throws it away: it changes nothing.";
                report.add(&UNUSED, stmt, message, "Give the result a name, for example by `x = x + 1`, or print it.");
            }
            let Expr::Call(call) = &*stmt.value else { return };
            if let Some((name, _)) = program.builtin_call(&stmt.value).filter(|(name, _)| PURE.contains(name)) {
                let message = format!("`{name}` changes nothing: it returns a new value, which is thrown away here.");
                let suggestion = match name {
                    "sorted" => "Give the result a name, or sort the list itself: `items.sort()`.",
                    _ => "Give the result a name, print it, or remove the line.",
                };
                report.add(&UNUSED, stmt, message, suggestion);
            } else if let Expr::Attribute(method) = &*call.func
                && TEXT_METHODS.contains(&method.attr.as_str())
                && program.kind(scope, &method.value).is_some_and(Kind::is_text)
            {
                let message = format!(
                    "A text cannot be changed: `{}` returns a new one, which is thrown away here.",
                    method.attr
                );
                let suggestion = match name_of(&method.value) {
                    Some(name) => format!("Keep the new text: `{name} = {}`.", program.text(call)),
                    None => "Give the result a name, or print it.".to_owned(),
                };
                report.add(&UNUSED, stmt, message, &suggestion);
            }
        });
    }
}

/// Expressions whose value is used for something.
fn used_values<'a>(scope: &Scope<'a>, visit: &mut dyn FnMut(&'a Expr)) {
    walk::own(scope.body, &mut |node| {
        match node {
            Node::Stmt(Stmt::Assign(stmt)) => visit(&stmt.value),
            Node::Stmt(Stmt::AnnAssign(stmt)) => stmt.value.iter().for_each(|value| visit(value)),
            Node::Stmt(Stmt::For(stmt)) => visit(&stmt.iter),
            Node::Expr(Expr::Call(call)) => call.arguments.args.iter().for_each(&mut *visit),
            Node::Expr(Expr::BinOp(operation)) => {
                visit(&operation.left);
                visit(&operation.right);
            }
            _ => {}
        }
        true
    });
}

/// `items = items.sort()`
pub(super) fn none_of_method(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        used_values(scope, &mut |expr| {
            let Some(method) = expr.as_call_expr().and_then(|call| call.func.as_attribute_expr()) else { return };
            let Some(owner) = name_of(&method.value) else { return };
            let name = method.attr.as_str();
            let returns_none = match kind_apart_from(program, scope, owner, name) {
                Some(Kind::List) => CHANGING_LIST.contains(&name),
                Some(Kind::Set) => CHANGING_SET.contains(&name),
                Some(Kind::Dict) => CHANGING_DICT.contains(&name),
                _ => false,
            };
            if returns_none {
                let message =
                    format!("`{name}` changes `{owner}` itself and returns `None`, so `None` is what you get here.");
                let suggestion = if name == "sort" {
                    format!("Write `{owner}.sort()` on a line of its own, or use `sorted({owner})`.")
                } else {
                    format!("Write `{}` on a line of its own.", program.text(expr))
                };
                report.add(&NONE_OF_METHOD, expr, message, &suggestion);
            }
        });
    }
}

/// The type of a name, leaving aside assignments such as `items = items.sort()`.
fn kind_apart_from(program: &Program<'_>, scope: &Scope<'_>, owner: &str, method: &str) -> Option<Kind> {
    let binding = program.lookup(scope, owner)?;
    let of_itself = |value: &&&Expr| {
        let called = value.as_call_expr().and_then(|call| call.func.as_attribute_expr());
        called.is_some_and(|called| called.attr.as_str() == method && name_of(&called.value) == Some(owner))
    };
    let mut kinds = binding.values.iter().filter(|value| !of_itself(value)).map(|value| program.kind(scope, value));
    let first = kinds.next()??;
    (binding.others == 0 && kinds.all(|kind| kind == Some(first))).then_some(first)
}

/// `print("a") + "b"`
pub(super) fn none_of_print(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(Expr::BinOp(operation)) = node else { return };
            for side in [&*operation.left, &*operation.right] {
                if matches!(program.builtin_call(side), Some(("print", _))) {
                    let message = "`print` shows a value and returns `None`; with `None` one cannot calculate, so this raises a `TypeError`.";
                    let suggestion = if operation.op == Operator::Mod || operation.op == Operator::Add {
                        "Put everything that is to be shown inside the parentheses of `print`."
                    } else {
                        "Calculate first, then print the result."
                    };
                    report.add(&NONE_OF_PRINT, operation, message, suggestion);
                }
            }
        });
    }
}

/// `total = add(1, 2)` where `add` prints its result instead of returning it.
pub(super) fn none_of_function(program: &Program<'_>, report: &mut Report) {
    let printing: HashSet<&str> = program
        .functions
        .iter()
        .filter(|(_, function)| only_prints(program, function))
        .map(|(name, _)| *name)
        .collect();
    if printing.is_empty() {
        return;
    }
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(expr) = node else { return };
            let used: Vec<&Expr> = match expr {
                Expr::BinOp(operation) => vec![&operation.left, &operation.right],
                Expr::Compare(compare) if compare.ops.iter().all(|op| !op.is_is() && !op.is_is_not()) => {
                    std::iter::once(&*compare.left).chain(compare.comparators.iter()).collect()
                }
                Expr::Call(call)
                    if matches!(
                        program.builtin_call(expr),
                        Some(("len" | "int" | "float" | "sum" | "max" | "min" | "abs" | "round", _))
                    ) =>
                {
                    call.arguments.args.iter().collect()
                }
                _ => return,
            };
            for value in used {
                let called = value.as_call_expr().and_then(|call| name_of(&call.func));
                if let Some(name) = called.filter(|name| printing.contains(name)) {
                    let message =
                        format!("`{name}` prints something, but returns nothing, so `None` is what is used here.");
                    report.add(
                        &NONE_OF_FUNCTION,
                        value,
                        message,
                        &format!("End `{name}` with `return` and the result; print it where you call it."),
                    );
                }
            }
        });
    }
}

/// Whether a function prints and never returns a value.
fn only_prints(program: &Program<'_>, function: &StmtFunctionDef) -> bool {
    let mut prints = false;
    let returns = walk::any_own(&function.body, |node| match node {
        Node::Stmt(Stmt::Return(stmt)) => stmt.value.is_some(),
        Node::Stmt(Stmt::Raise(_)) | Node::Expr(Expr::Yield(_) | Expr::YieldFrom(_)) => true,
        Node::Expr(expr) => {
            prints = prints || matches!(program.builtin_call(expr), Some(("print", _)));
            false
        }
        Node::Stmt(_) => false,
    });
    prints && !returns && !function.is_async && function.decorator_list.is_empty()
}
