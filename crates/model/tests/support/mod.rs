//! aimock as a child process, and a tutor that asks it.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use learnflow_model::{
    ApiKey, CacheKey, KeySource, Material, Model, ModelConfig, ModelTutor, Parts, Prompt, Shape, Store, StudentData,
    Task, Tier,
};
use learnflow_proto::v1::{Answer, Question};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{Instant, timeout},
};

const KEY: &str = "the-key";

/// The endpoint; it ends with this.
pub struct Aimock {
    url: String,
    http: reqwest::Client,
    _process: Child,
    _fixtures: NamedTempFile,
}

impl Aimock {
    /// With these fixtures, on a free port, for one key.
    pub async fn start(fixtures: Value) -> Self {
        static PROGRAM: OnceLock<String> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/aimock.sh");
            let output = std::process::Command::new(script).output().expect("dev/aimock.sh runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("a path").trim().to_owned()
        });
        let file = NamedTempFile::with_suffix(".json").expect("a temporary file");
        std::fs::write(file.path(), json!({ "fixtures": fixtures }).to_string()).expect("written");
        let mut process = Command::new("node")
            .args([program, "--port", "0", "--journal-max", "0", "--fixtures"])
            .arg(file.path())
            .env("AIMOCK_API_KEYS", KEY)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let find = async {
            while let Some(line) = lines.next_line().await.expect("a line") {
                if let Some((_, url)) = line.split_once("listening on ") {
                    return url.trim().to_owned();
                }
            }
            panic!("aimock ended without listening");
        };
        let url = timeout(Duration::from_secs(30), find).await.expect("aimock listens within 30 s");
        // Its later words are read and forgotten, lest the pipe fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, http: reqwest::Client::new(), _process: process, _fixtures: file }
    }

    /// Faults of every response from now on; none: `{}`.
    pub async fn chaos(&self, rates: Value) {
        let request = self.http.post(format!("{}/__aimock/chaos", self.url)).bearer_auth(KEY).json(&rates);
        assert!(request.send().await.expect("a response").status().is_success(), "{rates}");
    }

    /// The calls it has had, refused ones included.
    pub async fn calls(&self) -> usize {
        self.journal().await.len()
    }

    /// All calls, oldest first.
    pub async fn journal(&self) -> Vec<Value> {
        let request = self.http.get(format!("{}/__aimock/journal", self.url)).bearer_auth(KEY);
        let journal: Value = request.send().await.expect("a response").json().await.expect("a journal");
        journal.as_array().or(journal["entries"].as_array()).expect("entries").clone()
    }

    /// A configuration for tests: this endpoint, short pauses.
    pub fn config(&self) -> ModelConfig {
        ModelConfig {
            base_url: format!("{}/v1", self.url),
            pauses: [20, 40, 80].map(Duration::from_millis).to_vec(),
            ..ModelConfig::default()
        }
    }
}

/// A source that gives one key after the other, the last one for ever.
pub fn keys(keys: &'static [&'static str]) -> ApiKey {
    let given = Arc::new(Mutex::new(0));
    let source: KeySource = Box::new(move || {
        let mut given = given.lock().expect("no panic");
        let key = keys.get(*given).or(keys.last()).map(|key| (*key).into());
        *given += 1;
        async { Ok(key) }.boxed()
    });
    ApiKey::new(source)
}

/// A store in memory.
#[derive(Default)]
pub struct Memory(pub Mutex<HashMap<String, Value>>);

impl Store for Memory {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Value>> {
        let value = self.0.lock().expect("no panic").get(key).cloned();
        async { value }.boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Value, _: Duration) -> BoxFuture<'a, ()> {
        self.0.lock().expect("no panic").insert(key.to_owned(), value);
        async {}.boxed()
    }
}

/// A tutor with a model behind it, and where it keeps things.
pub struct Setting {
    pub tutor: ModelTutor,
    pub store: Arc<Memory>,
}

/// With the right key.
pub async fn setting(config: ModelConfig) -> Setting {
    setting_with(config, keys(&[KEY])).await
}

pub async fn setting_with(config: ModelConfig, key: ApiKey) -> Setting {
    key.read().await.expect("a key");
    let store = Arc::new(Memory::default());
    let model = Model::new(config, key).expect("a model");
    Setting { tutor: ModelTutor::new(model, ["lists", "tuples"].map(str::to_owned), store.clone()), store }
}

/// What a test asks.
pub struct Asking<'a> {
    pub text: &'a str,
    pub shape: Shape,
    pub reference: Option<&'a str>,
    /// The topic, when the answer is one for everybody.
    pub shared: Option<&'a str>,
}

/// A question of one student.
pub fn asking(text: &str) -> Asking<'_> {
    Asking { text, shape: Shape::Markdown, reference: None, shared: None }
}

/// A plain question about a topic.
pub fn topic(topic: &str) -> Asking<'_> {
    Asking { text: topic, shape: Shape::Markdown, reference: None, shared: Some(topic) }
}

impl Setting {
    pub async fn ask(&self, asking: Asking<'_>) -> Answer {
        self.ask_with_parts(asking, None).await
    }

    pub async fn ask_with_parts(&self, asking: Asking<'_>, parts: Option<Parts>) -> Answer {
        let prompt = Prompt::concepts();
        let material: Material<'_> = vec![("Topic", asking.shared.unwrap_or("any")), ("Level", "beginner")];
        let student = StudentData { text: asking.text, code: None, error: None };
        let student = asking.shared.is_none().then_some(student);
        let task = Task {
            agent: "concepts",
            call: prompt.call(&material, student, Tier::Cheap, asking.shape, asking.reference),
            topic: asking.shared.unwrap_or_default().to_owned(),
            level: "beginner".to_owned(),
            cache: asking.shared.map(|topic| CacheKey::new(topic, "beginner", prompt.version(), "1")),
            patience: None,
        };
        let question = Question { request_id: "r".to_owned(), student_id: "s".to_owned(), ..Question::default() };
        self.tutor.answer(&question, task, parts, builtin).await
    }
}

pub const BUILTIN: &str = "The built-in tutor's words.";

fn builtin() -> Answer {
    Answer { source: "builtin".to_owned(), markdown: BUILTIN.to_owned(), ..Answer::default() }
}

/// The parts of an answer: when each came, its number and its text.
pub type Received = Arc<Mutex<Vec<(Instant, u32, String)>>>;

pub fn parts() -> (Parts, Received) {
    let received = Received::default();
    let list = received.clone();
    let parts = Parts::new(move |sequence, text| {
        list.lock().expect("no panic").push((Instant::now(), sequence, text));
        async {}.boxed()
    });
    (parts, received)
}

pub fn joined(received: &Received) -> String {
    received.lock().expect("no panic").iter().map(|(_, _, text)| text.as_str()).collect()
}
