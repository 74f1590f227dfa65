//! Notifications.

use learnflow_proto::{Struct, v1::Notification};
use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::Status;
use uuid::Uuid;

use crate::{
    database::{Database, Statement},
    page::Page,
    progress::{Position, end_of_time, write_position},
    users::timestamp,
};

// A user who is erased meanwhile is told nothing.
const INSERT: Statement = Statement {
    name: "notifications.insert",
    sql: "INSERT INTO notifications (id, user_id, source_id, kind, title, body, detail)
          SELECT n.id, u.id, $3, $4, $5, $6, $7 FROM unnest($1::uuid[], $2::uuid[]) AS n (id, user_id)
          JOIN users u ON u.id = n.user_id
          ON CONFLICT (source_id, user_id) DO NOTHING",
};
/// Who was told of a source.
pub const OF_SOURCE: Statement = Statement {
    name: "notifications.of_source",
    sql: "SELECT id, user_id, kind, title, body, detail, read_at, created_at FROM notifications WHERE source_id = $1",
};
/// A page of a user's notifications.
pub const LIST: Statement = Statement {
    name: "notifications.list",
    sql: "SELECT id, kind, title, body, detail, read_at, created_at FROM notifications
          WHERE user_id = $1 AND (created_at, id) < ($2, $3)
          ORDER BY created_at DESC, id DESC LIMIT $4",
};
/// A page of those not read.
pub const LIST_UNREAD: Statement = Statement {
    name: "notifications.list_unread",
    sql: "SELECT id, kind, title, body, detail, read_at, created_at FROM notifications
          WHERE user_id = $1 AND (created_at, id) < ($2, $3) AND read_at IS NULL
          ORDER BY created_at DESC, id DESC LIMIT $4",
};
/// A page of those read.
pub const LIST_READ: Statement = Statement {
    name: "notifications.list_read",
    sql: "SELECT id, kind, title, body, detail, read_at, created_at FROM notifications
          WHERE user_id = $1 AND (created_at, id) < ($2, $3) AND read_at IS NOT NULL
          ORDER BY created_at DESC, id DESC LIMIT $4",
};
/// How many a user has not read.
pub const UNREAD: Statement = Statement {
    name: "notifications.unread",
    sql: "SELECT count(*) AS unread FROM notifications WHERE user_id = $1 AND read_at IS NULL",
};
const MARK: Statement = Statement {
    name: "notifications.mark_read",
    sql: "UPDATE notifications SET read_at = coalesce(read_at, now()) WHERE id = $1 AND user_id = $2
          RETURNING id, kind, title, body, detail, read_at, created_at",
};
const SUBSCRIBE: Statement = Statement {
    name: "subscriptions.set",
    sql: "INSERT INTO notification_subscriptions (user_id, kinds) SELECT id, $2 FROM users WHERE id = $1
          ON CONFLICT (user_id) DO UPDATE SET kinds = excluded.kinds RETURNING kinds",
};

/// What is told.
pub struct News {
    /// What it follows from.
    pub source: Uuid,
    /// As `Notification.kind`.
    pub kind: String,
    /// A short title.
    pub title: String,
    /// One or two sentences.
    pub body: String,
    /// A JSON object.
    pub detail: Value,
}

/// A page of notifications.
pub struct Listed {
    /// Newest first.
    pub notifications: Vec<Notification>,
    /// Empty on the last page.
    pub next_page_token: String,
    /// How many are unread in all.
    pub unread: u32,
}

/// Stores news for each of some users, once. Returns all who were ever told of it: user, notification.
///
/// # Errors
/// The database's.
pub async fn store(database: &Database, news: &News, users: &[Uuid]) -> Result<Vec<(Uuid, Notification)>, Status> {
    let ids: Vec<Uuid> = users.iter().map(|_| Uuid::now_v7()).collect();
    let News { source, kind, title, body, detail } = news;
    database.query(&INSERT, &[&ids, &users, source, kind, title, body, detail]).await?;
    let rows = database.query(&OF_SOURCE, &[source]).await?;
    rows.iter().map(|row| Ok((row.get("user_id"), notification(row)?))).collect()
}

/// Lists a user's notifications: all, those not read, or those read.
///
/// # Errors
/// The database's.
pub async fn list(
    database: &Database,
    user: Uuid,
    unread: Option<bool>,
    page: &Page<Position>,
) -> Result<Listed, Status> {
    let statement = match unread {
        None => &LIST,
        Some(true) => &LIST_UNREAD,
        Some(false) => &LIST_READ,
    };
    let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
    let mut rows = database.query(statement, &[&user, &before, &id, &page.limit()]).await?;
    let next_page_token = page.cut(&mut rows, |row| write_position(row.get("created_at"), row.get("id")));
    let count = database.find(&UNREAD, &[&user]).await?;
    let unread = count.map_or(0, |row| row.get::<_, i64>("unread"));
    Ok(Listed {
        notifications: rows.iter().map(notification).collect::<Result<_, _>>()?,
        next_page_token,
        unread: u32::try_from(unread).unwrap_or(u32::MAX),
    })
}

/// Marks a user's notification as read.
///
/// # Errors
/// `NOT_FOUND` when the user has no such notification.
pub async fn mark(database: &Database, user: Uuid, id: Uuid) -> Result<Notification, Status> {
    let row = database.find(&MARK, &[&id, &user]).await?;
    notification(&row.ok_or_else(|| Status::not_found("you have no notification with this id"))?)
}

/// Notes which kinds a user wants.
///
/// # Errors
/// `NOT_FOUND` when there is no such user.
pub async fn subscribe(database: &Database, user: Uuid, kinds: &[String]) -> Result<Vec<String>, Status> {
    let row = database.find(&SUBSCRIBE, &[&user, &kinds]).await?;
    Ok(row.ok_or_else(|| Status::not_found("there is no user with this id"))?.get("kinds"))
}

fn notification(row: &Row) -> Result<Notification, Status> {
    let detail: Struct = serde_json::from_value(row.get::<_, Value>("detail"))
        .map_err(|error| Status::internal(format!("the detail of a notification is damaged: {error}")))?;
    Ok(Notification {
        id: row.get::<_, Uuid>("id").to_string(),
        kind: row.get("kind"),
        title: row.get("title"),
        body: row.get("body"),
        read: row.get::<_, Option<OffsetDateTime>>("read_at").is_some(),
        created_at: Some(timestamp(row.get("created_at"))),
        detail: Some(detail),
    })
}
