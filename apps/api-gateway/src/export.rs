//! `GET /users/{id}/export`: everything held on a user as one JSON object, sent on while it is read.

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use learnflow_proto::v1::{
    ExportUserRequest, StreamUserExportRequest, StreamUserExportResponse, user_service_client::UserServiceClient,
};
use learnflow_sidecar::AppChannel;
use tonic::{Request, metadata::MetadataValue};

use crate::problem::Problem;

/// Answers with a list of rows per table. An export that breaks off ends the connection: half of one must not look whole.
pub async fn stream(mut users: UserServiceClient<AppChannel>, request: ExportUserRequest) -> Response {
    let mut request = Request::new(StreamUserExportRequest { id: request.id });
    // Dapr passes a stream on as it comes, and never sends it again.
    request.metadata_mut().insert("dapr-stream", MetadataValue::from_static("true"));
    let pieces = match users.stream_user_export(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Problem::from(status).into_response(),
    };
    let mut json = Object::default();
    let body = pieces.map(Some).chain(stream::iter([None])).map(move |piece| match piece {
        Some(Ok(piece)) => Ok(Bytes::from(json.add(&piece))),
        Some(Err(status)) => Err(std::io::Error::other(status)),
        None => Ok(Bytes::from(json.end())),
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"learnflow-export.json\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// Puts an object of lists together, a piece at a time.
#[derive(Default)]
struct Object {
    table: Option<String>,
    rows: usize,
}

impl Object {
    fn add(&mut self, piece: &StreamUserExportResponse) -> String {
        let mut json = String::new();
        if self.table.as_ref() != Some(&piece.table) {
            json.push_str(if self.table.is_none() { "{" } else { "]," });
            json.push_str(&serde_json::Value::from(piece.table.as_str()).to_string());
            json.push_str(":[");
            (self.table, self.rows) = (Some(piece.table.clone()), 0);
        }
        for row in &piece.rows {
            if self.rows > 0 {
                json.push(',');
            }
            json.push_str(row);
            self.rows += 1;
        }
        json
    }

    fn end(&mut self) -> String {
        if self.table.is_none() { "{}" } else { "]}" }.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// FR-041: whatever the pieces, the export is one JSON object with a list per table.
    #[test]
    fn pieces_make_one_object() {
        let piece = |table: &str, rows: &[&str]| StreamUserExportResponse {
            table: table.to_owned(),
            rows: rows.iter().map(ToString::to_string).collect(),
        };
        let mut object = Object::default();
        let pieces = [
            piece("users", &["{\"id\":1}"]),
            piece("alerts", &[]),
            piece("facts", &["{}", "{}"]),
            piece("facts", &["{}"]),
        ];
        let mut text: String = pieces.iter().map(|piece| object.add(piece)).collect();
        text.push_str(&object.end());
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, json!({ "users": [{ "id": 1 }], "alerts": [], "facts": [{}, {}, {}] }));
        assert_eq!(Object::default().end(), "{}");
    }
}
