use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    ApiKey, Backoff, Breaker, Call, Failure, ModelConfig, Permit, State, Usage,
    client::{Chunk, Client},
    key::Held,
};

/// A try needs this much time at least to be worth beginning.
const SHORTEST_TRY: Duration = Duration::from_millis(500);
/// How long the count of tokens may take after the last word.
const AFTERWORD: Duration = Duration::from_millis(300);
/// Bytes in a token, about, where the endpoint doesn't count.
const BYTES_PER_TOKEN: u64 = 4;
/// The longest that an endpoint may ask to be left alone.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// The model behind its limits: time, retries, a circuit breaker, checks. Cheap to clone.
#[derive(Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

struct Inner {
    config: ModelConfig,
    client: Client,
    key: ApiKey,
    /// The version of the key that the breaker's memory belongs to.
    key_version: AtomicU64,
    breaker: Mutex<Breaker>,
}

impl Model {
    /// A model that nothing is known about yet.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the machine has no usable TLS.
    pub fn new(config: ModelConfig, key: ApiKey) -> Result<Self, Failure> {
        let client = Client::new(config.base_url.clone())?;
        let breaker = Mutex::new(Breaker::new(config.breaker));
        let inner = Inner { config, client, key, key_version: AtomicU64::new(0), breaker };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its settings.
    pub fn config(&self) -> &ModelConfig {
        &self.inner.config
    }

    /// Whether it can be asked at all: there is a key.
    pub fn is_configured(&self) -> bool {
        self.inner.key.is_known()
    }

    /// Where its circuit breaker stands.
    pub fn breaker(&self) -> State {
        self.breaker_mut().state(Instant::now())
    }

    /// Has it written, as often as it takes within [`ModelConfig::budget`]. `draft` follows the text while it is written;
    /// a new try begins again with an empty one. What all tries cost is added to `usage`.
    ///
    /// # Errors
    /// [`Failure`], the last try's.
    pub async fn write(
        &self,
        call: &Call,
        draft: &watch::Sender<String>,
        usage: &mut Usage,
    ) -> Result<String, Failure> {
        let config = &self.inner.config;
        let end = Instant::now() + config.budget;
        let mut backoff = Backoff::new(config.pauses.clone());
        let mut key_read_again = false;
        loop {
            let held = self.inner.key.held();
            let left = end.saturating_duration_since(Instant::now());
            let failure = match self.attempt(call, &held, left, draft, usage).await {
                Ok(text) => return Ok(text),
                Err(failure) => failure,
            };
            draft.send_replace(String::new());
            if failure == Failure::Unauthorized && !key_read_again {
                key_read_again = true;
                if self.inner.key.refused(held.version).await {
                    continue;
                }
            }
            if !failure.is_transient() {
                return Err(failure);
            }
            let asked = if let Failure::RateLimited { after } = &failure { *after } else { None };
            let left = end.saturating_duration_since(Instant::now());
            match backoff.next(left, SHORTEST_TRY, asked, rand::random()) {
                Some(pause) => sleep(pause).await,
                None => return Err(failure),
            }
        }
    }

    /// One call, if the breaker allows it, with its metrics.
    async fn attempt(
        &self,
        call: &Call,
        held: &Held,
        left: Duration,
        draft: &watch::Sender<String>,
        usage: &mut Usage,
    ) -> Result<String, Failure> {
        let Some(key) = held.key.clone() else { return Err(Failure::NoKey) };
        if self.inner.key_version.swap(held.version, Ordering::Relaxed) != held.version {
            self.breaker_mut().reset();
        }
        let Some(permit) = self.breaker_mut().acquire(Instant::now()) else { return Err(Failure::BreakerOpen) };
        // If the caller goes away, the permit goes back.
        let mut permit = Leave { model: self, permit: Some(permit) };
        let model = self.inner.config.model(call.tier).to_owned();
        let begun = Instant::now();
        let mut counted = Usage::default();
        let writing = self.stream(call, key, &model, draft, &mut counted);
        let result = timeout(self.inner.config.timeout.min(left), writing).await;
        let result = result.unwrap_or(Err(Failure::Timeout("the whole answer"))).and_then(|text| {
            let checked = call.guard.check(&text);
            checked.map(|()| text).map_err(Failure::Rejected)
        });
        permit.end(result.as_ref().err());
        let outcome = result.as_ref().map_or_else(Failure::word, |_| "ok");
        metrics::counter!("model_calls_total", "model" => model.clone(), "outcome" => outcome).increment(1);
        metrics::histogram!("model_call_seconds", "model" => model.clone(), "outcome" => outcome)
            .record(begun.elapsed());
        self.charge(&model, counted);
        usage.input += counted.input;
        usage.output += counted.output;
        result
    }

    /// Reads the stream to its end.
    async fn stream(
        &self,
        call: &Call,
        key: secrecy::SecretString,
        model: &str,
        draft: &watch::Sender<String>,
        usage: &mut Usage,
    ) -> Result<String, Failure> {
        let config = &self.inner.config;
        let begun = Instant::now();
        let silence = Err(Failure::Timeout("the next word"));
        let opening = self.inner.client.open(key, model, config.max_tokens, call);
        let mut chunks = timeout(config.idle, opening).await.unwrap_or(Err(Failure::Timeout("the first word")))?;
        // From here on the endpoint counts what was sent.
        usage.input = estimate(call.system.len() + call.user.len());
        let mut text = String::new();
        let mut finished = None;
        loop {
            let patience = if finished.is_some() { config.idle.min(AFTERWORD) } else { config.idle };
            let chunk = match timeout(patience, chunks.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                // All that was missing is the bill.
                Ok(_) | Err(_) if finished.is_some() => break,
                Ok(None) => return Err(Failure::Unavailable("the stream ended too early".to_owned())),
                Ok(Some(Err(failure))) => return Err(failure),
                Err(_) => return silence,
            };
            let Chunk { choices, usage: reported, error } = chunk;
            if error.is_some() {
                return Err(Failure::Unavailable("it reported an error in its stream".to_owned()));
            }
            if let Some(reported) = reported {
                *usage = Usage { input: reported.prompt_tokens, output: reported.completion_tokens };
            }
            let Some(choice) = choices.into_iter().next() else { continue };
            if choice.delta.refusal.is_some_and(|refusal| !refusal.is_empty()) {
                return Err(Failure::Rejected("the model declines"));
            }
            finished = choice.finish_reason.or(finished);
            let Some(new) = choice.delta.content.filter(|content| !content.is_empty()) else { continue };
            if text.is_empty() {
                metrics::histogram!("model_first_token_seconds", "model" => model.to_owned()).record(begun.elapsed());
            }
            let checked = text.len();
            text.push_str(&new);
            if reported.is_none() {
                usage.output = estimate(text.len());
            }
            call.guard.check_part(&text, checked).map_err(Failure::Rejected)?;
            if call.guard.may_stream() && call.shape == crate::Shape::Markdown {
                draft.send_modify(|draft| draft.push_str(&new));
            }
        }
        match finished.as_deref() {
            Some("length") => Err(Failure::Rejected("it is cut off at the longest answer")),
            Some("content_filter") => Err(Failure::Rejected("the endpoint's filter cut it off")),
            _ => Ok(text),
        }
    }

    fn charge(&self, model: &str, usage: Usage) {
        for (direction, tokens) in [("in", usage.input), ("out", usage.output)] {
            metrics::counter!("model_tokens_total", "model" => model.to_owned(), "direction" => direction)
                .increment(tokens);
        }
        if let Some(price) = self.inner.config.prices.get(model) {
            // Dollars per million tokens are millionths of a dollar per token.
            let cost = precise(usage.input) * price.input + precise(usage.output) * price.output;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a price is never negative")]
            metrics::counter!("model_cost_microdollars_total", "model" => model.to_owned())
                .increment(cost.round() as u64);
        }
    }

    fn breaker_mut(&self) -> MutexGuard<'_, Breaker> {
        self.inner.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report_breaker(&self) {
        let state = match self.breaker() {
            State::Closed => 0.0,
            State::HalfOpen => 1.0,
            State::Open => 2.0,
        };
        metrics::gauge!("model_breaker_state").set(state);
    }
}

/// A permit that is given back, also by a caller that goes away.
struct Leave<'a> {
    model: &'a Model,
    permit: Option<Permit>,
}

impl Leave<'_> {
    fn end(&mut self, failure: Option<&Failure>) {
        let Some(permit) = self.permit.take() else { return };
        let before = self.model.breaker();
        {
            let mut breaker = self.model.breaker_mut();
            match failure {
                Some(failure) if failure.is_the_endpoints() => {
                    let config = &self.model.inner.config;
                    // A rest that a caller can wait for is no reason to keep others away.
                    let rest = match failure {
                        Failure::RateLimited { after: Some(after) } if *after > config.budget => Some(*after),
                        _ => None,
                    };
                    breaker.failed(&permit, Instant::now(), rest.map(|rest| rest.min(LONGEST_REST)));
                }
                _ => breaker.succeeded(&permit),
            }
        }
        let after = self.model.breaker();
        if before != after {
            tracing::warn!(from = ?before, to = ?after, reason = failure.map(Failure::word), "the model's breaker");
        }
        self.model.report_breaker();
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.model.breaker_mut().abandoned(&permit, Instant::now());
        }
    }
}

fn estimate(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

#[expect(clippy::cast_precision_loss, reason = "tokens of one call are few")]
fn precise(count: u64) -> f64 {
    count as f64
}
