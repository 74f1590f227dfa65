//! A chat socket as a test client sees it.

use std::{collections::VecDeque, iter::repeat_n, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{SinkExt as _, StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::WebSocketConfig},
};

use crate::student::User;

/// How long a message is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// An open socket.
pub struct Socket {
    wire: WebSocketStream<TcpStream>,
    /// Read, and not asked for yet.
    waiting: VecDeque<Value>,
    /// The highest number seen.
    pub sequence: u64,
}

/// What a handshake says, beside the path.
#[derive(Default)]
pub struct Handshake {
    /// `Origin`.
    pub origin: Option<&'static str>,
    /// The token, as a subprotocol.
    pub token: Option<String>,
    /// The last number the client has.
    pub after: Option<u64>,
    /// Bytes that the kernel keeps for a client that does not read.
    pub receive_buffer: Option<u32>,
}

impl Socket {
    /// Opens a user's chat at an address; the token goes with the handshake.
    ///
    /// # Errors
    /// When there is no socket at that address.
    pub async fn open(address: &str, user: &User, after: Option<u64>) -> Result<Self> {
        let handshake = Handshake { token: Some(user.token.clone()), after, ..Handshake::default() };
        Self::connect(address, &user.id, handshake).await
    }

    /// Opens some chats each of users, a few at a time, and waits until all are ready.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub async fn open_all(address: &str, users: &[User], each: usize) -> Result<Vec<Self>> {
        let mut sockets: Vec<Self> = stream::iter(users.iter().flat_map(|user| repeat_n(user, each)))
            .map(|user| Self::open(address, user, Some(0)))
            .buffer_unordered(16)
            .try_collect()
            .await?;
        try_join_all(sockets.iter_mut().map(|socket| socket.expect("ready"))).await?;
        Ok(sockets)
    }

    /// Opens a chat with a handshake.
    ///
    /// # Errors
    /// When it is refused; the status is in the error's text.
    pub async fn connect(address: &str, student_id: &str, handshake: Handshake) -> Result<Self> {
        let query = handshake.after.map(|after| format!("?after={after}")).unwrap_or_default();
        let mut request = format!("ws://{address}/ws/chat/{student_id}{query}").into_client_request()?;
        let headers: &mut HeaderMap = request.headers_mut();
        if let Some(origin) = handshake.origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        if let Some(token) = &handshake.token {
            let protocols = HeaderValue::from_str(&format!("bearer, {token}"))?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
        }
        let tcp = TcpSocket::new_v4()?;
        if let Some(bytes) = handshake.receive_buffer {
            tcp.set_recv_buffer_size(bytes)?;
        }
        let connected = tcp.connect(address.parse()?).await;
        let stream = connected.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(4 * 1024);
        let (wire, response) = client_async_with_config(request, stream, Some(config)).await?;
        let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        ensure!(chosen.is_some() == handshake.token.is_some(), "{response:?}");
        Ok(Self { wire, waiting: VecDeque::new(), sequence: 0 })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        Ok(self.wire.send(Message::text(message.to_string())).await?)
    }

    /// The next message.
    ///
    /// # Errors
    /// When none comes, or the socket is closed: the code and the reason are in the error's text.
    pub async fn next(&mut self) -> Result<Value> {
        match self.waiting.pop_front() {
            Some(message) => Ok(message),
            None => self.read(Instant::now() + PATIENCE).await,
        }
    }

    /// The next message of a type; others that come before it are kept for later.
    ///
    /// # Errors
    /// As [`Socket::next`].
    pub async fn expect(&mut self, kind: &str) -> Result<Value> {
        if let Some(index) = self.waiting.iter().position(|message| message["type"] == kind) {
            return self.waiting.remove(index).context("it was there");
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = self.read(deadline).await.with_context(|| format!("waiting for {kind}"))?;
            if message["type"] == kind {
                return Ok(message);
            }
            self.waiting.push_back(message);
        }
    }

    /// Waits for the end; its code and reason.
    ///
    /// # Errors
    /// When the socket stays open, or ends without a word.
    pub async fn closed(&mut self, patience: Duration) -> Result<(u16, String)> {
        let deadline = Instant::now() + patience;
        loop {
            match timeout_at(deadline, self.wire.next()).await.context("the socket stays open")? {
                Some(Ok(Message::Close(Some(frame)))) => return Ok((frame.code.into(), frame.reason.to_string())),
                Some(Ok(_)) => {}
                other => bail!("the socket ended without a word: {other:?}"),
            }
        }
    }

    async fn read(&mut self, deadline: Instant) -> Result<Value> {
        loop {
            match timeout_at(deadline, self.wire.next()).await.context("no message came")? {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text)?;
                    let sequence = message["sequence"].as_u64().with_context(|| format!("no number: {message}"))?;
                    self.sequence = self.sequence.max(sequence);
                    return Ok(message);
                }
                Some(Ok(Message::Close(frame))) => bail!("closed: {frame:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the connection ended"),
            }
        }
    }
}
