//! `None` where a value was expected: the function or method that gave it.

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::{Cause, code};
use crate::{
    program::{Function, indentation},
    site::Site,
};

/// Methods that change their object and give nothing back.
const IN_PLACE: [&str; 11] =
    ["sort", "append", "extend", "reverse", "insert", "remove", "clear", "update", "add", "discard", "shuffle"];

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    if !site.message().contains("NoneType") {
        return None;
    }
    let (call, line) = origin(site)?;
    match &*call.func {
        Expr::Name(name) if name.id == "print" => Some(
            Cause::new(format!(
                "In line {line} a value is taken from `print`, and `print` gives nothing back: its result is `None`."
            ))
            .part(site.program.text(call))
            .what("`print` shows something on the screen. It doesn't hand anything on.")
            .almost("Store the value itself in the variable, and print it in a line of its own.")
            .at(line),
        ),
        Expr::Name(name) => {
            let function = site.program.function(&name.id)?;
            (!function.gives_back()).then(|| without_return(site, function, line))
        }
        Expr::Attribute(attribute) => {
            let method = attribute.attr.as_str();
            let own =
                site.program.functions.iter().find(|function| function.class.is_some() && function.name() == method);
            if let Some(function) = own {
                return (!function.gives_back()).then(|| without_return(site, function, line));
            }
            if method == "get" {
                return Some(
                    Cause::new(format!("`get` in line {line} found no such key and gave `None` instead of a value."))
                        .part(site.program.text(call))
                        .what("`get` never fails: it gives `None` when the key isn't there.")
                        .almost("Give `get` a second value to use in that case, or ask with `in` first.")
                        .at(line)
                        .topic("dictionaries"),
                );
            }
            IN_PLACE.contains(&method).then(|| in_place(site, call, method, line))
        }
        _ => None,
    }
}

/// The call that gave `None`: in the line itself, or where a name of the line got its value.
fn origin<'a>(site: &Site<'a>) -> Option<(&'a ruff_python_ast::ExprCall, u32)> {
    let expressions = site.program.expressions(site.line);
    let used = |expr: &'a Expr| match expr {
        Expr::Subscript(part) => vec![&*part.value],
        Expr::Attribute(part) => vec![&*part.value],
        Expr::Call(call) => std::iter::once(&*call.func).chain(&*call.arguments.args).collect(),
        Expr::BinOp(part) => vec![&*part.left, &*part.right],
        Expr::Compare(part) => std::iter::once(&*part.left).chain(&*part.comparators).collect(),
        _ => Vec::new(),
    };
    let mut candidates: Vec<&Expr> = expressions.into_iter().flat_map(used).collect();
    for stmt in site.program.statements(site.line) {
        match stmt {
            Stmt::For(stmt) if site.program.line_at(stmt.iter.start()) == site.line => candidates.push(&stmt.iter),
            Stmt::Assign(stmt) => candidates.push(&stmt.value),
            Stmt::AugAssign(stmt) => candidates.extend([&*stmt.value, &*stmt.target]),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for candidate in candidates {
        match candidate {
            Expr::Call(call) => found.push((call, site.line)),
            Expr::Name(name) => {
                let value = site.program.values(&name.id, site.line).into_iter().next();
                if let Some((Expr::Call(call), line)) = value {
                    found.push((call, line));
                }
            }
            _ => {}
        }
    }
    // A call that surely gives nothing comes before one that may.
    let gives_nothing = |call: &ruff_python_ast::ExprCall| match &*call.func {
        Expr::Name(name) => {
            name.id == "print" || site.program.function(&name.id).is_some_and(|function| !function.gives_back())
        }
        Expr::Attribute(attribute) => {
            let method = attribute.attr.as_str();
            let own =
                site.program.functions.iter().find(|function| function.class.is_some() && function.name() == method);
            own.map_or(IN_PLACE.contains(&method) || method == "get", |function| !function.gives_back())
        }
        _ => false,
    };
    found.into_iter().find(|(call, _)| gives_nothing(call))
}

fn without_return(site: &Site<'_>, function: &Function<'_>, call_line: u32) -> Cause {
    let name = function.name();
    let cause = Cause::new(format!(
        "The function {} of line {} has no `return` with a value, so its call in line {call_line} gives `None`.",
        code(name),
        function.line
    ))
    .topic("return-values")
    .at(call_line);
    let last = function.def.body.last();
    let at = last.map_or(function.end_line, |stmt| site.program.line_at(stmt.start()));
    match last {
        Some(Stmt::Expr(stmt)) => {
            let printed = stmt
                .value
                .as_call_expr()
                .filter(|call| call.func.as_name_expr().is_some_and(|name| name.id == "print"));
            let indent = indentation(site.program.line(at));
            match printed.map(|call| &*call.arguments.args) {
                Some([value]) => cause
                    .what(format!(
                        "{} shows its result on the screen in line {at}, but doesn't hand it back.",
                        code(name)
                    ))
                    .almost("`print` shows, `return` hands back: write `return` in its place.")
                    .fix(site, at, format!("{indent}return {}", site.program.text(value))),
                Some(_) => cause
                    .what(format!("Line {at} only shows something."))
                    .almost(format!("End {} with `return` and the value that the caller needs.", code(name))),
                None => cause
                    .what(format!(
                        "The last line of {}, line {at}, computes something, and nobody gets it.",
                        code(name)
                    ))
                    .almost("Put `return` before it.")
                    .fix(site, at, format!("{indent}return {}", site.program.text(stmt))),
            }
        }
        Some(Stmt::Assign(assign)) if assign.targets.first().is_some_and(Expr::is_name_expr) => {
            let result = site.program.text(&assign.targets[0]);
            cause
                .what(format!(
                    "{} stores its result in {} and ends; its variables are gone then.",
                    code(name),
                    code(result)
                ))
                .almost(format!("Add a last line to {}: {}.", code(name), code(&format!("return {result}"))))
        }
        _ => cause
            .what(format!("Which value should {} hand back, and in which line is it known?", code(name)))
            .almost(format!("End every way through {} with `return` and a value.", code(name))),
    }
}

fn in_place(site: &Site<'_>, call: &ruff_python_ast::ExprCall, method: &str, line: u32) -> Cause {
    let text = site.program.text(call);
    let cause = Cause::new(format!(
        "{} in line {line} changes the collection itself and gives `None` back.",
        code(&format!(".{method}"))
    ))
    .part(text)
    .what("The changed collection stays in its old variable. What is stored from the call is nothing.")
    .at(line)
    .topic("lists");
    let is_stored = site
        .program
        .statements(line)
        .iter()
        .any(|stmt| stmt.as_assign_stmt().is_some_and(|assign| assign.value.range() == call.range()));
    if is_stored {
        let indent = indentation(site.program.line(line));
        cause.almost("Call the method in a line of its own, without `=` before it.").fix(
            site,
            line,
            format!("{indent}{text}"),
        )
    } else {
        cause.almost("Call the method in a line of its own, and use the collection in the next.")
    }
}
