use std::{
    collections::{HashMap, hash_map::Entry},
    future::{Ready, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use learnflow_auth::erased::{self, Erased};
use learnflow_proto::{
    events::{AnswerPart, AnswerReady, ExecutionFinished, NotificationSent, ProgressChanged},
    v1::{
        AskRequest, GetProgressRequest, ListNotificationsRequest, Notification,
        notification_service_client::NotificationServiceClient, progress_service_client::ProgressServiceClient,
        watch_query_response::Event as Answering,
    },
};
use learnflow_questions::{Events, Questions};
use learnflow_service::Fresh;
use learnflow_sidecar::{Caller, Context, Event, Outcome, Role, Sidecar, TraceContext};
use time::OffsetDateTime;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    config::Config,
    history::History,
    keys::KeyStore,
    message::{Ask, Glance, Message, TopicGlance, problem},
    stream::{DaprStore, Ending, Joined},
    student::Student,
};

/// When this replica looks for what others append about a student, after it has heard that something is coming.
const LOOKS: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(400), Duration::from_millis(1500)];
/// When a question is looked up again that could not be.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How long a student counts as being there after a sign of life.
const PRESENT: Duration = Duration::from_secs(150);
/// How far the clocks of services may differ, and a notification's way from the database to the sockets may take.
const MARGIN_MS: i64 = 10_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The chats of the students who have sockets here. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    sidecar: Sidecar,
    questions: Questions,
    keys: KeyStore,
    erased: Fresh<Erased, learnflow_sidecar::Error>,
    history: History,
    students: Mutex<HashMap<String, Present>>,
    stopping: CancellationToken,
    /// Every socket is a task of it: shutdown waits for them.
    sockets: TaskTracker,
}

/// A student on this replica, for as long as somebody uses them.
struct Present {
    student: Arc<Student<DaprStore>>,
    users: usize,
}

/// Holds a student in place.
pub struct Held {
    chat: Chat,
    student: Arc<Student<DaprStore>>,
}

impl std::ops::Deref for Held {
    type Target = Student<DaprStore>;

    fn deref(&self) -> &Self::Target {
        &self.student
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Entry::Occupied(mut present) = self.chat.students().entry(self.student.id.clone()) {
            present.get_mut().users -= 1;
            if present.get().users == 0 {
                present.remove();
            }
        }
    }
}

impl Chat {
    pub fn new(config: Config, sidecar: Sidecar, stopping: CancellationToken) -> Self {
        let inner = Inner {
            questions: Questions::new(sidecar.clone(), "chat", config.republish_after, stopping.clone()),
            keys: KeyStore::new(sidecar.clone()),
            erased: Fresh::of_state(sidecar.clone(), erased::KEY),
            history: History::new(sidecar.clone()),
            students: Mutex::default(),
            sockets: TaskTracker::new(),
            config,
            sidecar,
            stopping,
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub fn keys(&self) -> &KeyStore {
        &self.inner.keys
    }

    /// Reads again and again what tokens are checked against, until the process ends.
    pub async fn keep_fresh(self) {
        let (keys, erased) = (self.inner.keys.clone(), self.inner.erased.clone());
        tokio::join!(keys.keep_fresh(), erased.keep(erased::MAX_AGE));
    }

    /// Whether a user's tokens are refused since the account was erased.
    pub fn is_erased(&self, user_id: &str) -> bool {
        self.inner.erased.known().is_some_and(|erased| erased.contains(user_id))
    }

    pub fn sockets(&self) -> &TaskTracker {
        &self.inner.sockets
    }

    pub fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// The student, who stays on this replica until the last holder lets go.
    pub fn hold(&self, id: &str) -> Held {
        let mut students = self.students();
        let present = students.entry(id.to_owned()).or_insert_with(|| Present {
            student: Arc::new(Student::new(DaprStore(self.inner.sidecar.clone()), id)),
            users: 0,
        });
        present.users += 1;
        Held { chat: self.clone(), student: present.student.clone() }
    }

    /// As [`Chat::hold`], for a student who is here already.
    fn hold_present(&self, id: &str) -> Option<Held> {
        let mut students = self.students();
        let present = students.get_mut(id)?;
        present.users += 1;
        Some(Held { chat: self.clone(), student: present.student.clone() })
    }

    fn students(&self) -> MutexGuard<'_, HashMap<String, Present>> {
        self.inner.students.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before a socket goes on behind a number it had earlier.
    pub async fn resume(&self, held: &Held, caller: &Caller, after: u64) {
        self.add_missed_notifications(held, caller, after).await;
        metrics::counter!("websocket_resumes_total").increment(1);
    }

    /// Adds a socket to a student's stream, behind a number; takes up the questions that nobody else may be following any
    /// more.
    pub async fn join(&self, held: &Held, caller: &Caller, after: u64, end: Ending) -> Result<(u64, Joined), Status> {
        let (outlet, joined, open) = {
            let mut stream = held.stream.lock().await;
            let (outlet, joined) = stream.join(after, end).await?;
            (outlet, joined, stream.open().clone())
        };
        for request_id in open.into_keys() {
            self.take_up(held, caller, request_id);
        }
        self.note_present(&held.id);
        Ok((outlet, joined))
    }

    /// Asks a question on behalf of a caller and brings its answer into the stream.
    pub async fn ask(&self, held: &Held, caller: &Caller, ask: Ask) -> Result<(), Status> {
        let most = match caller.role {
            Role::Student => self.inner.config.asks_per_minute,
            Role::Teacher | Role::Admin => self.inner.config.asks_per_minute * 6,
        };
        if ask.id.is_empty() || ask.id.len() > 255 {
            return Err(Status::invalid_argument("id: must have 1 to 255 bytes"));
        }
        if !held.may_ask(most) {
            return Err(Status::resource_exhausted(format!("at most {most} questions a minute: wait a little")));
        }
        // The same question under the same id, as after a reconnect, is one question; ids alone may come again.
        let content = serde_json::to_string(&ask).map_err(|error| Status::internal(error.to_string()))?;
        let key = Uuid::new_v5(&Uuid::NAMESPACE_URL, content.as_bytes()).to_string();
        let request = AskRequest {
            text: ask.text.clone(),
            topic: ask.topic.clone(),
            level: ask.level.clone(),
            code: ask.code.clone(),
            error: ask.error.clone(),
            idempotency_key: Some(key),
            wait_seconds: None,
        };
        let (request_id, events) = self.inner.questions.ask_and_follow(request).await?;
        self.inner.history.asked(&held.id, &request_id, &ask).await;
        held.stream.lock().await.reopen(&request_id);
        held.tell(Message::Asked { id: ask.id.clone(), request_id: request_id.clone() }).await;
        if held.follow(&request_id) {
            self.bring(&held.id, ask.id, request_id, 0, events);
        }
        Ok(())
    }

    /// Follows a question that another replica may have left.
    fn take_up(&self, held: &Held, caller: &Caller, request_id: String) {
        if !held.follow(&request_id) {
            return;
        }
        let (chat, held, caller) = (self.clone(), self.hold(&held.id), caller.clone());
        let context = Context { trace: TraceContext::new(), correlation_id: request_id.clone(), caller: Some(caller) };
        tokio::spawn(context.scope(async move {
            let student = held.id.clone();
            let open = held.stream.lock().await.open().get(&request_id).cloned();
            let Some(open) = open else { return held.unfollow(&request_id) };
            while !chat.stopping().is_cancelled() {
                match chat.inner.questions.follow(student.clone(), request_id.clone(), open.token.as_deref()).await {
                    Ok(events) => return chat.bring(&student, open.id, request_id, open.end, events),
                    Err(status) if status.code() == Code::NotFound => {
                        let (id, problem) = (open.id, problem(&status));
                        held.tell(Message::Error { id, request_id: request_id.clone(), problem }).await;
                        break;
                    }
                    Err(_) => tokio::time::sleep(TRY_AGAIN).await,
                }
            }
            held.unfollow(&request_id);
        }));
    }

    /// Brings the events of an answer into the stream, whether there is a socket or not.
    fn bring(&self, student: &str, id: String, request_id: String, begun: usize, events: Events) {
        let (chat, held, mut events, mut end) = (self.clone(), self.hold(student), events, begun);
        tokio::spawn(Context::current().scope(async move {
            let mut ended = false;
            while let Some(Ok(event)) = events.next().await {
                let token = event.resume_token;
                let (id, request_id) = (id.clone(), request_id.clone());
                match event.event {
                    Some(Answering::Part(text)) => {
                        end += text.len();
                        held.tell(Message::Part { id, request_id, text, end, token }).await;
                    }
                    Some(Answering::Answer(answer)) => {
                        ended = true;
                        chat.inner.history.answered(&held.id, &answer).await;
                        held.tell(Message::Answer { id, request_id, answer: Box::new(answer) }).await;
                    }
                    Some(Answering::Problem(problem)) => {
                        ended = true;
                        held.tell(Message::Error { id, request_id, problem }).await;
                    }
                    None => {}
                }
            }
            held.unfollow(&request_id);
            // An answer may take longer than anybody follows it at a time.
            if !ended && let Some(caller) = Context::current().caller {
                chat.take_up(&held, &caller, request_id);
            }
        }));
    }

    /// Whoever resumes also gets the notifications that came while no replica had a socket of theirs.
    async fn add_missed_notifications(&self, held: &Held, caller: &Caller, after: u64) {
        let since = match held.stream.lock().await.time_of(after).await {
            Ok(Some(at)) => at - MARGIN_MS,
            Ok(None) => now_ms() - DAY_MS,
            Err(_) => return,
        };
        let context = Context { caller: Some(caller.clone()), ..Context::current() };
        let mut client = NotificationServiceClient::new(self.inner.sidecar.app("notification-service"));
        let request = ListNotificationsRequest { page_size: Some(200), ..ListNotificationsRequest::default() };
        let listed = match context.scope(client.list_notifications(request)).await {
            Ok(listed) => listed.into_inner().notifications,
            Err(status) => {
                // They are in the list that a page shows; what is under way must not wait for them.
                tracing::warn!(code = ?status.code(), "missed notifications cannot be looked up");
                return;
            }
        };
        for notification in listed.into_iter().rev().filter(|notification| sent_at(notification) > since) {
            held.tell(Message::Notification { notification: Box::new(notification) }).await;
        }
    }

    /// Notes that somebody would like to hear of the student's progress.
    pub fn note_present(&self, student: &str) {
        let (sidecar, key) = (self.inner.sidecar.clone(), format!("student:{student}:online"));
        tokio::spawn(async move {
            let written = sidecar.set_grouped(&key, &true, Some(PRESENT), learnflow_sidecar::Concurrency::LastWrite);
            if let Err(error) = written.await {
                tracing::debug!(%error, "presence not noted");
            }
        });
    }

    // Events, which every replica sees. None of their handlers waits: the next event of the partition is behind it.

    pub fn answered(&self, event: Event<AnswerReady>) -> Ready<Outcome> {
        self.look_for(&event.data.student_id, &event.data.request_id);
        self.inner.questions.answered(event)
    }

    pub fn part(&self, event: Event<AnswerPart>) -> Ready<Outcome> {
        self.look_for(&event.data.student_id, &event.data.request_id);
        self.inner.questions.part(event)
    }

    /// Programs run from the queue are nobody's chat.
    pub fn executed(_: Event<ExecutionFinished>) -> Ready<Outcome> {
        ready(Outcome::Done)
    }

    pub fn notified(&self, event: Event<NotificationSent>) -> Ready<Outcome> {
        let NotificationSent { user_id, notification } = event.data;
        if let (Some(held), Some(notification)) = (self.hold_present(&user_id), notification) {
            let message = Message::Notification { notification: Box::new(notification) };
            tokio::spawn(async move { held.tell(message).await });
        }
        ready(Outcome::Done)
    }

    pub fn progressed(&self, event: Event<ProgressChanged>) -> Ready<Outcome> {
        let ProgressChanged { student_id, version } = event.data;
        if let Some(held) = self.hold_present(&student_id) {
            let chat = self.clone();
            tokio::spawn(async move {
                match chat.glance(&student_id).await {
                    Ok(progress) => held.tell(Message::Progress { version, progress }).await,
                    Err(status) => tracing::warn!(code = ?status.code(), "progress not read, and not sent"),
                }
            });
        }
        ready(Outcome::Done)
    }

    async fn glance(&self, student: &str) -> Result<Glance, Status> {
        let caller = Caller { id: student.to_owned(), role: Role::Student };
        let context = Context { caller: Some(caller), ..Context::current() };
        let mut client = ProgressServiceClient::new(self.inner.sidecar.app("progress-service"));
        let request = GetProgressRequest { user_id: student.to_owned() };
        let progress = context.scope(client.get_progress(request)).await?.into_inner();
        let topics = progress.topics.into_iter().map(|topic| TopicGlance {
            topic: topic.topic,
            mastery: topic.mastery,
            level: topic.level,
        });
        Ok(Glance { streak_days: progress.streak_days, topics: topics.collect() })
    }

    /// An answer is on its way to a student with sockets here: if another replica follows it, that one appends it.
    fn look_for(&self, student: &str, request_id: &str) {
        let Some(held) = self.hold_present(student) else { return };
        if held.follows(request_id) || !held.begin_to_look() {
            return;
        }
        tokio::spawn(async move {
            for pause in LOOKS {
                tokio::time::sleep(pause).await;
                if let Err(error) = held.stream.lock().await.catch_up().await {
                    tracing::debug!(%error, "a stream cannot be read");
                }
            }
            held.look_done();
        });
    }
}

fn sent_at(notification: &Notification) -> i64 {
    notification.created_at.as_ref().map_or(0, |at| at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000)
}

fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
