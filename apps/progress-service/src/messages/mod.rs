//! What people are told and what they say in the chat: stored for notification-service and websocket-service.
//!
//! - [`recipients`]: who is told; [`notifications`]: what they were told;
//! - [`chat`]: the chat's history;
//! - [`presence`]: tells websocket-service of progress, for students who have a socket open;
//! - [`service`]: the RPCs, for other services only.

pub mod chat;
pub mod notifications;
pub mod presence;
pub mod recipients;
pub mod service;
