use std::convert::Infallible;

use axum::{
    http::{HeaderMap, HeaderValue, header::ACCEPT},
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
};
use futures::StreamExt as _;
use learnflow_proto::v1::{ExecuteRequest, ExecuteStreamRequest, execute_stream_response::Event};
use serde_json::json;
use tonic::{Request, metadata::MetadataValue};

use super::Client;
use crate::problem::Problem;

/// Whether the client prefers events to one answer.
pub fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok());
    let mut kinds = accepted.flat_map(|accepted| accepted.split(','));
    kinds.any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Runs a program and sends its output as it comes. A client that leaves ends the program.
pub async fn events(mut execution: Client, program: ExecuteRequest) -> Response {
    let mut request = Request::new(ExecuteStreamRequest { program: Some(program) });
    // Dapr passes a stream on as it comes, and never sends it again.
    request.metadata_mut().insert("dapr-stream", MetadataValue::from_static("true"));
    let events = match execution.execute_stream(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Problem::from(status).into_response(),
    };
    let events = events.filter_map(async |event| {
        let (name, data) = match event.map(|event| event.event) {
            Ok(Some(Event::Stdout(text))) => ("stdout", json!({ "text": text })),
            Ok(Some(Event::Stderr(text))) => ("stderr", json!({ "text": text })),
            Ok(Some(Event::Result(result))) => ("result", serde_json::to_value(result).ok()?),
            Ok(None) => return None,
            Err(status) => ("problem", serde_json::to_value(Problem::from(status)).ok()?),
        };
        SseEvent::default().event(name).json_data(data).ok()
    });
    let mut response = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default()).into_response();
    // Proxies must pass each event on as it comes.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
