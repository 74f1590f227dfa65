//! What goes through a socket.

use learnflow_proto::v1::{Answer, Notification, Problem};
use learnflow_service::explain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tonic::Status;

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Signs in, or signs in again before the token expires.
    Auth {
        /// An access token.
        token: String,
    },
    /// Asks a question.
    Ask(Ask),
    /// Asks for what came behind a sequence number.
    Resume {
        /// The last one the client has.
        after: u64,
    },
    /// Is answered with a pong.
    Ping {},
}

/// A question; the limits are those of `Question`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The client's name for it. Sent again with the same id and text it is the same question.
    pub id: String,
    /// In the student's own words.
    pub text: String,
    /// The student's program.
    pub code: Option<String>,
    /// The error message the student saw.
    pub error: Option<String>,
    /// A topic id.
    pub topic: Option<String>,
    /// A level.
    pub level: Option<String>,
}

/// What a student is sent, on every socket and in this order.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// A question was accepted.
    Asked {
        /// The client's name for it.
        id: String,
        /// Names the question everywhere else.
        request_id: String,
    },
    /// A piece of an answer while it is written.
    Part {
        /// The client's name for the question.
        id: String,
        /// The question.
        request_id: String,
        /// Markdown.
        text: String,
        /// Bytes of Markdown up to the end of this piece.
        end: usize,
        /// By which the rest can be followed.
        token: String,
    },
    /// The whole answer.
    Answer {
        /// The client's name for the question.
        id: String,
        /// The question.
        request_id: String,
        /// It replaces the pieces.
        answer: Box<Answer>,
    },
    /// There is no answer.
    Error {
        /// The client's name for the question.
        id: String,
        /// The question.
        request_id: String,
        /// Why.
        problem: Problem,
    },
    /// News for the user.
    Notification {
        /// As it is stored.
        notification: Box<Notification>,
    },
    /// The student's mastery has changed.
    Progress {
        /// Grows with every change.
        version: i64,
        /// As `GetProgressResponse`, without what changes nothing for a glance.
        progress: Glance,
    },
}

/// A student's mastery at a glance.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Glance {
    /// Days in a row.
    pub streak_days: u32,
    /// The topics begun.
    pub topics: Vec<TopicGlance>,
}

/// Mastery of a topic at a glance.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct TopicGlance {
    /// Topic id.
    pub topic: String,
    /// 0 to 100.
    pub mastery: f64,
    /// As `TopicProgress.level`.
    pub level: String,
}

impl Message {
    /// The word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Part { .. } => "part",
            Self::Answer { .. } => "answer",
            Self::Error { .. } => "error",
            Self::Notification { .. } => "notification",
            Self::Progress { .. } => "progress",
        }
    }

    /// As the client gets it.
    pub fn frame(&self, sequence: u64) -> Utf8Bytes {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(fields) = &mut value {
            fields.insert("sequence".to_owned(), sequence.into());
            // For this service only.
            fields.remove("end");
            fields.remove("token");
        }
        value.to_string().into()
    }
}

/// A reply to one socket, which is not part of the student's stream: it repeats the last sequence number.
pub fn reply(kind: &str, sequence: u64, fields: Value) -> Utf8Bytes {
    let mut value = json!({ "type": kind, "sequence": sequence });
    if let (Value::Object(value), Value::Object(fields)) = (&mut value, fields) {
        value.extend(fields);
    }
    value.to_string().into()
}

/// A failed call as a client sees it.
pub fn problem(status: &Status) -> Problem {
    let (code, detail) = explain(status);
    Problem {
        r#type: "about:blank".to_owned(),
        title: code.canonical_reason().unwrap_or("Error").to_owned(),
        status: code.as_u16().into(),
        detail,
    }
}
