//! progress-service against a real PostgreSQL.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]

mod accounts;
mod events;
mod migrations;
mod postgres;
