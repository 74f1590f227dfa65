//! When a child counts as ready: it answers in its own protocol.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

const PAUSE: Duration = Duration::from_millis(50);
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// How to ask a child whether it is ready.
#[derive(Debug, Clone)]
pub(crate) enum Ready {
    /// An HTTP URL answers with success.
    Http { url: String },
    /// Redis answers PING for this password (it refuses while it loads its data).
    Redis { port: u16, password: String },
    /// Kafka answers which API versions it speaks: its request handlers run.
    Kafka { port: u16 },
    /// PostgreSQL accepts connections (recovery is over).
    Postgres { pg_isready: PathBuf, port: u16 },
}

impl Ready {
    /// Returns when the child is ready, however long that takes.
    pub(crate) async fn wait(&self) {
        // A client of its own for each wait: a pooled connection could outlive the process that was asked.
        let http = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        while timeout(PROBE_LIMIT, self.probe(&http)).await != Ok(true) {
            sleep(PAUSE).await;
        }
    }

    async fn probe(&self, http: &reqwest::Client) -> bool {
        match self {
            Self::Http { url } => http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()),
            Self::Redis { port, password } => {
                let request = format!("AUTH {password}\r\nPING\r\n");
                exchange(*port, request.as_bytes(), b"+OK\r\n+PONG\r\n".len())
                    .await
                    .is_some_and(|answer| answer == b"+OK\r\n+PONG\r\n")
            }
            Self::Kafka { port } => {
                // Size, ApiVersions (18) version 0, correlation id 1, no client id.
                let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
                // Size, the same correlation id, no error.
                exchange(*port, &request, 10).await.is_some_and(|answer| answer[4..] == [0, 0, 0, 1, 0, 0])
            }
            Self::Postgres { pg_isready, port } => {
                let mut command = Command::new(pg_isready);
                command.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()]);
                command.status().await.is_ok_and(|status| status.success())
            }
        }
    }
}

async fn exchange(port: u16, request: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.ok()?;
    Some(answer)
}
