//! triage: sorts questions to the agent that can answer them.
#![allow(missing_docs, reason = "a library for the tests that measure it")]

pub mod classify;
pub mod examples;
mod features;
mod model;
mod program;
mod rules;
