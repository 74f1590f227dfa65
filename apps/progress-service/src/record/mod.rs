//! The learner's record: mastery, streaks, knowledge, alerts, all computed from facts.
//!
//! A fact comes by `progress.events` ([`handler`]), is written once, and the record that follows from all facts of its
//! student is written in the same transaction ([`writer`]), together with the events that must go out because of it
//! ([`outbox`]). Nothing is ever added up: what a fact can change is computed anew from all facts it is computed from
//! ([`compute`], [`derived`]), so that the order of delivery, duplicates and late facts make no difference, and [`rebuild`]
//! can prove it.
//!
//! Reading goes through two caches ([`read`]), weeks are computed when they are asked for ([`weeks`]); who reads another's record is noted ([`audit`]).

pub mod alerts;
pub mod audit;
pub mod compute;
pub mod derived;
pub mod fact;
pub mod handler;
mod known;
mod near;
pub mod outbox;
mod packed;
pub mod read;
pub mod rebuild;
pub mod refresh;
pub mod tables;
pub mod tell;
pub mod weeks;
pub mod writer;
