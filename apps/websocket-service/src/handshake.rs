//! From an HTTP request to a socket.

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::rt::TokioIo;
use learnflow_proto::v1::Problem;
use serde::Deserialize;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::{
    chat::Chat,
    socket::{self, Hello},
};

/// Most bytes of a message from a client.
const MESSAGE_LIMIT: usize = 256 * 1024;
/// Sockets are many and mostly idle: small buffers.
const BUFFER: usize = 4 * 1024;
/// The subprotocol whose second word is an access token.
const BEARER: &str = "bearer";

/// `/ws/chat/{student_id}`.
pub fn router(chat: Chat) -> Router {
    Router::new().route("/ws/chat/{student_id}", get(open)).with_state(chat)
}

/// What may be in the query.
#[derive(Deserialize)]
struct From {
    /// The last number the client has.
    after: Option<u64>,
}

async fn open(
    State(chat): State<Chat>,
    Path(student_id): Path<String>,
    Query(From { after }): Query<From>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    let Some(key) = websocket_key(headers) else {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "this path is a WebSocket, version 13");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    };
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    // Programs that are not browsers send none, and have no cookies to be misused.
    if origin.is_some_and(|origin| !chat.config().allowed_origins.iter().any(|allowed| allowed == origin)) {
        metrics::counter!("websocket_refused_total", "reason" => "origin").increment(1);
        return refusal(StatusCode::FORBIDDEN, "pages of this origin may not open sockets");
    }
    if chat.sockets().len() >= chat.config().max_sockets || chat.stopping().is_cancelled() {
        metrics::counter!("websocket_refused_total", "reason" => "full").increment(1);
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many sockets here: try again in a few seconds");
    }
    let (protocol, token) = offered(headers);

    let upgrade = hyper::upgrade::on(&mut request);
    let task = chat.clone();
    chat.sockets().spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * 1024 * 1024)
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        socket::run(task, Hello { student_id, token, after }, socket).await;
    });

    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(BEARER));
    }
    response
}

/// The key of a request that is a handshake (RFC 6455, 4.2.1).
fn websocket_key(headers: &HeaderMap) -> Option<String> {
    let has = |name, word: &str| {
        let value = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let is_handshake = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.to_str().ok()?;
    is_handshake.then(|| key.to_owned())
}

/// Whether the client offers the subprotocol "bearer", and the token that comes with it.
fn offered(headers: &HeaderMap) -> (bool, Option<String>) {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(',')).map(str::trim);
    let bearer = words.any(|word| word.eq_ignore_ascii_case(BEARER));
    (bearer, words.next().filter(|token| !token.is_empty()).map(ToOwned::to_owned))
}

fn refusal(code: StatusCode, detail: &str) -> Response {
    let problem = Problem {
        r#type: "about:blank".to_owned(),
        title: code.canonical_reason().unwrap_or("Error").to_owned(),
        status: code.as_u16().into(),
        detail: detail.to_owned(),
    };
    let mut response = (code, Json(problem)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-039: the token comes as the word behind "bearer", in one header or two.
    #[test]
    fn tokens_come_as_a_subprotocol() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values.iter().map(|value| (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value))).collect()
        };
        let token = |token: &str| (true, Some(token.to_owned()));
        let mut two = headers(&["bearer"]);
        two.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("a.b.c"));
        assert_eq!(offered(&headers(&["bearer, a.b.c"])), token("a.b.c"));
        assert_eq!(offered(&two), token("a.b.c"));
        assert_eq!(offered(&headers(&["bearer"])), (true, None));
        assert_eq!(offered(&headers(&["graphql-ws"])), (false, None));
        assert_eq!(offered(&HeaderMap::new()), (false, None));
    }
}
