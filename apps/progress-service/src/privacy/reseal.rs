//! Seals what is still plain, and again under the current key what is sealed under another: a batch at a time, until no row
//! is left. Then the other key is needed no more.

use std::time::Duration;

use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    vault::{CHAT, EMAIL, NAME},
};

/// Rows sealed in one transaction.
const BATCH: i64 = 200;
/// Between two batches: this is no hurry, and others use the database.
const PAUSE: Duration = Duration::from_millis(50);
/// How often rows under another key are looked for.
const LOOK: Duration = Duration::from_secs(30);

/// How a table is sealed.
struct Table {
    name: &'static str,
    /// The keys in use, by leaps through their index: there are few keys and many rows.
    keys: Statement,
    /// A batch of rows under a key.
    take: Statement,
    /// A batch of plain rows.
    take_plain: Statement,
    write: Statement,
}

macro_rules! table {
    ($name:literal, $columns:literal, $write:literal) => {
        Table {
            name: $name,
            keys: Statement {
                name: concat!($name, ".data_keys"),
                sql: concat!(
                    "WITH RECURSIVE used AS (
                         (SELECT data_key FROM ",
                    $name,
                    " WHERE data_key IS NOT NULL ORDER BY data_key LIMIT 1)
                         UNION ALL
                         SELECT (SELECT t.data_key FROM ",
                    $name,
                    " t WHERE t.data_key > used.data_key
                                 ORDER BY t.data_key LIMIT 1) FROM used WHERE used.data_key IS NOT NULL)
                     SELECT data_key FROM used WHERE data_key IS NOT NULL
                     UNION ALL (SELECT data_key FROM ",
                    $name,
                    " WHERE data_key IS NULL ORDER BY data_key, id LIMIT 1)"
                ),
            },
            take: Statement {
                name: concat!($name, ".reseal_take"),
                sql: concat!(
                    "SELECT id, data_key, ",
                    $columns,
                    " FROM ",
                    $name,
                    " WHERE data_key = $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
                ),
            },
            take_plain: Statement {
                name: concat!($name, ".seal_take"),
                sql: concat!(
                    "SELECT id, data_key, ",
                    $columns,
                    " FROM ",
                    $name,
                    " WHERE data_key IS NULL ORDER BY data_key, id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED"
                ),
            },
            write: Statement { name: concat!($name, ".reseal"), sql: $write },
        }
    };
}

static USERS: Table = table!(
    "users",
    "email, name, email_sealed, name_sealed",
    "UPDATE users SET email = NULL, name = NULL, data_key = $2, email_digest = $3, email_sealed = $4, name_sealed = $5
     WHERE id = $1"
);
static MESSAGES: Table = table!(
    "chat_messages",
    "text, text_sealed",
    "UPDATE chat_messages SET text = NULL, data_key = $2, text_sealed = $3 WHERE id = $1"
);

/// What finds rows to seal.
pub static READS: [&Statement; 6] =
    [&USERS.keys, &USERS.take, &USERS.take_plain, &MESSAGES.keys, &MESSAGES.take, &MESSAGES.take_plain];

/// Looks for rows to seal, again and again. Never returns. Replicas that do the same share the rows.
pub async fn run(database: &Database) {
    loop {
        if let Err(error) = all(database, PAUSE).await {
            tracing::debug!(%error, "not everything is sealed under the current key yet");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Seals everything that is not sealed under the current key, and says how many rows that were.
///
/// # Errors
/// [`DatabaseError`] ends it; what was sealed stays so.
pub async fn all(database: &Database, pause: Duration) -> Result<usize, DatabaseError> {
    let mut sealed = 0;
    let current = database.vault().current()?;
    for table in [&USERS, &MESSAGES] {
        let keys: Vec<Option<String>> =
            database.query(&table.keys, &[]).await?.iter().map(|row| row.get("data_key")).collect();
        let others: Vec<_> = keys.into_iter().filter(|key| key.as_deref() != Some(current.as_str())).collect();
        let gauge = |count: usize| {
            let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            metrics::gauge!("data_keys_outdated", "table" => table.name).set(count);
        };
        gauge(others.len());
        for (index, key) in others.iter().enumerate() {
            loop {
                let count = batch(database, table, key.as_deref()).await?;
                sealed += count;
                metrics::counter!("rows_sealed_total", "table" => table.name).increment(count as u64);
                if count == 0 {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            tracing::info!(table = table.name, key, %current, "sealed under the current key");
            gauge(others.len() - index - 1);
        }
    }
    Ok(sealed)
}

async fn batch(database: &Database, table: &Table, key: Option<&str>) -> Result<usize, DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let rows = match key {
        Some(key) => query_in(&transaction, &table.take, &[&key, &BATCH]).await?,
        None => query_in(&transaction, &table.take_plain, &[&BATCH]).await?,
    };
    for row in &rows {
        let id: Uuid = row.get("id");
        if table.name == USERS.name {
            let (digest, email, name) = user(database, id, row)?;
            let values: [&(dyn ToSql + Sync); 5] = [&id, &email.key, &digest, &email.bytes, &name.bytes];
            query_in(&transaction, &table.write, &values).await?;
        } else {
            let vault = database.vault();
            let text = vault.seal(CHAT, id, &vault.text(CHAT, id, row)?)?;
            query_in(&transaction, &table.write, &[&id, &text.key, &text.bytes]).await?;
        }
    }
    transaction.commit().await?;
    Ok(rows.len())
}

type SealedUser = (Vec<u8>, crate::vault::Sealed, crate::vault::Sealed);

fn user(database: &Database, id: Uuid, row: &Row) -> Result<SealedUser, DatabaseError> {
    let vault = database.vault();
    let (email, name) = (vault.text(EMAIL, id, row)?, vault.text(NAME, id, row)?);
    Ok((vault.digest(EMAIL, &email)?, vault.seal(EMAIL, id, &email)?, vault.seal(NAME, id, &name)?))
}
