//! Everything held on a user, read from one moment of the database and sent on as it is read.

use futures::{SinkExt as _, StreamExt as _, TryStreamExt as _, channel::mpsc, pin_mut, stream::BoxStream};
use learnflow_proto::{Struct, v1::StreamUserExportResponse};
use serde_json::{Map, Value};
use tonic::Status;
use uuid::Uuid;

use super::{Held, held};
use crate::{
    database::{Database, DatabaseError},
    vault::{CHAT, EMAIL, NAME, Place, Vault},
};

/// Most rows, and bytes, of one piece.
const ROWS: usize = 200;
const BYTES: usize = 256 * 1_024;
/// What fits into one message, with room for how Struct is written.
const WHOLE: usize = 1_024 * 1_024;
/// Columns that are no data on a person, but secrets of the service, or the sealed form of other columns.
const KEPT_BACK: [&str; 4] = ["password_hash", "token_hash", "email_digest", "data_key"];

type Piece = Result<StreamUserExportResponse, Status>;

/// All rows that are about a user, table by table. Whoever reads slowly holds a connection, not memory.
pub fn rows(database: Database, id: Uuid) -> BoxStream<'static, Piece> {
    let (mut sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(error) = send(&database, id, &mut sender).await {
            // Whoever asked may be gone.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    receiver.boxed()
}

/// The whole as one message: a list of rows per table.
///
/// # Errors
/// `RESOURCE_EXHAUSTED` when it is too much for one.
pub async fn collect(mut pieces: BoxStream<'static, Piece>) -> Result<Struct, Status> {
    let (mut tables, mut size) = (Map::new(), 0);
    while let Some(piece) = pieces.next().await {
        let StreamUserExportResponse { table, rows } = piece?;
        let list = tables.entry(table).or_insert_with(|| Value::Array(Vec::new()));
        for row in rows {
            size += row.len();
            if size > WHOLE {
                return Err(Status::resource_exhausted(
                    "too much for one message: read it as a stream, StreamUserExport",
                ));
            }
            if let (Value::Array(list), Ok(row)) = (&mut *list, serde_json::from_str(&row)) {
                list.push(row);
            }
        }
    }
    serde_json::from_value(Value::Object(tables)).map_err(|error| Status::internal(error.to_string()))
}

async fn send(database: &Database, id: Uuid, sender: &mut mpsc::Sender<Piece>) -> Result<(), DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    transaction.batch_execute("SET LOCAL statement_timeout = '120s'").await?;
    for Held { table, condition, .. } in held(&transaction).await? {
        let sql = format!("SELECT to_jsonb(t) AS row FROM \"{table}\" t WHERE {condition}");
        let rows = transaction.query_raw(sql.as_str(), [id]).await?.map_err(DatabaseError::from);
        pin_mut!(rows);
        let piece = |rows| StreamUserExportResponse { table: table.clone(), rows };
        let (mut part, mut size, mut sent) = (Vec::new(), 0, false);
        while let Some(row) = rows.try_next().await? {
            let row = readable(database.vault(), &table, row.get("row"))?.to_string();
            size += row.len();
            part.push(row);
            if part.len() >= ROWS || size >= BYTES {
                sent = true;
                size = 0;
                if sender.send(Ok(piece(std::mem::take(&mut part)))).await.is_err() {
                    return Ok(());
                }
            }
        }
        if (!part.is_empty() || !sent) && sender.send(Ok(piece(part))).await.is_err() {
            return Ok(());
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// A row as its subject may read it: opened, and without what is not theirs to know.
fn readable(vault: &Vault, table: &str, mut row: Value) -> Result<Value, DatabaseError> {
    let Some(fields) = row.as_object_mut() else { return Ok(row) };
    let id = fields.get("id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let key = fields.get("data_key").and_then(Value::as_str).map(ToOwned::to_owned);
    for place in [EMAIL, NAME, CHAT].into_iter().filter(|place| place.table == table) {
        let Place { column, .. } = place;
        let sealed = fields.remove(&format!("{column}_sealed"));
        if let (Some(id), Some(key), Some(Value::String(sealed))) = (id, &key, sealed) {
            let bytes = hex(&sealed).ok_or_else(|| DatabaseError::damaged(column))?;
            fields.insert(column.to_owned(), vault.open(place, id, key, &bytes)?.into());
        }
    }
    for column in KEPT_BACK {
        fields.remove(column);
    }
    Ok(row)
}

/// Bytes as PostgreSQL writes them into JSON: `\x` and hexadecimal digits.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
