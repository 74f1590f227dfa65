//! The chat's history, as it comes by events.

use std::str::FromStr as _;

use learnflow_proto::{
    events::ChatWritten,
    v1::{Answer, ChatMessage},
};
use learnflow_sidecar::{Event, Outcome, patiently};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_postgres::{Row, types::ToSql};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::{
    database::{Database, DatabaseError, Statement},
    events::moment,
    page::Page,
    progress::{Position, end_of_time, write_position},
    users::timestamp,
    vault::{CHAT, Sealed, Vault},
};

// Of a student without an account nothing is kept; a topic that the curriculum has no more is left out.
const INSERT: Statement = Statement {
    name: "chat.insert",
    sql: "INSERT INTO chat_messages (id, user_id, request_id, author, agent, topic_id, detail, created_at, text_sealed,
                                     data_key)
          SELECT $1, u.id, $3, $4, $5, (SELECT t.id FROM topics t WHERE t.id = $6), $7, $8, $9, $10
          FROM users u WHERE u.id = $2
          ON CONFLICT DO NOTHING",
};
/// A page of a student's chat.
pub const LIST: Statement = Statement {
    name: "chat.list",
    sql: "SELECT id, request_id, author, text, text_sealed, data_key, detail, created_at FROM chat_messages
          WHERE user_id = $1 AND (created_at, id) < ($2, $3)
          ORDER BY created_at DESC, id DESC LIMIT $4",
};

/// Stores what is said in chats.
#[derive(Clone)]
pub struct ChatHandler {
    database: Database,
    stopping: CancellationToken,
}

/// A row of the table `chat_messages`.
struct Said {
    id: Uuid,
    student: Uuid,
    request: Uuid,
    author: String,
    agent: Option<String>,
    topic: String,
    text: String,
    detail: Value,
    at: OffsetDateTime,
}

impl ChatHandler {
    /// Stores until some time after `stopping` is cancelled.
    pub fn new(database: Database, stopping: CancellationToken) -> Self {
        Self { database, stopping }
    }

    /// Stores a message, once however often it is told; acknowledged when it is committed.
    pub async fn written(self, event: Event<ChatWritten>) -> Outcome {
        let event_id = event.id;
        let said = match read(event.data) {
            Ok(said) => said,
            Err(reason) => {
                tracing::warn!(event_id, reason, "malformed event dropped");
                return Outcome::Drop;
            }
        };
        patiently(&self.stopping, || async {
            match self.store(&said).await {
                Ok(()) => Some(Outcome::Done),
                Err(error @ DatabaseError::Refused { .. }) => {
                    tracing::warn!(event_id, %error, "a chat message was not stored");
                    Some(Outcome::Retry)
                }
                Err(error) => {
                    tracing::debug!(event_id, %error, "a chat message waits for the database");
                    None
                }
            }
        })
        .await
    }

    async fn store(&self, said: &Said) -> Result<(), DatabaseError> {
        let Said { id, student, request, author, agent, topic, text, detail, at } = said;
        let Sealed { key, bytes } = self.database.vault().seal(CHAT, *id, text)?;
        let values: [&(dyn ToSql + Sync); 10] = [id, student, request, author, agent, topic, detail, at, &bytes, &key];
        self.database.query(&INSERT, &values).await?;
        Ok(())
    }
}

fn read(event: ChatWritten) -> Result<Said, String> {
    let ChatWritten { student_id, message } = event;
    let ChatMessage { id, author, markdown, answer, created_at, request_id } = message.ok_or("it has no message")?;
    let uuid = |text: &str, field: &str| Uuid::from_str(text).map_err(|_| format!("{field} {text:?} is not a UUID"));
    if (author == "tutor") != answer.is_some() || !["tutor", "student"].contains(&author.as_str()) {
        return Err(format!("{author:?} is not its author"));
    }
    let agent = answer.as_ref().map(|answer| answer.agent.clone());
    let topic = answer.as_ref().map(|answer| answer.topic.clone()).unwrap_or_default();
    // The text is not kept twice.
    let answer = answer.map(|answer| Answer { markdown: String::new(), ..answer });
    Ok(Said {
        id: uuid(&id, "id")?,
        student: uuid(&student_id, "student_id")?,
        request: uuid(&request_id, "request_id")?,
        author,
        agent,
        topic,
        text: markdown,
        detail: answer.map_or_else(|| Ok(json!({})), serde_json::to_value).map_err(|error| error.to_string())?,
        at: moment(&created_at.ok_or("it does not say when")?)?,
    })
}

/// Lists a student's chat, newest first; the token of the next page.
///
/// # Errors
/// The database's.
pub async fn list(
    database: &Database,
    student: Uuid,
    page: &Page<Position>,
) -> Result<(Vec<ChatMessage>, String), Status> {
    let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
    let mut rows = database.query(&LIST, &[&student, &before, &id, &page.limit()]).await?;
    let next = page.cut(&mut rows, |row| write_position(row.get("created_at"), row.get("id")));
    Ok((rows.iter().map(|row| message(database.vault(), row)).collect::<Result<_, _>>()?, next))
}

fn message(vault: &Vault, row: &Row) -> Result<ChatMessage, Status> {
    let (author, markdown) = (row.get::<_, String>("author"), vault.text(CHAT, row.get("id"), row)?);
    let answer = if author == "tutor" {
        let answer: Answer = serde_json::from_value(row.get::<_, Value>("detail"))
            .map_err(|error| Status::internal(format!("a stored answer is damaged: {error}")))?;
        Some(Answer { markdown: markdown.clone(), ..answer })
    } else {
        None
    };
    Ok(ChatMessage {
        id: row.get::<_, Uuid>("id").to_string(),
        author,
        markdown,
        answer,
        created_at: Some(timestamp(row.get("created_at"))),
        request_id: row.get::<_, Uuid>("request_id").to_string(),
    })
}
