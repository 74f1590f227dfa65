//! Refusals that reach their client.
//!
//! A request can be refused before its body was read. The connection would then close with bytes unread, which TCP
//! answers with a reset, and a reset discards what the client has received but not yet read: the refusal. So the rest of
//! the body is read first, within limits (RFC 9112, section 9.6, asks the same of a server that closes).

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{Version, header::EXPECT},
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// How long, and how many bytes, a refused client may go on sending.
const TIME: Duration = Duration::from_secs(2);
const BYTES: usize = 4 * 1024 * 1024;

/// Around every request.
pub async fn linger(request: Request, next: Next) -> Response {
    // HTTP/2 refuses a stream without closing its connection; who expects 100 has not begun to send.
    let closes = request.version() <= Version::HTTP_11 && !request.headers().contains_key(EXPECT);
    if !closes || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let mut rest = None;
    let request = request.map(|body| {
        let shared = Shared(Arc::new(Mutex::new(body)));
        Body::new(rest.insert(shared).clone())
    });
    let response = next.run(request).await;
    let refused = !response.status().is_success() || response.headers().contains_key("grpc-status");
    if let Some(rest) = rest.filter(|_| refused) {
        let _ = timeout(TIME, discard(Body::new(rest))).await;
    }
    response
}

async fn discard(body: Body) {
    let mut pieces = body.into_data_stream();
    let mut left = BYTES;
    while let Some(Ok(piece)) = pieces.next().await {
        let Some(after) = left.checked_sub(piece.len()) else { return };
        left = after;
    }
}

/// A body that the handler reads, or drops, and that can be read on afterwards.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{SocketAddr, TcpStream},
    };

    use axum::{Router, http::StatusCode, middleware, routing::post};

    use super::*;

    /// A request whose body takes its time, and all that comes back until the connection closes.
    fn send(address: SocketAddr) -> std::io::Result<String> {
        let body = vec![b'x'; 1024 * 1024];
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
        for half in body.chunks(body.len() / 2) {
            stream.write_all(half)?;
            // The server has refused by now; and whoever is slow to read finds only what a reset left.
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// FR-001: a refusal arrives, also where the body had not been read.
    #[tokio::test(flavor = "multi_thread")]
    async fn refusals_arrive() {
        let router =
            Router::new().route("/", post(|| async { StatusCode::UNAUTHORIZED })).layer(middleware::from_fn(linger));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        for _ in 0..20 {
            let answer = tokio::task::spawn_blocking(move || send(address)).await.unwrap();
            assert!(answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 401 ")), "{answer:?}");
        }
    }
}
