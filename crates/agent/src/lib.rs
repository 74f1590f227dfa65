//! What the agents do alike: accept a question, acknowledge its event, work, write the answer into the request record,
//! publish it.
//!
//! An agent must not work inside its event handler: Dapr holds one event per partition until the handler returns, so a
//! slow answer would hold up every student of its partition. Questions are accepted into a bounded queue instead, in
//! order per student and with many students at once. What makes that safe is the request record: a question lost with
//! its agent shows no sign of life and is published again.

mod agent;
mod builtin;
mod queue;

pub use agent::{Agent, AgentConfig, Answering};
pub use builtin::{answer, query};
