//! Loops that could say more simply what they do.

use learnflow_curriculum::Level;
use ruff_python_ast::Expr;

use super::{for_loops, is_bound_in, name_of, reads, rule};
use crate::{
    Category, Severity,
    model::Report,
    program::Program,
    rules::RuleInfo,
    walk::{self, Node},
};

pub(super) const OVER_POSITIONS: RuleInfo =
    rule("loop-over-positions", Category::Readability, Severity::Info, Level::Learning);

/// `for i in range(len(items)):` where `i` is only used to read `items[i]`.
pub(super) fn over_positions(program: &Program<'_>, report: &mut Report) {
    for stmt in program.scopes.iter().flat_map(|scope| for_loops(scope.body)) {
        let Some(index) = name_of(&stmt.target) else { continue };
        let Some(sequence) = program.argument_of("range", &stmt.iter).and_then(|stop| program.argument_of("len", stop))
        else {
            continue;
        };
        let Some(sequence) = name_of(sequence).filter(|name| !is_bound_in(&stmt.body, name)) else { continue };
        let (mut items, mut written) = (0, false);
        walk::all(&stmt.body, &mut |node| {
            if let Node::Expr(Expr::Subscript(subscript)) = node
                && name_of(&subscript.value) == Some(sequence)
                && name_of(&subscript.slice) == Some(index)
            {
                items += 1;
                written = written || !subscript.ctx.is_load();
            }
            true
        });
        if items > 0 && !written && reads(&stmt.body, index) == items {
            let message = format!("The loop goes over positions, but needs only the items of `{sequence}`.");
            report.add(
                &OVER_POSITIONS,
                &*stmt.iter,
                message,
                &format!(
                    "Write `for item in {sequence}:`; if you need the position too, `enumerate({sequence})` gives both."
                ),
            );
        }
    }
}
