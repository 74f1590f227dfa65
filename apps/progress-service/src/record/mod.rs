//! The learner's record: mastery, streaks, knowledge, alerts, all computed from facts.
//!
//! A fact comes by `progress.events` ([`handler`]), is written once, and the record that follows from all facts of its
//! student is written in the same transaction ([`writer`]), together with the events that must go out because of it
//! ([`outbox`]). Nothing is ever added up: [`derived`] computes the whole anew, so that the order of delivery,
//! duplicates and late facts make no difference, and [`rebuild`] can prove it.
//!
//! Reading goes through two caches ([`read`]); who reads another's record is noted ([`audit`]).

pub mod alerts;
pub mod audit;
pub mod derived;
pub mod fact;
pub mod handler;
mod known;
mod near;
pub mod outbox;
pub mod read;
pub mod rebuild;
pub mod refresh;
pub mod tables;
pub mod tell;
pub mod writer;
