//! One socket from its sign-in to its end.

use std::{
    future::pending,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{SinkExt as _, StreamExt as _};
use learnflow_auth::Claims;
use learnflow_sidecar::{Caller, Context, TraceContext};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    time::{Instant, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as SocketError, Message as Wire, Utf8Bytes,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    chat::{Chat, Held},
    message::{Request, problem, reply},
    stream::{Ending, Frame, Queue},
};

/// How long a socket may be open without a token.
const SIGN_IN: Duration = Duration::from_secs(5);
/// How long the first message is waited for before the stream begins: it may be where to go on.
const HOLD: Duration = Duration::from_secs(1);
/// How long a message may take to be written.
const WRITE: Duration = Duration::from_secs(10);
/// How long the farewell may take; a client that reads slowly has much before it.
const FAREWELL: Duration = Duration::from_secs(1);
const SLOW_FAREWELL: Duration = Duration::from_secs(10);
/// How often a student is noted as being there.
const NOTE_PRESENT: Duration = Duration::from_mins(1);

/// Why a socket ends.
#[derive(Debug)]
pub enum End {
    /// The client is gone, or says nothing any more.
    Gone,
    /// The client is told why.
    Close(u16, &'static str),
}

/// Close codes: those of RFC 6455 and of the IANA registry, and 44xx after the HTTP statuses.
pub const RESTART: End = End::Close(1012, "service restart: reconnect and resume");
const TOO_SLOW: u16 = 4408;
const NOT_TEXT: End = End::Close(1003, "send JSON as text");
const TOO_LARGE: End = End::Close(1009, "a message may have at most 256 KiB");
const EXPIRED: End = End::Close(4401, "the token is missing, invalid or expired: sign in again");
const NO_TOKEN: End = End::Close(4401, "no token came within 5 seconds");
const NOT_YOURS: End = End::Close(4403, "this is another user's chat");
const SLOW: End = End::Close(TOO_SLOW, "too slow: reconnect and resume");
const REPLACED: End = End::Close(4429, "more than 5 sockets: this was the oldest");
const AWAY: End = End::Close(1013, "try again later");

type Result<T, E = End> = std::result::Result<T, E>;

/// What a client says with its handshake.
pub struct Hello {
    /// Whose chat it wants.
    pub student_id: String,
    /// Its token; else the first message has it.
    pub token: Option<String>,
    /// The last number it has; else a message may say so.
    pub after: Option<u64>,
}

/// Serves a socket until it ends, for whatever reason.
pub async fn run<S>(chat: Chat, hello: Hello, mut wire: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    metrics::gauge!("websocket_sockets").increment(1.0);
    let Hello { student_id, token, after } = hello;
    let end = match sign_in(&chat, &student_id, token, &mut wire).await {
        Ok(session) => session.run(&mut wire, after).await,
        Err(end) => end,
    };
    let reason = match &end {
        End::Gone => "gone".to_owned(),
        End::Close(code, _) => code.to_string(),
    };
    metrics::counter!("websocket_ended_total", "reason" => reason).increment(1);
    if let End::Close(code, reason) = end {
        let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) };
        let farewell = async {
            if wire.close(Some(frame)).await.is_ok() {
                // Until the client has gone too: a connection cut while it sends would take the reason with it.
                let mut rest = [0; 4 * 1024];
                while let Ok(1..) = wire.get_mut().read(&mut rest).await {}
            }
        };
        let _ = timeout(if code == TOO_SLOW { SLOW_FAREWELL } else { FAREWELL }, farewell).await;
    }
    metrics::gauge!("websocket_sockets").decrement(1.0);
}

/// Reads the token from the handshake or the first message.
async fn sign_in<S>(
    chat: &Chat,
    student_id: &str,
    token: Option<String>,
    wire: &mut WebSocketStream<S>,
) -> Result<Session>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let token = match token {
        Some(token) => token,
        None => timeout(SIGN_IN, first_token(wire)).await.unwrap_or(Err(NO_TOKEN))?,
    };
    let claims = verify(chat, &token).await?;
    if claims.sub != student_id {
        return Err(NOT_YOURS);
    }
    let role = claims.role.parse().map_err(|_| EXPIRED)?;
    let caller = Caller { id: claims.sub.clone(), role };
    let held = chat.hold(student_id);
    let sequence = {
        let mut stream = held.stream.lock().await;
        stream.catch_up().await.map_err(|error| unreadable(&error))?;
        stream.sequence()
    };
    Ok(Session {
        held,
        chat: chat.clone(),
        caller,
        expires: deadline(&claims),
        sequence,
        outlet: None,
        end: Ending::default(),
    })
}

async fn first_token<S>(wire: &mut WebSocketStream<S>) -> Result<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match wire.next().await {
            Some(Ok(Wire::Text(text))) => {
                return match serde_json::from_str(&text) {
                    Ok(Request::Auth { token }) => Ok(token),
                    _ => Err(EXPIRED),
                };
            }
            Some(Ok(Wire::Ping(_) | Wire::Pong(_))) => {}
            Some(Ok(Wire::Binary(_) | Wire::Frame(_))) => return Err(NOT_TEXT),
            Some(Ok(Wire::Close(_)) | Err(_)) | None => return Err(End::Gone),
        }
    }
}

async fn verify(chat: &Chat, token: &str) -> Result<Claims> {
    match chat.keys().verify(token).await {
        Ok(Ok(claims)) if chat.is_erased(&claims.sub) => Err(EXPIRED),
        Ok(Ok(claims)) => Ok(claims),
        Ok(Err(_)) => Err(EXPIRED),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "a token cannot be checked");
            Err(AWAY)
        }
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> End {
    tracing::warn!(%error, "a stream cannot be read");
    AWAY
}

/// When a token ends, on this process's clock.
fn deadline(claims: &Claims) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_secs(claims.exp).saturating_sub(now)
}

/// A signed-in socket.
struct Session {
    chat: Chat,
    held: Held,
    caller: Caller,
    expires: Instant,
    /// The last number sent.
    sequence: u64,
    /// Its place in the student's stream, once it has one.
    outlet: Option<u64>,
    end: Ending,
}

impl Session {
    async fn run<S>(mut self, wire: &mut WebSocketStream<S>, after: Option<u64>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let end = self.serve(wire, after).await.err().unwrap_or(End::Gone);
        if let Some(outlet) = self.outlet {
            self.held.stream.lock().await.leave(outlet);
        }
        end
    }

    async fn serve<S>(&mut self, wire: &mut WebSocketStream<S>, after: Option<u64>) -> Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let every = self.chat.config().ping;
        let mut pings = interval_at(Instant::now() + every, every);
        let mut present = interval_at(Instant::now() + NOTE_PRESENT, NOTE_PRESENT);
        let begin_at = Instant::now() + HOLD;
        let mut heard = Instant::now();
        let mut queue: Option<Queue> = None;
        if after.is_some() {
            queue = Some(self.begin(wire, after).await?);
        }
        let stopping = self.chat.stopping().clone();
        loop {
            tokio::select! {
                // What ends a socket comes first, however much there is to send.
                biased;
                () = stopping.cancelled() => return Err(RESTART),
                () = self.end.slow.cancelled() => {
                    metrics::counter!("websocket_dropped_total", "reason" => "slow").increment(1);
                    return Err(SLOW);
                }
                () = self.end.replaced.cancelled() => return Err(REPLACED),
                () = sleep_until(self.expires) => return Err(EXPIRED),
                () = sleep_until(begin_at), if queue.is_none() => queue = Some(self.begin(wire, None).await?),
                _ = pings.tick() => {
                    if self.chat.is_erased(&self.caller.id) {
                        return Err(EXPIRED);
                    }
                    if heard.elapsed() > every * 2 {
                        return Err(End::Gone);
                    }
                    write(wire, Wire::Ping(bytes())).await?;
                }
                _ = present.tick() => self.chat.note_present(&self.held.id),
                frame = next(&mut queue) => {
                    let (sequence, text) = frame;
                    write(wire, Wire::Text(text)).await?;
                    self.sequence = sequence;
                }
                message = wire.next() => {
                    heard = Instant::now();
                    let text = match message {
                        Some(Ok(Wire::Text(text))) => text,
                        Some(Ok(Wire::Ping(_) | Wire::Pong(_))) => continue,
                        Some(Ok(Wire::Binary(_) | Wire::Frame(_))) => return Err(NOT_TEXT),
                        Some(Err(SocketError::Capacity(_))) => return Err(TOO_LARGE),
                        Some(Ok(Wire::Close(_)) | Err(_)) | None => return Err(End::Gone),
                    };
                    match serde_json::from_str::<Request>(&text) {
                        Ok(Request::Resume { after }) => queue = Some(self.begin(wire, Some(after)).await?),
                        Ok(request) => {
                            if queue.is_none() {
                                queue = Some(self.begin(wire, None).await?);
                            }
                            self.handle(wire, request).await?;
                        }
                        Err(error) => {
                            let status = Status::invalid_argument(format!("not a message of the chat: {error}"));
                            self.refuse(wire, None, &status).await?;
                        }
                    }
                }
            }
        }
    }

    /// Joins the student's stream: behind what the client has already, or where it stood at the sign-in.
    async fn begin<S>(&mut self, wire: &mut WebSocketStream<S>, after: Option<u64>) -> Result<Queue>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // A client that resumes in the middle says what it has: the rest is sent again from there.
        if let Some(outlet) = self.outlet.take() {
            self.held.stream.lock().await.leave(outlet);
        }
        let join = async {
            if let Some(after) = after {
                self.chat.resume(&self.held, &self.caller, after).await;
            }
            // A new client gets what has come since it signed in.
            let after = after.unwrap_or(self.sequence);
            self.chat.join(&self.held, &self.caller, after, self.end.clone()).await
        };
        let (outlet, joined) = self.context().scope(join).await.map_err(|status| unreadable(&status))?;
        self.outlet = Some(outlet);
        for (_, text) in joined.missed {
            write(wire, Wire::Text(text)).await?;
        }
        self.sequence = joined.sequence;
        let ready = json!({ "complete": joined.complete });
        write(wire, Wire::Text(reply("ready", self.sequence, ready))).await?;
        Ok(joined.queue)
    }

    async fn handle<S>(&mut self, wire: &mut WebSocketStream<S>, request: Request) -> Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match request {
            Request::Ping {} => write(wire, Wire::Text(reply("pong", self.sequence, json!({})))).await,
            Request::Auth { token } => {
                let claims = verify(&self.chat, &token).await?;
                if claims.sub != self.caller.id {
                    return Err(NOT_YOURS);
                }
                self.caller.role = claims.role.parse().map_err(|_| EXPIRED)?;
                self.expires = deadline(&claims);
                let fields = json!({ "expires_at": claims.exp });
                write(wire, Wire::Text(reply("auth", self.sequence, fields))).await
            }
            Request::Ask(ask) => {
                let id = ask.id.clone();
                let asked = self.context().scope(self.chat.ask(&self.held, &self.caller, ask)).await;
                match asked {
                    Ok(()) => Ok(()),
                    Err(status) => self.refuse(wire, Some(id), &status).await,
                }
            }
            // Joins anew; see there.
            Request::Resume { .. } => Ok(()),
        }
    }

    async fn refuse<S>(&self, wire: &mut WebSocketStream<S>, id: Option<String>, status: &Status) -> Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut fields = json!({ "problem": problem(status) });
        if let Some(id) = id {
            fields["id"] = id.into();
        }
        write(wire, Wire::Text(reply("error", self.sequence, fields))).await
    }

    fn context(&self) -> Context {
        let caller = Some(self.caller.clone());
        Context { trace: TraceContext::new(), correlation_id: Uuid::now_v7().to_string(), caller }
    }
}

/// The next message of the stream, once the socket has joined it.
async fn next(queue: &mut Option<Queue>) -> Frame {
    match queue {
        Some(queue) => match queue.recv().await {
            Some(frame) => frame,
            // The stream has ended the socket, and says why by other means.
            None => pending().await,
        },
        None => pending().await,
    }
}

async fn write<S>(wire: &mut WebSocketStream<S>, message: Wire) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(WRITE, wire.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => {
            metrics::counter!("websocket_dropped_total", "reason" => "slow").increment(1);
            Err(SLOW)
        }
    }
}

fn bytes() -> tokio_tungstenite::tungstenite::Bytes {
    tokio_tungstenite::tungstenite::Bytes::new()
}
