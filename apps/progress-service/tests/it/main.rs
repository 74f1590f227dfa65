//! progress-service against a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod accounts;
mod classes;
mod events;
mod migrations;
mod plans;
mod postgres;
mod practice;
mod privacy;
mod record;
