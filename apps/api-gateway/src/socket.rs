//! Where no ingress does it, as in a local run: chat sockets are passed on to websocket-service, byte by byte. Dapr's
//! invocation cannot upgrade a connection, so this is the one call that does not go through the sidecar; websocket-service
//! checks token and origin itself.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{client::conn::http1, upgrade};
use hyper_util::rt::TokioIo;
use tokio::{io::copy_bidirectional, net::TcpStream, time::timeout};

use crate::{gateway::Gateway, problem::Problem};

/// How long a replica may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Which replica is tried first, in turns.
static TURN: AtomicUsize = AtomicUsize::new(0);

pub fn router(gateway: Gateway) -> Router {
    Router::new().route("/ws/{*path}", get(pass_on)).with_state(gateway)
}

async fn pass_on(State(gateway): State<Gateway>, mut request: Request) -> Response {
    let asks_for_it =
        request.headers().get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !asks_for_it {
        return Problem::new(StatusCode::UPGRADE_REQUIRED, "this path is a WebSocket").into_response();
    }
    let Some(stream) = connect(&gateway.config().websocket_addresses).await else {
        return Problem::from(tonic::Status::unavailable("no replica of websocket-service answers")).into_response();
    };
    let client_side = upgrade::on(&mut request);
    match handshake(stream, request).await {
        Ok(mut response) => {
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                let service_side = upgrade::on(&mut response);
                let stopping = gateway.stopping().clone();
                tokio::spawn(async move {
                    let Ok((client, service)) = tokio::try_join!(client_side, service_side) else { return };
                    let (mut client, mut service) = (TokioIo::new(client), TokioIo::new(service));
                    tokio::select! {
                        // Either end may go without a word.
                        _ = copy_bidirectional(&mut client, &mut service) => {}
                        () = stopping.cancelled() => {}
                    }
                });
            }
            response.map(Body::new)
        }
        Err(error) => {
            tracing::warn!(%error, "websocket-service did not answer a handshake");
            Problem::from(tonic::Status::unavailable("websocket-service did not answer")).into_response()
        }
    }
}

/// Repeats the client's handshake.
async fn handshake(stream: TcpStream, request: Request) -> hyper::Result<hyper::Response<hyper::body::Incoming>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let (mut parts, _) = request.into_parts();
    // The extensions hold the client's connection.
    parts.extensions.clear();
    if parts.headers.get(header::HOST).is_none() {
        parts.headers.insert(header::HOST, HeaderValue::from_static("websocket-service"));
    }
    sender.send_request(hyper::Request::from_parts(parts, Body::empty())).await
}

async fn connect(addresses: &[String]) -> Option<TcpStream> {
    let first = TURN.fetch_add(1, Ordering::Relaxed);
    for index in 0..addresses.len() {
        let address = addresses.get((first.wrapping_add(index)) % addresses.len())?;
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Some(stream);
            }
            Ok(Err(error)) => tracing::warn!(address, %error, "a replica of websocket-service cannot be reached"),
            Err(_) => tracing::warn!(address, "a replica of websocket-service does not accept connections"),
        }
    }
    None
}
