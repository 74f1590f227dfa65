//! What stands behind a dot and isn't there.

use ruff_python_ast::{Expr, Stmt};

use super::{Cause, code, modules};
use crate::{
    program::{Node, walk},
    site::Site,
    spelling::nearest,
};

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const DICT: &[&str] =
    &["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
const SET: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "discard",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "union",
    "update",
];
const TUPLE: &[&str] = &["count", "index"];

fn methods(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "str" => STR,
        "list" => LIST,
        "dict" => DICT,
        "set" => SET,
        "tuple" => TUPLE,
        _ => return None,
    })
}

/// What other languages, or other types, call it; and what to do here. A word alone is a method of the type.
const ELSEWHERE: [(&str, &str, &str); 36] = [
    ("list", "push", "append"),
    ("list", "add", "append"),
    ("list", "push_back", "append"),
    ("list", "concat", "extend"),
    ("list", "addAll", "extend"),
    ("list", "delete", "remove"),
    ("list", "unshift", "insert"),
    ("list", "indexOf", "index"),
    ("list", "length", "len(…)"),
    ("list", "size", "len(…)"),
    ("list", "len", "len(…)"),
    ("list", "contains", "… in …"),
    ("list", "includes", "… in …"),
    ("list", "join", "\", \".join(…)"),
    ("list", "split", "a text's `split`, before it became a list"),
    ("list", "forEach", "for … in …"),
    ("list", "map", "[… for … in …]"),
    ("list", "filter", "[… for … in … if …]"),
    ("list", "replace", "an assignment to a position"),
    ("list", "lower", "a loop over the texts in it"),
    ("list", "upper", "a loop over the texts in it"),
    ("list", "strip", "a loop over the texts in it"),
    ("str", "append", "+"),
    ("str", "add", "+"),
    ("str", "push", "+"),
    ("str", "length", "len(…)"),
    ("str", "trim", "strip"),
    ("str", "toUpperCase", "upper"),
    ("str", "toLowerCase", "lower"),
    ("str", "contains", "… in …"),
    ("str", "substring", "a slice, `[…:…]`"),
    ("str", "reverse", "a slice, `[::-1]`"),
    ("str", "sort", "sorted(…)"),
    ("dict", "has_key", "… in …"),
    ("dict", "append", "… [key] = value"),
    ("dict", "add", "… [key] = value"),
];

const ANY: [(&str, &str); 8] = [
    ("length", "len(…)"),
    ("size", "len(…)"),
    ("len", "len(…)"),
    ("contains", "… in …"),
    ("append", "+, which makes a new one"),
    ("sort", "sorted(…)"),
    ("push", "another type, such as a list"),
    ("iteritems", "items"),
];

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    let quoted = site.quoted();
    let (kind, name) = (*quoted.first()?, *quoted.get(1)?);
    if site.message().contains("module '") {
        return module(site, kind, name);
    }
    match methods(kind) {
        Some(methods) => builtin(site, kind, name, methods),
        None => of_class(site, kind, name),
    }
}

fn replaced(site: &Site<'_>, name: &str, by: &str) -> String {
    site.text().replacen(&format!(".{name}"), &format!(".{by}"), 1)
}

fn module(site: &Site<'_>, module: &str, name: &str) -> Option<Cause> {
    if let Some(cause) = modules::own_file(site, module) {
        return Some(cause);
    }
    let right = nearest(name, modules::members(module)?.iter().copied())?;
    Some(
        Cause::new(format!(
            "The module {} has nothing called {}, but something with a very similar name.",
            code(module),
            code(name)
        ))
        .part(name)
        .what(format!("Compare {} with {}.", code(name), code(right)))
        .almost(format!("Write {}.", code(right)))
        .fix(site, site.line, replaced(site, name, right)),
    )
}

fn builtin(site: &Site<'_>, kind: &str, name: &str, methods: &[&str]) -> Option<Cause> {
    let object = object(site, name);
    let what_it_is = object.map_or_else(|| "The value before the dot".to_owned(), code);
    let root = format!("{what_it_is} is a `{kind}` here, and a `{kind}` has no {}.", code(name));
    let elsewhere = ELSEWHERE.iter().find(|(of, other, _)| *of == kind && *other == name).map(|(_, _, here)| *here);
    let elsewhere = elsewhere.or_else(|| ANY.iter().find(|(other, _)| *other == name).map(|(_, here)| *here));
    if let Some(right) =
        elsewhere.filter(|right| methods.contains(right)).or_else(|| nearest(name, methods.iter().copied()))
    {
        let almost = format!("Write {}.", code(&format!(".{right}")));
        return Some(
            Cause::new(root)
                .part(format!(".{name}"))
                .what(format!("A `{kind}` has a method with that purpose or nearly that name: {}.", code(right)))
                .almost(almost)
                .fix(site, site.line, replaced(site, name, right)),
        );
    }
    if let Some(way) = elsewhere {
        return Some(
            Cause::new(root)
                .part(format!(".{name}"))
                .what("Python does this in another way than with a method of this name.")
                .almost(format!(
                    "For this purpose there is: {}.",
                    if way.contains('`') { way.to_owned() } else { format!("`{way}`") }
                )),
        );
    }
    let owners: Vec<&str> = ["str", "list", "dict", "set"]
        .into_iter()
        .filter(|other| self::methods(other).is_some_and(|all| all.contains(&name)))
        .collect();
    if owners.is_empty() {
        return None;
    }
    let made = object.and_then(|object| {
        site.program.values(object, site.line + 1).first().map(|(value, line)| (site.program.text(*value), *line))
    });
    let from = made.map_or_else(String::new, |(value, line)| format!(" Line {line} gave it {}.", code(value)));
    Some(
        Cause::new(format!("{root}{from}"))
            .part(format!(".{name}"))
            .what(format!("{} is a method of {}. So either the value has another type than you think, or another method is needed.", code(name), owners.iter().map(|owner| format!("`{owner}`")).collect::<Vec<_>>().join(" and ")))
            .almost(format!("Make sure that the value is a {} before this line; or use one of the methods that a `{kind}` has: `help({kind})`.", owners.join(" or "))),
    )
}

/// The name before `.name`.
fn object<'a>(site: &Site<'a>, name: &str) -> Option<&'a str> {
    site.program.expressions(site.line).into_iter().find_map(|expr| {
        let attribute = expr.as_attribute_expr().filter(|attribute| attribute.attr.as_str() == name)?;
        attribute.value.is_name_expr().then(|| site.program.text(&*attribute.value))
    })
}

fn of_class(site: &Site<'_>, kind: &str, name: &str) -> Option<Cause> {
    let class = site.program.class(kind)?;
    let mut known: Vec<&str> = Vec::new();
    for stmt in &class.body {
        match stmt {
            Stmt::FunctionDef(def) => known.push(&def.name),
            Stmt::Assign(assign) => {
                known.extend(assign.targets.iter().filter_map(|target| Some(target.as_name_expr()?.id.as_str())));
            }
            Stmt::AnnAssign(assign) => known.extend(assign.target.as_name_expr().map(|name| name.id.as_str())),
            _ => {}
        }
    }
    let mut sets = Vec::new();
    let mut locals = Vec::new();
    walk(&class.body, &mut |node| match node {
        Node::Expr(Expr::Attribute(attribute)) if attribute.ctx.is_store() => sets.push(attribute.attr.as_str()),
        Node::Expr(Expr::Name(name)) if name.ctx.is_store() => locals.push(name.id.as_str()),
        _ => {}
    });
    known.extend(&sets);
    if let Some(right) = nearest(name, known.iter().copied()) {
        return Some(
            Cause::new(format!(
                "The class {} has no {}, but something with a very similar name.",
                code(kind),
                code(name)
            ))
            .part(format!(".{name}"))
            .what(format!("Compare {} with {}, letter by letter.", code(name), code(right)))
            .almost(format!("Write {}.", code(&format!(".{right}"))))
            .fix(site, site.line, replaced(site, name, right)),
        );
    }
    let has_init =
        class.body.iter().any(|stmt| stmt.as_function_def_stmt().is_some_and(|def| def.name.as_str() == "__init__"));
    let cause = if site.message().starts_with("type object") && sets.contains(&name) {
        Cause::new(format!(
            "{} is set on the objects of {} with `self.`, and before the dot stands the class itself.",
            code(name),
            code(kind)
        ))
        .what("A class is the plan; its objects, made by calling it, have the values.")
        .almost(format!("Make an object first, `thing = {kind}(…)`, and ask that one."))
    } else if locals.contains(&name) {
        Cause::new(format!(
            "A method of {} stores a value in a variable {}, without `self.` before it.",
            code(kind),
            code(name)
        ))
        .what("A plain variable is gone when its method ends; what an object should keep is stored on the object.")
        .almost(format!("Where the value is stored, write {}.", code(&format!("self.{name} = …"))))
    } else if sets.contains(&name) {
        Cause::new(format!("A method of {} sets {}, but it hasn't run for this object.", code(kind), code(name)))
            .what("Only `__init__` runs by itself when an object is made.")
            .almost(format!("Set {} in `__init__`, or call the method that sets it first.", code(name)))
    } else if has_init {
        Cause::new(format!("No line of the class {} sets {}.", code(kind), code(name)))
            .what(format!(
                "What do the objects of {} have? {}.",
                code(kind),
                known.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
            ))
            .almost(format!("Set it in `__init__` with `self.{name} = …`, or use one of the names above."))
    } else {
        return None;
    };
    Some(cause.part(format!(".{name}")).topic("init-and-self"))
}
