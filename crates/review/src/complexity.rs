use learnflow_curriculum::Level;
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use crate::{
    Category, FunctionComplexity, Severity,
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

/// More paths than this are hard to keep in mind; it is the limit that was suggested with the measure.
const MOST_PATHS: u32 = 10;

pub(crate) const TOO_COMPLEX: RuleInfo = RuleInfo {
    name: "complex-structure",
    code: Some("C901"),
    category: Category::Readability,
    severity: Severity::Info,
    from: Level::Beginner,
};

pub(crate) fn measure(program: &Program<'_>, report: &mut Report) -> Vec<FunctionComplexity> {
    let mut measured = Vec::new();
    for scope in &program.scopes {
        let Some(function) = scope.function else { continue };
        let cyclomatic = paths(scope.body);
        if cyclomatic > MOST_PATHS {
            let message = format!(
                "There are {cyclomatic} ways through `{}`: more than a reader can keep in mind, and each wants a test.",
                function.name
            );
            report.add(&TOO_COMPLEX, &function.name, message, "Give a part that does one thing a function of its own.");
        }
        measured.push(FunctionComplexity {
            name: scope.name.clone(),
            line: report.line(function.name.start()),
            end_line: report.line(function.end()),
            cyclomatic,
        });
    }
    measured
}

fn paths(body: &[Stmt]) -> u32 {
    let mut paths = 1;
    walk::own(body, &mut |node| {
        let more = match node {
            Node::Stmt(Stmt::If(stmt)) => {
                1 + stmt.elif_else_clauses.iter().filter(|clause| clause.test.is_some()).count()
            }
            Node::Stmt(Stmt::For(_) | Stmt::While(_)) | Node::Expr(Expr::If(_)) => 1,
            Node::Stmt(Stmt::Try(stmt)) => stmt.handlers.len(),
            Node::Stmt(Stmt::Match(stmt)) => {
                stmt.cases.iter().filter(|case| case.guard.is_some() || !case.pattern.is_irrefutable()).count()
            }
            Node::Expr(Expr::BoolOp(operation)) => operation.values.len().saturating_sub(1),
            Node::Expr(Expr::ListComp(comp)) => loops(&comp.generators),
            Node::Expr(Expr::SetComp(comp)) => loops(&comp.generators),
            Node::Expr(Expr::DictComp(comp)) => loops(&comp.generators),
            Node::Expr(Expr::Generator(comp)) => loops(&comp.generators),
            _ => 0,
        };
        paths += u32::try_from(more).unwrap_or(u32::MAX);
        true
    });
    paths
}

fn loops(generators: &[ruff_python_ast::Comprehension]) -> usize {
    generators.iter().map(|generator| 1 + generator.ifs.len()).sum()
}
