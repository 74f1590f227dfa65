//! progress-service against a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod accounts;
mod events;
mod migrations;
mod postgres;
mod practice;
mod record;
