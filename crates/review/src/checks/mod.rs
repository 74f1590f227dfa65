//! Checks of what beginners get wrong and linters don't look for. Each is a function of its own; a finding of category
//! bug is only made where nothing else in the program can make it right.

mod calls;
mod classes;
mod conditions;
mod efficiency;
mod endless;
mod flow;
mod functions;
mod indexes;
mod loops;
mod names;
mod results;
mod size;
mod types;

use learnflow_curriculum::Level;
use ruff_python_ast::{Expr, Stmt, StmtFor};

use crate::{
    Category, Severity, complexity,
    model::Report,
    program::Program,
    rules::RuleInfo,
    syntax,
    walk::{self, Node},
};

type Check = fn(&Program<'_>, &mut Report);

const CHECKS: &[Check] = &[
    conditions::constant_after_or,
    conditions::always_the_same,
    conditions::function_not_called,
    conditions::impossible_length,
    conditions::equal_floats,
    flow::unreachable,
    flow::returns_in_first_round,
    flow::starts_again,
    endless::never_left,
    endless::nothing_changes,
    endless::no_base_case,
    indexes::past_the_end,
    indexes::float_as_position,
    loops::over_positions,
    results::unused,
    results::none_of_method,
    results::none_of_print,
    results::none_of_function,
    types::input_as_number,
    types::text_plus_number,
    types::missing_f,
    calls::wrong_arguments,
    calls::method_of_class,
    classes::method_without_self,
    classes::misspelled_init,
    classes::shared_collection,
    names::hidden_builtin_called,
    efficiency::text_in_loop,
    efficiency::search_in_loop,
    functions::returned_print,
    size::long_function,
    size::deep_nesting,
];

/// The rules of this crate's own.
pub(crate) const RULES: &[&RuleInfo] = &[
    &syntax::SYNTAX_ERROR,
    &complexity::TOO_COMPLEX,
    &conditions::CONSTANT_AFTER_OR,
    &conditions::ALWAYS_TRUE,
    &conditions::ALWAYS_FALSE,
    &conditions::FUNCTION_NOT_CALLED,
    &conditions::IMPOSSIBLE_LENGTH,
    &conditions::EQUAL_FLOATS,
    &flow::UNREACHABLE,
    &flow::RETURNS_IN_FIRST_ROUND,
    &flow::STARTS_AGAIN,
    &endless::NEVER_LEFT,
    &endless::NOTHING_CHANGES,
    &endless::NO_BASE_CASE,
    &indexes::OFF_BY_ONE,
    &indexes::INDEX_IS_LENGTH,
    &indexes::FLOAT_AS_POSITION,
    &loops::OVER_POSITIONS,
    &results::UNUSED,
    &results::NONE_OF_METHOD,
    &results::NONE_OF_PRINT,
    &results::NONE_OF_FUNCTION,
    &types::INPUT_AS_NUMBER,
    &types::TEXT_PLUS_NUMBER,
    &types::MISSING_F,
    &calls::WRONG_ARGUMENTS,
    &calls::METHOD_OF_CLASS,
    &classes::METHOD_WITHOUT_SELF,
    &classes::MISSPELLED_INIT,
    &classes::SHARED_COLLECTION,
    &names::HIDDEN_BUILTIN_CALLED,
    &efficiency::TEXT_IN_LOOP,
    &efficiency::SEARCH_IN_LOOP,
    &functions::RETURNED_PRINT,
    &size::LONG_FUNCTION,
    &size::DEEP_NESTING,
];

pub(crate) fn run(program: &Program<'_>, report: &mut Report) {
    for check in CHECKS {
        check(program, report);
    }
}

const fn rule(name: &'static str, category: Category, severity: Severity, from: Level) -> RuleInfo {
    RuleInfo { name, code: None, category, severity, from }
}

/// A mistake that stops the program, or makes its result wrong in every case.
const fn mistake(name: &'static str) -> RuleInfo {
    rule(name, Category::Bug, Severity::Error, Level::Beginner)
}

/// A mistake that shows in some cases.
const fn suspect(name: &'static str) -> RuleInfo {
    rule(name, Category::Bug, Severity::Warning, Level::Beginner)
}

fn name_of(expr: &Expr) -> Option<&str> {
    Some(expr.as_name_expr()?.id.as_str())
}

/// A whole number written as such.
fn whole_number(expr: &Expr) -> Option<u64> {
    expr.as_number_literal_expr()?.value.as_int()?.as_u64()
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::NumberLiteral(_) | Expr::StringLiteral(_))
}

/// How often a name is read in a body, nested functions included.
fn reads(body: &[Stmt], name: &str) -> usize {
    let mut count = 0;
    walk::all(body, &mut |node| {
        if let Node::Expr(Expr::Name(found)) = node
            && found.id == *name
            && found.ctx.is_load()
        {
            count += 1;
        }
        true
    });
    count
}

/// Whether a name gets a value, or is deleted, in a body.
fn is_bound_in(body: &[Stmt], name: &str) -> bool {
    walk::any(body, |node| matches!(node, Node::Expr(Expr::Name(found)) if found.id == *name && !found.ctx.is_load()))
}

/// The loops of a body itself.
fn for_loops(body: &[Stmt]) -> Vec<&StmtFor> {
    let mut loops = Vec::new();
    walk::own(body, &mut |node| {
        if let Node::Stmt(Stmt::For(stmt)) = node
            && !stmt.is_async
        {
            loops.push(stmt);
        }
        true
    });
    loops
}
