//! Calls that cannot work.

use ruff_python_ast::{Arguments, Expr, Parameters, Stmt, StmtClassDef, StmtFunctionDef};

use super::{mistake, name_of};
use crate::{
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const WRONG_ARGUMENTS: RuleInfo = mistake("wrong-arguments");
pub(super) const METHOD_OF_CLASS: RuleInfo = mistake("method-of-class");

/// Calls of the program's own functions and classes with too few, too many or unknown arguments.
pub(super) fn wrong_arguments(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(expr @ Expr::Call(call)) = node else { return };
            let Some(name) = name_of(&call.func) else { return };
            let (parameters, bound) = if let Some(function) =
                program.functions.get(name).filter(|function| function.decorator_list.is_empty())
            {
                (&function.parameters, 0)
            } else if let Some(init) = program.classes.get(name).and_then(|class| constructor(class)) {
                (&init.parameters, 1)
            } else {
                return;
            };
            if let Some(problem) = misfit(parameters, bound, &call.arguments) {
                let message = format!("`{name}` {problem}, so this call ends with a `TypeError`.");
                report.add(&WRONG_ARGUMENTS, expr, message, "Compare the call with the line of the `def`.");
            }
        });
    }
}

/// The `__init__` that a call of the class leads to, if that is certain.
fn constructor(class: &StmtClassDef) -> Option<&StmtFunctionDef> {
    let bases =
        class.arguments.as_ref().is_some_and(|arguments| !arguments.args.is_empty() || !arguments.keywords.is_empty());
    if bases || !class.decorator_list.is_empty() {
        return None;
    }
    let mut methods = class.body.iter().filter_map(Stmt::as_function_def_stmt);
    if methods.clone().any(|method| method.name.as_str() == "__new__") {
        return None;
    }
    let mut inits =
        methods.by_ref().filter(|method| method.name.as_str() == "__init__" && method.decorator_list.is_empty());
    let init = inits.next()?;
    (inits.next().is_none() && !init.parameters.is_empty()).then_some(init)
}

/// What is wrong with the arguments of a call; the first `bound` parameters are filled already.
fn misfit(parameters: &Parameters, bound: usize, arguments: &Arguments) -> Option<String> {
    let unpacks = arguments.args.iter().any(Expr::is_starred_expr)
        || arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
    if unpacks || parameters.vararg.is_some() || parameters.kwarg.is_some() {
        return None;
    }
    let positional: Vec<_> = parameters.posonlyargs.iter().chain(&parameters.args).skip(bound).collect();
    let given = arguments.args.len();
    if given > positional.len() {
        return Some(match positional.len() {
            0 => format!("takes no arguments, but gets {given}"),
            1 => format!("takes one argument, but gets {given}"),
            most => format!("takes {most} arguments at most, but gets {given}"),
        });
    }
    let named = |name: &str| {
        arguments.keywords.iter().any(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name))
    };
    if let Some(unknown) = arguments
        .keywords
        .iter()
        .filter_map(|keyword| keyword.arg.as_ref())
        .find(|arg| !parameters.includes(arg.as_str()))
    {
        return Some(format!("has no parameter `{unknown}`"));
    }
    let missing = positional.iter().skip(given).copied().chain(&parameters.kwonlyargs);
    let mut missing = missing.filter(|parameter| parameter.default.is_none() && !named(parameter.name().as_str()));
    missing.next().map(|parameter| format!("needs a value for its parameter `{}`, which is missing", parameter.name()))
}

/// `Dog.bark()`, without a dog.
pub(super) fn method_of_class(program: &Program<'_>, report: &mut Report) {
    for scope in &program.scopes {
        walk::unguarded(scope.body, &mut |node| {
            let Node::Expr(expr @ Expr::Call(call)) = node else { return };
            let Expr::Attribute(method) = &*call.func else { return };
            let Some(name) = name_of(&method.value) else { return };
            let Some(class) = program.classes.get(name) else { return };
            let mut methods = class
                .body
                .iter()
                .filter_map(Stmt::as_function_def_stmt)
                .filter(|own| own.name.as_str() == method.attr.as_str());
            let (Some(own), None) = (methods.next(), methods.next()) else { return };
            let first = own.parameters.posonlyargs.iter().chain(&own.parameters.args).next();
            let needs_object = first.is_some_and(|first| first.default.is_none() && first.name().as_str() == "self");
            if needs_object && own.decorator_list.is_empty() && call.arguments.is_empty() {
                let message = format!(
                    "`{}` is a method of the objects made by `{name}`; here it is called on the class, so there is no object for `self`: a `TypeError`.",
                    method.attr
                );
                report.add(
                    &METHOD_OF_CLASS,
                    expr,
                    message,
                    &format!("Make an object first, `thing = {name}(…)`, and call `thing.{}()`.", method.attr),
                );
            }
        });
    }
}
