use anyhow::Result;
use learnflow_stack::Stack;

use crate::report::Report;

pub async fn measure(_: &Stack, _: &mut Report) -> Result<()> {
    Ok(())
}
