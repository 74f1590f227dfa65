//! What the end-to-end tests and the benchmarks share: students, a client, load, and the CPU time it costs.

pub mod cpu;
pub mod human_eval;
pub mod load;
pub mod socket;
pub mod student;
pub mod triage;
