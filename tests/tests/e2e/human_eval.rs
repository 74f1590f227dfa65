use anyhow::{Result, ensure};
use learnflow_tests::human_eval::{Figures, measure};

use crate::world::World;

/// Which problems: `make bench` takes all.
const EVERY: usize = 12;

/// FR-018, FR-023: `HumanEval`'s solutions pass, mutants of them fail, and the line that was changed is among the first
/// three suspicious ones.
pub async fn solutions_pass_and_mutants_fail(world: &World) -> Result<()> {
    let figures = measure(&world.stack, EVERY).await?;
    let Figures { solutions, mutants, located, .. } = figures;
    ensure!(solutions.0 >= 13 && solutions.0 == solutions.1, "{figures:?}");
    ensure!(mutants.0 >= 80 && mutants.1 * 100 >= mutants.0 * 95, "{figures:?}");
    ensure!(located * 100 >= mutants.1 * 70, "{figures:?}");
    Ok(())
}
