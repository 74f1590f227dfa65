//! Classes whose objects don't get what they should.

use learnflow_curriculum::Level;
use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};

use super::{mistake, name_of, rule, suspect};
use crate::{
    Category, Severity,
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const METHOD_WITHOUT_SELF: RuleInfo = suspect("method-without-self");
pub(super) const MISSPELLED_INIT: RuleInfo = mistake("misspelled-init");
pub(super) const SHARED_COLLECTION: RuleInfo =
    rule("shared-collection", Category::Readability, Severity::Warning, Level::Beginner);

fn classes<'a>(program: &Program<'a>) -> Vec<&'a StmtClassDef> {
    program.scopes.iter().filter(|scope| scope.function.is_none()).filter_map(|scope| scope.class).collect()
}

fn methods(class: &StmtClassDef) -> impl Iterator<Item = &StmtFunctionDef> {
    class.body.iter().filter_map(Stmt::as_function_def_stmt)
}

/// `def bark():` in a class.
pub(super) fn method_without_self(program: &Program<'_>, report: &mut Report) {
    for class in classes(program) {
        for method in methods(class).filter(|method| method.parameters.is_empty() && method.decorator_list.is_empty()) {
            // `Tools.clean()`, or a function that the class's body itself uses, works without an object.
            let used_plainly = walk::any(program.body, |node| match node {
                Node::Expr(Expr::Attribute(attribute)) => {
                    attribute.attr.as_str() == method.name.as_str()
                        && name_of(&attribute.value) == Some(class.name.as_str())
                }
                Node::Expr(Expr::Name(name)) => name.id == *method.name.as_str() || name.id == *"getattr",
                _ => false,
            });
            if !used_plainly {
                let message = format!(
                    "`{}` has no parameter for the object: calling it as `thing.{}()` ends with a `TypeError`.",
                    method.name, method.name
                );
                report.add(
                    &METHOD_WITHOUT_SELF,
                    &method.name,
                    message,
                    &format!("Write `def {}(self):`.", method.name),
                );
            }
        }
    }
}

/// `def _init_(self):`
pub(super) fn misspelled_init(program: &Program<'_>, report: &mut Report) {
    for class in classes(program) {
        for method in methods(class) {
            let name = method.name.as_str();
            let near = matches!(
                name,
                "_init_" | "_init__" | "__init_" | "init__" | "__inti__" | "__Init__" | "__INIT__" | "__intit__"
            ) || name == "__int__"
                && method.parameters.args.iter().filter(|parameter| parameter.default.is_none()).count() > 1;
            if near {
                let message = format!(
                    "Python calls `__init__` when an object is made; `{name}` it doesn't know, so the object stays empty."
                );
                report.add(
                    &MISSPELLED_INIT,
                    &method.name,
                    message,
                    "Write `__init__`, with two underscores on each side.",
                );
            }
        }
    }
}

/// `items = []` in a class, filled through `self.items.append(…)`.
pub(super) fn shared_collection(program: &Program<'_>, report: &mut Report) {
    for class in classes(program) {
        for stmt in &class.body {
            let (target, value) = match stmt {
                Stmt::Assign(assign) if assign.targets.len() == 1 => (&assign.targets[0], &assign.value),
                Stmt::AnnAssign(assign) => match &assign.value {
                    Some(value) => (&*assign.target, value),
                    None => continue,
                },
                _ => continue,
            };
            let empty = match &**value {
                Expr::List(list) => list.elts.is_empty(),
                Expr::Dict(dict) => dict.items.is_empty(),
                Expr::Call(call) => {
                    call.arguments.is_empty()
                        && matches!(program.builtin_call(value), Some(("list" | "dict" | "set", _)))
                }
                _ => false,
            };
            let Some(name) = name_of(target).filter(|_| empty) else { continue };
            let (mut filled, mut own) = (false, false);
            walk::all(&class.body, &mut |node| {
                match node {
                    Node::Expr(Expr::Attribute(attribute)) if is_of_self(attribute, name) => {
                        own = own || !attribute.ctx.is_load();
                    }
                    Node::Expr(Expr::Call(call)) => {
                        filled = filled
                            || call.func.as_attribute_expr().is_some_and(|method| {
                                matches!(method.attr.as_str(), "append" | "add" | "extend" | "insert" | "update")
                                    && method
                                        .value
                                        .as_attribute_expr()
                                        .is_some_and(|attribute| is_of_self(attribute, name))
                            });
                    }
                    Node::Expr(Expr::Subscript(subscript)) if subscript.ctx.is_store() => {
                        filled = filled
                            || subscript.value.as_attribute_expr().is_some_and(|attribute| is_of_self(attribute, name));
                    }
                    _ => {}
                }
                true
            });
            if filled && !own && class.arguments.is_none() {
                let message = format!(
                    "`{name}` is made once for the class, so all objects share it: what one adds, the others have too."
                );
                report.add(&SHARED_COLLECTION, stmt, message, &format!("Make it in `__init__`: `self.{name} = …`."));
            }
        }
    }
}

fn is_of_self(attribute: &ruff_python_ast::ExprAttribute, name: &str) -> bool {
    attribute.attr.as_str() == name && name_of(&attribute.value) == Some("self")
}
