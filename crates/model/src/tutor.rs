use std::{
    collections::HashSet,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use learnflow_proto::{
    now,
    v1::{Answer, Question},
};
use learnflow_sidecar::{Context, Sidecar};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::{
    ApiKey, Call, Failure, Model, ModelConfig, Parts, Reply, ReplyError, Shape, Store, Usage,
    cache::{Cache, CacheKey, Cached},
    flights::Flights,
};

/// How long a day's count of a student's tokens is kept.
const COUNT_KEPT: Duration = Duration::from_hours(48);

/// What an agent wants answered.
pub struct Task {
    /// As in [`Answer::agent`].
    pub agent: &'static str,
    /// What the model is to write, see [`crate::Prompt::call`].
    pub call: Call,
    /// The topic id it is about; empty if none is known.
    pub topic: String,
    /// The level to write for.
    pub level: String,
    /// Set when the answer is the same for everybody: nothing of a student's is in the call.
    pub cache: Option<CacheKey>,
    /// How long the caller waits for the model; its budget unless set.
    pub patience: Option<Duration>,
}

/// Answers through the model where there is one, and says who wrote each answer.
///
/// The order is: an answer written before, the model, an older answer, the built-in tutor. Cheap to clone.
#[derive(Clone)]
pub struct ModelTutor {
    model: Model,
    topics: Arc<HashSet<String>>,
    cache: Cache,
    store: Arc<dyn Store>,
    flights: Arc<Flights<Result<(Composed, Origin), Failure>>>,
}

/// What is in an answer, whoever wrote it.
#[derive(Clone)]
struct Composed {
    markdown: String,
    topic: String,
    hints: Vec<String>,
}

/// Who wrote it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Model,
    Cache,
}

impl ModelTutor {
    /// With the key, the cache and the counters behind the app's sidecar; reads the key from now on. `topics` are the ids
    /// that the model may name.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the machine has no usable TLS.
    pub fn start(
        sidecar: &Sidecar,
        topics: impl IntoIterator<Item = String>,
        config: ModelConfig,
    ) -> Result<Self, Failure> {
        let key = ApiKey::of(sidecar.clone());
        tokio::spawn(key.clone().keep_fresh(config.key_age));
        Ok(Self::new(Model::new(config, key)?, topics, Arc::new(sidecar.clone())))
    }

    /// With a model and a store of any kind.
    pub fn new(model: Model, topics: impl IntoIterator<Item = String>, store: Arc<dyn Store>) -> Self {
        let topics = Arc::new(topics.into_iter().collect());
        Self { model, topics, cache: Cache::new(store.clone()), store, flights: Arc::new(Flights::new()) }
    }

    /// Whether the model can be asked. If not, preparing a [`Task`] is in vain.
    pub fn is_configured(&self) -> bool {
        self.model.is_configured()
    }

    /// The model behind it.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Answers a question: always, by `builtin` if need be. `parts` gets the text while the model writes it.
    pub async fn answer(
        &self,
        question: &Question,
        task: Task,
        parts: Option<Parts>,
        builtin: impl FnOnce() -> Answer,
    ) -> Answer {
        let agent = task.agent;
        let level = task.level.clone();
        let patience = task.patience;
        let composing = self.compose(question, task, parts);
        let composed = match patience {
            None => composing.await,
            // What everybody can use is written to its end nevertheless.
            Some(patience) => {
                tokio::time::timeout(patience, composing).await.unwrap_or(Err(Failure::Timeout("the whole answer")))
            }
        };
        let answer = match composed {
            Ok((composed, origin)) => Answer {
                request_id: question.request_id.clone(),
                agent: agent.to_owned(),
                source: if origin == Origin::Model { "model" } else { "cache" }.to_owned(),
                topic: composed.topic,
                level,
                markdown: composed.markdown,
                hints: composed.hints,
                review: None,
                exercise: None,
                created_at: Some(now()),
            },
            Err(failure) => {
                log(&failure, agent);
                builtin()
            }
        };
        metrics::counter!("answers_total", "agent" => agent, "source" => answer.source.clone()).increment(1);
        answer
    }

    /// Has something written as JSON ([`Shape::Json`]) for a student: what is to go into an answer. Repaired if need be,
    /// read as a `T`, and checked: `shown` gives what of it the student gets to read. Nothing if the model cannot be asked
    /// or what it wrote is of no use; why is logged.
    pub async fn structured<T: DeserializeOwned>(
        &self,
        agent: &'static str,
        student_id: &str,
        call: &Call,
        patience: Duration,
        shown: impl Fn(&T) -> String,
    ) -> Option<T> {
        if !self.model.is_configured() {
            return None;
        }
        let (draft, _) = watch::channel(String::new());
        let writing = async {
            let text = self.text(student_id, call, &draft).await?;
            let value: T = crate::reply::read(&text).map_err(refused)?;
            call.guard.check(&shown(&value)).map_err(Failure::Rejected)?;
            Ok(value)
        };
        let written = tokio::time::timeout(patience, writing).await;
        match written.unwrap_or(Err(Failure::Timeout("the whole answer"))) {
            Ok(value) => Some(value),
            Err(failure) => {
                log(&failure, agent);
                None
            }
        }
    }

    async fn compose(
        &self,
        question: &Question,
        task: Task,
        parts: Option<Parts>,
    ) -> Result<(Composed, Origin), Failure> {
        if !self.model.is_configured() {
            return Err(Failure::NoKey);
        }
        let student_id = question.student_id.clone();
        let Some(key) = task.cache.clone() else {
            let (writer, draft) = watch::channel(String::new());
            return self.following(parts, draft, self.written(&student_id, &task, &writer)).await;
        };
        if let Some(cached) = self.cache.hot(&key) {
            count_cache("hot");
            return Ok((task.cached(cached), Origin::Cache));
        }
        let (tutor, name) = (self.clone(), key.as_str().to_owned());
        let (flight, began) = self.flights.join(&name, |writer| {
            let context = Context::current();
            context.scope(async move { tutor.explained(&student_id, &key, &task, &writer).await })
        });
        let draft = flight.draft.clone();
        let ending = async { flight.end().await.unwrap_or(Err(Failure::Unavailable("the work was lost".to_owned()))) };
        let (composed, origin) = self.following(parts, draft, ending).await?;
        // Written for one, it comes from the cache for those who waited beside.
        Ok((composed, if began { origin } else { Origin::Cache }))
    }

    async fn following<T>(
        &self,
        parts: Option<Parts>,
        draft: watch::Receiver<String>,
        work: impl Future<Output = T>,
    ) -> T {
        match parts {
            Some(mut parts) => parts.follow(draft, work).await,
            None => work.await,
        }
    }

    /// An explanation for everybody: from the cache, from the model, or an older one.
    async fn explained(
        &self,
        student_id: &str,
        key: &CacheKey,
        task: &Task,
        draft: &watch::Sender<String>,
    ) -> Result<(Composed, Origin), Failure> {
        if let Some(cached) = self.cache.hot(key) {
            count_cache("hot");
            return Ok((task.cached(cached), Origin::Cache));
        }
        let stored = self.cache.stored(key).await;
        if let Some(cached) = stored.as_ref().filter(|cached| cached.is_fresh()) {
            count_cache("hit");
            return Ok((task.cached(cached.clone()), Origin::Cache));
        }
        match self.written(student_id, task, draft).await {
            Ok((composed, origin)) => {
                count_cache("miss");
                self.cache.keep(key, &Cached::new(composed.markdown.clone())).await;
                Ok((composed, origin))
            }
            Err(failure) => match stored {
                Some(older) => {
                    count_cache("stale");
                    tracing::warn!(%failure, "an older explanation answers");
                    Ok((task.cached(older), Origin::Cache))
                }
                None => Err(failure),
            },
        }
    }

    /// What the model answers a student.
    async fn written(
        &self,
        student_id: &str,
        task: &Task,
        draft: &watch::Sender<String>,
    ) -> Result<(Composed, Origin), Failure> {
        let text = self.text(student_id, &task.call, draft).await?;
        let composed = match task.call.shape {
            Shape::Markdown => Composed { markdown: text, topic: task.topic.clone(), hints: Vec::new() },
            Shape::Reply => self.reply(task, &text)?,
            Shape::Json(_) => return Err(Failure::Rejected("it is not an answer by itself")),
        };
        Ok((composed, Origin::Model))
    }

    /// What the model writes for a student, within the student's tokens for today.
    async fn text(&self, student_id: &str, call: &Call, draft: &watch::Sender<String>) -> Result<String, Failure> {
        let limit = self.model.config().student_tokens;
        let count_key = count_key(student_id);
        // Before the first call, a store that is slow would delay the answer for nothing if there is no limit.
        let used = if limit == 0 { 0 } else { self.count(&count_key).await };
        if limit > 0 && used >= limit {
            return Err(Failure::StudentBudget);
        }
        let begun = Instant::now();
        let mut usage = Usage::default();
        let written = self.model.write(call, draft, &mut usage).await;
        tracing::debug!(milliseconds = begun.elapsed().as_millis(), written = written.is_ok(), "the model was asked");
        let Usage { input, output } = usage;
        if limit > 0 && input + output > 0 {
            // Last write wins, and others of the student's may have been written meanwhile: read again, hardly any is lost.
            let used = self.count(&count_key).await.max(used);
            self.store.set(&count_key, (used + input + output).into(), COUNT_KEPT).await;
        }
        written
    }

    fn reply(&self, task: &Task, text: &str) -> Result<Composed, Failure> {
        let reply = Reply::parse(text).map_err(refused)?;
        // As JSON, code is in disguise: what is shown is checked again, undisguised.
        task.call.guard.check(&reply.shown()).map_err(Failure::Rejected)?;
        let known = self.topics.contains(&reply.topic);
        let topic = if task.topic.is_empty() && known { reply.topic } else { task.topic.clone() };
        Ok(Composed { markdown: reply.markdown, topic, hints: reply.hints })
    }

    async fn count(&self, key: &str) -> u64 {
        self.store.get(key).await.and_then(|count| count.as_u64()).unwrap_or_default()
    }
}

impl Task {
    fn cached(&self, cached: Cached) -> Composed {
        Composed { markdown: cached.markdown, topic: self.topic.clone(), hints: Vec::new() }
    }
}

/// Says why the model did not write: neither the question nor what it wrote, only what kind of failure it was.
fn log(failure: &Failure, agent: &'static str) {
    let correlation_id = Context::current().correlation_id;
    match failure {
        Failure::NoKey => {}
        // Said when it began.
        Failure::BreakerOpen => tracing::debug!(agent, correlation_id, "the built-in tutor answers"),
        _ => tracing::warn!(%failure, agent, correlation_id, "the built-in tutor answers"),
    }
}

fn refused(error: ReplyError) -> Failure {
    metrics::counter!("model_replies_refused_total").increment(1);
    Failure::Rejected(match error {
        ReplyError::Shape => "it is not the JSON asked for",
        ReplyError::Content => "its fields are blank or too long",
    })
}

fn count_cache(result: &'static str) {
    metrics::counter!("model_cache_total", "result" => result).increment(1);
}

fn count_key(student_id: &str) -> String {
    format!("student:{student_id}:model-tokens:{}", OffsetDateTime::now_utc().date())
}
