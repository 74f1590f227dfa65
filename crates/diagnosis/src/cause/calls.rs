//! Calls with the wrong arguments, and of what can't be called.

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::Ranged;

use super::{Cause, code, count, names::is_builtin};
use crate::{program::Function, site::Site, spelling::nearest, tokens::rename};

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    let message = site.message();
    if message.contains("object is not callable") {
        not_callable(site)
    } else if message.contains("got an unexpected keyword argument") {
        unknown_keyword(site)
    } else if message.ends_with("takes no arguments") {
        no_init(site)
    } else if message.contains(" missing ") && message.contains("argument") {
        missing(site)
    } else if message.contains("positional argument") && message.contains("given") {
        too_many(site)
    } else {
        None
    }
}

/// The name of the function that the message begins with.
fn called(message: &str) -> Option<&str> {
    let (path, _) = message.split_once("()")?;
    path.rsplit('.').next()
}

/// The function of the program that the message speaks of.
fn callee<'s, 'a>(site: &'s Site<'a>) -> Option<&'s Function<'a>> {
    let (path, _) = site.message().split_once("()")?;
    let mut parts = path.rsplit('.');
    let name = parts.next()?;
    let class = parts.next();
    let fits = |function: &&Function<'_>| {
        function.name() == name
            && class.is_none_or(|class| {
                class == "<locals>" || function.class.is_none_or(|found| found.name.as_str() == class)
            })
    };
    site.program.functions.iter().rev().find(fits)
}

fn calls<'a>(site: &Site<'a>) -> Vec<&'a ExprCall> {
    site.program.expressions(site.line).into_iter().filter_map(Expr::as_call_expr).collect()
}

/// What a function takes, in words.
fn takes(function: &Function<'_>) -> String {
    let own: Vec<String> = function.parameters().into_iter().filter(|name| *name != "self").map(code).collect();
    let line = function.line;
    let name = code(function.name());
    match own.as_slice() {
        [] => format!("{name} in line {line} takes no values"),
        _ => format!("{name} in line {line} takes {}: {}", count(own.len(), "value"), own.join(", ")),
    }
}

fn missing(site: &Site<'_>) -> Option<Cause> {
    let names: Vec<&str> = site.quoted();
    let function = callee(site)?;
    if names.first() == Some(&"self") && function.class.is_some() {
        let class = function.class.map(|class| class.name.as_str()).unwrap_or_default();
        let fixed =
            site.text().replacen(&format!("{class}.{}", function.name()), &format!("{class}().{}", function.name()), 1);
        let cause = Cause::new(format!(
            "{} is a method, and it is called on the class {} instead of on an object.",
            code(function.name()),
            code(class)
        ))
        .what("A method works on the object before the dot, which it gets as `self`. Here stands no object.")
        .almost(format!("Make an object by calling {}, and call the method on that.", code(class)))
        .topic("methods");
        let needs_nothing = !site.program.functions.iter().any(|other| {
            other.class.is_some_and(|found| found.name.as_str() == class)
                && other.name() == "__init__"
                && other.parameters().len() > 1
        });
        return Some(if needs_nothing { cause.fix(site, site.line, fixed) } else { cause });
    }
    let given = calls(site)
        .into_iter()
        .find(|call| called_name(call) == Some(function.name()) || function.name() == "__init__")
        .map(|call| call.arguments.args.len() + call.arguments.keywords.len());
    let given = given.map_or_else(String::new, |given| format!("; the call gives {given}"));
    let lacking: Vec<String> = names.iter().map(|name| code(name)).collect();
    Some(
        Cause::new(format!("{}{given}.", takes(function)))
            .what(format!("Nothing is given for {}.", lacking.join(" and ")))
            .almost(format!(
                "Add a value for {} to the call; or give the parameter a default in line {}.",
                lacking.join(" and "),
                function.line
            )),
    )
}

fn called_name(call: &ExprCall) -> Option<&str> {
    match &*call.func {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

fn too_many(site: &Site<'_>) -> Option<Cause> {
    let function = callee(site)?;
    let parameters = function.parameters();
    let is_static = function
        .def
        .decorator_list
        .iter()
        .any(|decorator| decorator.expression.as_name_expr().is_some_and(|name| name.id == "staticmethod"));
    if function.class.is_some() && !is_static && parameters.first().is_none_or(|name| *name != "self" && *name != "cls")
    {
        let header = site.program.line(function.line);
        let first = if parameters.is_empty() { "(self" } else { "(self, " };
        return Some(
            Cause::new(format!("{} is a method, and in line {} it has no parameter for the object it is called on.", code(function.name()), function.line))
                .at(function.line)
                .what("A call on an object hands the object over as the first value, before those in the brackets. So there is always one more than you see.")
                .almost(format!("Put `self` first between the brackets of line {}.", function.line))
                .fix(site, function.line, header.replacen('(', first, 1))
                .topic("init-and-self"),
        );
    }
    let call = calls(site).into_iter().find(|call| called_name(call) == Some(function.name()));
    let given = call.map_or_else(String::new, |call| format!("; the call gives {}", call.arguments.args.len()));
    let object = if function.class.is_some() { " The object itself counts as one more, for `self`." } else { "" };
    Some(
        Cause::new(format!("{}{given}.{object}", takes(function)))
            .what("Count the values between the brackets, separated by commas, and compare.")
            .almost(format!(
                "Take away what {} doesn't need; or add a parameter in line {}.",
                code(function.name()),
                function.line
            )),
    )
}

fn unknown_keyword(site: &Site<'_>) -> Option<Cause> {
    let name = *site.quoted().last()?;
    let function = callee(site)?;
    let parameters: Vec<&str> = function.def.parameters.iter().map(|parameter| parameter.name().as_str()).collect();
    let cause = Cause::new(format!("{}; {} isn't among them.", takes(function), code(name))).part(format!("{name}="));
    Some(match nearest(name, parameters.iter().copied()) {
        Some(right) => cause
            .what(format!("Compare {} with {}, letter by letter.", code(name), code(right)))
            .almost(format!("Write {}.", code(&format!("{right}="))))
            .fix(site, site.line, rename(site.text(), name, right)),
        None => cause
            .what("A value given by name needs a parameter of that name.")
            .almost("Use one of those names, or give the value by its position."),
    })
}

fn no_init(site: &Site<'_>) -> Option<Cause> {
    let name = called(site.message())?;
    let class = site.program.class(name)?;
    let nearly = class.body.iter().filter_map(|stmt| stmt.as_function_def_stmt()).find(|def| {
        let own = def.name.as_str();
        own != "__init__" && (own.trim_matches('_') == "init" || nearest(own, ["__init__"]).is_some())
    });
    let cause = Cause::new(format!("The class {} has no method `__init__` that would take the values.", code(name)))
        .topic("init-and-self");
    Some(match nearly {
        Some(def) => {
            let line = site.program.line_at(def.name.start());
            cause
                .at(line)
                .what(format!(
                    "Line {line} defines {}. Compare it, sign by sign, with the name that Python looks for.",
                    code(&def.name)
                ))
                .almost("The name has two underscores on each side of `init`.")
                .fix(site, line, rename(site.program.line(line), &def.name, "__init__"))
        }
        None => cause
            .what("When an object is made, its values go to a method with a special name. Which one?")
            .almost(format!("Give {} a method `def __init__(self, …):` that stores the values.", code(name))),
    })
}

fn not_callable(site: &Site<'_>) -> Option<Cause> {
    let kind = *site.quoted().first()?;
    for call in calls(site) {
        let text = site.program.text(&*call.func);
        match &*call.func {
            Expr::Name(name)
                if is_builtin(&name.id) && site.program.bound_at(&name.id).is_some_and(|line| line <= site.line) =>
            {
                let line = site.program.bound_at(&name.id)?;
                let other = format!("my_{}", name.id);
                return Some(
                    Cause::new(format!("Line {line} gives the name {} a value of its own and so hides the function of Python that is called so.", code(text)))
                        .part(text)
                        .what(format!("After line {line}, {} means a `{kind}` and nothing else.", code(text)))
                        .almost(format!("Choose another name for the variable of line {line}."))
                        .fix(site, line, rename(site.program.line(line), &name.id, &other))
                        .at(line)
                        .topic("scope"),
                );
            }
            Expr::NumberLiteral(_) => return Some(times(site, call, text)),
            Expr::Name(name) if site.program.function(&name.id).is_none() && site.program.class(&name.id).is_none() => {
                let Some(made) = site.program.bound_at(&name.id) else { continue };
                if matches!(kind, "int" | "float") {
                    return Some(times(site, call, text));
                }
                let cause = Cause::new(format!("{} got its value in line {made}; it is a `{kind}` and not a function, and round brackets call a function.", code(text)))
                    .part(site.program.text(call));
                let Some([index]) = matches!(kind, "list" | "tuple" | "str" | "dict").then_some(&*call.arguments.args)
                else {
                    return Some(
                        cause
                            .what("What should the brackets do?")
                            .almost("Take the brackets away, or write the operator that is missing."),
                    );
                };
                return Some(
                    cause
                        .what(format!("To pick an item out of a `{kind}` Python has another kind of brackets."))
                        .almost("Write square brackets.")
                        .swap(site, call, &format!("{text}[{}]", site.program.text(index)))
                        .topic("lists"),
                );
            }
            _ => {}
        }
    }
    None
}

/// `2(x + 1)`: a product as in mathematics.
fn times(site: &Site<'_>, call: &ExprCall, factor: &str) -> Cause {
    let whole = site.program.text(call);
    let brackets = &whole[factor.len().min(whole.len())..];
    Cause::new(format!("{} is a number, and round brackets directly behind it look like a call.", code(factor)))
        .part(whole)
        .what("In mathematics the sign between a number and a bracket may be left out. Python needs it.")
        .almost(format!("Write the operator, most likely `*`, behind {}.", code(factor)))
        .swap(site, call, &format!("{factor} * {}", brackets.trim_start()))
        .topic("numbers")
}
