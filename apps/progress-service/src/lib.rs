//! progress-service: the learner's record, and the only service with a database.
//!
//! - [`database`]: the pool, its errors, the migrations, slow statements;
//! - [`accounts`], [`passwords`], [`users`]: who there is and how they sign in;
//! - [`events`], [`batch`]: the audit stream, stored once per event;
//! - [`catalogue`]: the curriculum's ids; [`practice`], [`facts`]: exercises, submissions and attempts at quizzes;
//! - [`record`]: mastery, streaks and alerts; [`progress`]: the service that serves them; [`unbuilt`]: what is promised and not there yet.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]

pub mod accounts;
pub mod batch;
pub mod bootstrap;
pub mod catalogue;
pub mod config;
pub mod database;
pub mod events;
pub mod facts;
pub mod page;
pub mod passwords;
pub mod practice;
pub mod progress;
pub mod record;
pub mod unbuilt;
pub mod users;
