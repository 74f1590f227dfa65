//! Names that Python doesn't find.

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::{Cause, code, modules::not_imported};
use crate::{
    program::{Node, own},
    site::Site,
    spelling::nearest,
    tokens::{KEYWORDS, rename},
};

const BUILTINS: [&str; 68] = [
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(&name)
}

pub(super) fn undefined(site: &Site<'_>) -> Option<Cause> {
    let name = *site.quoted().first()?;
    let (program, line) = (site.program, site.line);
    if name == "self" {
        return Some(without_self(site));
    }
    if let Some(fixed) = constant(name) {
        return Some(
            Cause::new(format!("{} is no name of Python's, so Python looks for a variable called so.", code(name)))
                .what("Three values have names of their own: true, false and nothing. Check the capital letters.")
                .almost(format!("Write {}.", code(fixed)))
                .fix(site, line, rename(site.text(), name, fixed)),
        );
    }
    if let Some(cause) = not_imported(site, name) {
        return Some(cause);
    }
    if let Some(cause) = attribute_of_self(site, name) {
        return Some(cause);
    }
    let bound = program.bindings.iter().filter(|(bound, _)| *bound == name).map(|(_, line)| *line);
    if let Some(at) = bound.max() {
        return Some(bound_elsewhere(site, name, at));
    }
    let mut known: Vec<&str> = program.bindings.iter().map(|(bound, _)| *bound).collect();
    known.extend(BUILTINS);
    if let Some(right) = nearest(name, known.iter().copied()).or_else(|| nearest(name, KEYWORDS)) {
        let at = program.bound_at(right);
        let place =
            at.map_or_else(|| "which Python knows by itself".to_owned(), |at| format!("which stands in line {at}"));
        return Some(
            Cause::new(format!(
                "{} gets a value nowhere. But there is a name that is spelled almost the same.",
                code(name)
            ))
            .part(name)
            .what(format!("Compare {} letter by letter with {}, {place}. Capitals count.", code(name), code(right)))
            .almost(format!("Write {} where {} stands.", code(right), code(name)))
            .fix(site, line, rename(site.text(), name, right)),
        );
    }
    Some(
        Cause::new(format!("No line of the program gives {} a value, and Python has nothing of that name.", code(name)))
            .part(name)
            .what(format!("Is {} meant as a variable or as text? A variable needs a line `{name} = …` that runs first; text needs quotation marks.", code(name)))
            .almost(format!("Either give {} a value above line {line}, or put it into quotation marks.", code(name))),
    )
}

fn constant(name: &str) -> Option<&'static str> {
    Some(match name {
        "true" | "TRUE" => "True",
        "false" | "FALSE" => "False",
        "none" | "NONE" | "null" | "NULL" | "nil" | "undefined" => "None",
        _ => return None,
    })
}

/// A method without `self` that uses it.
fn without_self(site: &Site<'_>) -> Cause {
    let cause = Cause::new(
        "`self` isn't a word of Python: it is the first parameter of a method, and here there is none of that name.",
    )
    .topic("init-and-self");
    match site.program.function_at(site.line) {
        Some(function) => {
            let header = site.program.line(function.line);
            let fixed = header.replacen('(', if function.parameters().is_empty() { "(self" } else { "(self, " }, 1);
            cause
                .part("self")
                .what(format!("Look at the parameters of {} in line {}.", code(function.name()), function.line))
                .almost(format!("Put `self` first between the brackets of line {}.", function.line))
                .fix(site, function.line, fixed)
        }
        None => cause
            .what("Which method should the line belong to?")
            .almost("Indent the line into a method that has `self` as its first parameter."),
    }
}

/// `name` where `self.name` is meant.
fn attribute_of_self(site: &Site<'_>, name: &str) -> Option<Cause> {
    let class = site.program.function_at(site.line)?.class?;
    let mut is_attribute =
        class.body.iter().any(|stmt| stmt.as_function_def_stmt().is_some_and(|def| def.name.as_str() == name));
    crate::program::walk(&class.body, &mut |node| {
        if let Node::Expr(Expr::Attribute(attribute)) = node {
            let is_own = attribute.value.as_name_expr().is_some_and(|name| name.id == "self");
            is_attribute |= is_own && attribute.attr.as_str() == name;
        }
    });
    is_attribute.then(|| {
        Cause::new(format!(
            "There is no variable {}; the objects of {} have an attribute of that name.",
            code(name),
            code(&class.name)
        ))
        .part(name)
        .what("What belongs to an object is reached through the object, also within its own methods.")
        .almost(format!("Write {}.", code(&format!("self.{name}"))))
        .fix(site, site.line, rename(site.text(), name, &format!("self.{name}")))
        .topic("init-and-self")
    })
}

/// The name exists, but not here or not yet.
fn bound_elsewhere(site: &Site<'_>, name: &str, at: u32) -> Cause {
    let program = site.program;
    let owner = program.functions.iter().find(|function| {
        let is_inside = function.line < at && at <= function.end_line || function.line == at && function.name() != name;
        is_inside && !(function.line <= site.line && site.line <= function.end_line)
    });
    if let Some(function) = owner {
        return Cause::new(format!(
            "{} gets its value inside the function {}, and exists only there.",
            code(name),
            code(function.name())
        ))
        .part(name)
        .what(format!(
            "When {} ends, its variables are gone. How does a function hand a value to the outside?",
            code(function.name())
        ))
        .almost(format!("Let {} `return` the value, and store what the call gives back.", code(function.name())))
        .at(site.line)
        .topic("scope");
    }
    if at > site.line {
        return Cause::new(format!(
            "{} gets its value in line {at} only, and Python runs the lines from top to bottom.",
            code(name)
        ))
        .part(name)
        .what(format!("When line {} runs, line {at} hasn't run yet.", site.line))
        .almost(format!("Move line {at} above line {}, with all that belongs to it.", site.line));
    }
    if at == site.line {
        return Cause::new(format!("The line uses {} to compute its own first value.", code(name)))
            .part(name)
            .what("The right side of `=` is computed first, and at that moment the name doesn't exist.")
            .almost(format!("Give {} a first value in a line above.", code(name)));
    }
    Cause::new(format!(
        "{} gets its value in line {at}, but that line didn't run before this one, or the name was deleted again.",
        code(name)
    ))
    .part(name)
    .what(format!("Under which condition does line {at} run? What about the other case?"))
    .almost(format!("Give {} a value before the `if`, loop or `try` that line {at} stands in.", code(name)))
}

pub(super) fn unbound_local(site: &Site<'_>) -> Option<Cause> {
    let name = *site.quoted().first()?;
    let function = site.program.function_at(site.line)?;
    let mut assigned = None;
    own(&function.def.body, &mut |node| {
        let target = match node {
            Node::Stmt(Stmt::Assign(stmt)) => stmt.targets.first(),
            Node::Stmt(Stmt::AugAssign(stmt)) => Some(&*stmt.target),
            Node::Stmt(Stmt::For(stmt)) => Some(&*stmt.target),
            _ => None,
        };
        if let Some(target) = target.filter(|target| target.as_name_expr().is_some_and(|found| found.id == name)) {
            assigned.get_or_insert(site.program.line_at(target.start()));
        }
    });
    let assigned = assigned.unwrap_or(site.line);
    let outside = site
        .program
        .bindings
        .iter()
        .find(|(bound, line)| *bound == name && (*line < function.line || *line > function.end_line));
    let root = format!(
        "The function {} assigns to {} in line {assigned}, which makes it a variable of the function's own.",
        code(function.name()),
        code(name)
    );
    Some(match outside {
        Some((_, line)) => Cause::new(format!("{root} The {} of line {line} is another one.", code(name)))
            .part(name)
            .what(format!("In line {} the function's own {} has no value yet. Where should its first value come from?", site.line, code(name)))
            .almost(format!("Make {} a parameter of {} and `return` the new value. (`global {name}` would work too, but hides what the function changes.)", code(name), code(function.name()))),
        None => Cause::new(format!("{root} Line {} reads it on a way on which that line hasn't run.", site.line))
            .part(name)
            .what(format!("Under which condition does line {assigned} run? What if it doesn't?"))
            .almost(format!("Give {} a first value at the beginning of {}.", code(name), code(function.name()))),
    })
}
