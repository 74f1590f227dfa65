//! progress-service: the learner's record, and the only service with a database.
//!
//! - [`database`]: the pool, its errors, the migrations, slow statements;
//! - [`accounts`], [`passwords`], [`users`]: who there is and how they sign in;
//! - [`commit`]: writing what comes meanwhile together;
//! - [`events`], [`batch`]: the audit stream, stored once per event;
//! - [`catalogue`]: the curriculum's ids; [`practice`], [`facts`]: exercises, submissions and attempts at quizzes;
//! - [`messages`]: notifications and the chat's history;
//! - [`record`]: mastery, streaks and alerts; [`progress`]: the service that serves them;
//! - [`access`]: who may read whose data; [`classes`], [`assignments`]: teachers and their students; [`placement`]: where
//!   a student begins.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]

pub mod access;
pub mod accounts;
pub mod assignments;
pub mod batch;
pub mod bootstrap;
pub mod catalogue;
pub mod classes;
pub mod commit;
pub mod config;
pub mod database;
pub mod events;
pub mod facts;
pub mod messages;
pub mod page;
pub mod passwords;
pub mod placement;
pub mod practice;
pub mod privacy;
pub mod progress;
pub mod record;
pub mod users;
pub mod vault;
