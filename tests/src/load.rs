//! Load on a question endpoint: closed loop (as many connections as asked for, each busy) and open loop (a fixed rate,
//! latency counted from the scheduled instant, so that a slow server cannot hide behind a waiting generator).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::sleep_until};

/// A request to send: who and what.
#[derive(Clone)]
pub struct Question {
    /// Access token.
    pub token: String,
    /// JSON body.
    pub body: String,
}

/// What a load gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Sorted, in milliseconds.
    pub latencies: Vec<f64>,
    /// Responses other than 200, and none.
    pub errors: usize,
    /// Bodies of the 200s, when asked for.
    pub bodies: Vec<Bytes>,
    /// From the first request to the last response.
    pub seconds: f64,
}

impl Outcome {
    /// Answers per second.
    #[allow(clippy::cast_precision_loss, reason = "counts of a load are small")]
    pub fn rate(&self) -> f64 {
        (self.latencies.len() - self.errors) as f64 / self.seconds
    }

    /// A quantile of the latencies, in milliseconds.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quantile(&self, quantile: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((quantile * last as f64) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// One connection to the server under load.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_owned() })
    }

    async fn ask(&mut self, question: &Question, headers: &[(&'static str, &'static str)]) -> Result<(u16, Bytes)> {
        let mut request = Request::post("/api/v1/query")
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", question.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Full::from(question.body.clone()))?).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// Keeps `connections` busy for `length`.
///
/// # Errors
/// When the server cannot be reached at all.
pub async fn closed(
    address: &str,
    questions: &Arc<[Question]>,
    connections: usize,
    length: Duration,
) -> Result<Outcome> {
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for (worker, mut connection) in opened.into_iter().enumerate() {
        let (address, questions) = (address.to_owned(), questions.clone());
        workers.spawn(async move {
            let mut latencies = Vec::new();
            let mut errors = 0;
            let mut next = worker;
            while begun.elapsed() < length {
                next += connections;
                let sent = Instant::now();
                match connection.ask(&questions[next % questions.len()], &[]).await {
                    Ok((200, _)) => {}
                    Ok(_) => errors += 1,
                    Err(_) => {
                        errors += 1;
                        connection = Connection::open(&address).await?;
                    }
                }
                latencies.push(milliseconds(sent));
            }
            anyhow::Ok((latencies, errors))
        });
    }
    let mut outcome = Outcome::default();
    for result in workers.join_all().await {
        let (latencies, errors) = result?;
        outcome.latencies.extend(latencies);
        outcome.errors += errors;
    }
    outcome.seconds = begun.elapsed().as_secs_f64();
    outcome.latencies.sort_by(f64::total_cmp);
    Ok(outcome)
}

/// Sends every question once, `rate` a second, waiting up to 30 s for each answer.
///
/// # Errors
/// When the server cannot be reached at all.
pub async fn open(address: &str, questions: &[Question], rate: u32) -> Result<Outcome> {
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let begun = Instant::now() + Duration::from_millis(50);
    let mut requests = JoinSet::new();
    for (index, question) in questions.iter().enumerate() {
        let due = begun + Duration::from_secs(1) * u32::try_from(index)? / rate;
        sleep_until(due.into()).await;
        let (address, question, idle) = (address.to_owned(), question.clone(), idle.clone());
        requests.spawn(async move {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match taken {
                Some(connection) => connection,
                None => Connection::open(&address).await?,
            };
            let (status, body) = connection.ask(&question, &[("prefer", "wait=30")]).await?;
            let latency = milliseconds(due);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            anyhow::Ok((status, body, latency))
        });
    }
    let mut outcome = Outcome::default();
    for result in requests.join_all().await {
        match result {
            Ok((200, body, latency)) => {
                outcome.latencies.push(latency);
                outcome.bodies.push(body);
            }
            Ok((_, _, latency)) => {
                outcome.latencies.push(latency);
                outcome.errors += 1;
            }
            Err(_) => {
                outcome.latencies.push(f64::INFINITY);
                outcome.errors += 1;
            }
        }
    }
    outcome.seconds = begun.elapsed().as_secs_f64();
    outcome.latencies.sort_by(f64::total_cmp);
    Ok(outcome)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
