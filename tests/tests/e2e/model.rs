use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use learnflow_stack::StackOptions;
use learnflow_tests::student::{Reply, User};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    questions::{ask_later, stream},
    world::{World, eventually},
};

const TEXT: &str = "A list keeps things in order, as a shopping list does. `append` puts one more thing at its end, and \
                    `len` says how many there are. Change it as you like.";

/// Those that ask the model.
const AGENTS: [&str; 4] = ["concepts-agent", "debug-agent", "code-review-agent", "exercise-agent"];

/// When the model writes its first token after it was asked, in milliseconds: of answers to questions with this word.
const FIRST_TOKEN: u32 = 150;
const TIMED: &str = "stopwatch";
/// It breaks off in answers to questions with this word.
const BREAKS_OFF: &str = "earthquake";
const BEGUN: &str = "An earthquake is like a list that is shaken: nothing stays where it was, and";

/// Where the model will be, once a test starts it. There is no key for it, so nobody asks it before.
pub fn prepare(options: StackOptions) -> Result<(StackOptions, u16)> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let options = AGENTS.into_iter().fold(options, |options, agent| {
        options
            .env(agent, "MODEL_BASE_URL", format!("http://127.0.0.1:{port}/v1"))
            .env(agent, "MODEL_KEY_AGE_MS", "1000")
            .env(agent, "MODEL_PAUSES_MS", "100,200")
    });
    Ok((options, port))
}

/// An endpoint of `OpenAI`'s protocol (npm's aimock); it ends with this.
struct Aimock {
    child: Child,
    url: String,
}

impl Drop for Aimock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Aimock {
    fn start(world: &World) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/aimock.sh");
        let output = Command::new(script).output()?;
        ensure!(output.status.success(), "dev/aimock.sh: {}", String::from_utf8_lossy(&output.stderr));
        let content = |word: &str, content: String| json!({ "match": { "userMessage": word }, "response": { "content": content } });
        let fixtures = json!({ "fixtures": [
            { "match": { "userMessage": TIMED }, "response": { "content": TEXT }, "chunkSize": 8,
              "streamingProfile": { "ttft": FIRST_TOKEN, "tps": 100, "jitter": 0 } },
            { "match": { "userMessage": BREAKS_OFF }, "response": { "content": BEGUN }, "chunkSize": 8, "latency": 60,
              "truncateAfterChunks": 4 },
            content("zebr", hint("`zebr` is a name that nobody has given a value.", "Compare the two names letter by letter.")),
            content("lion", hint("`lio` is no name.", "Write `print(lion)` instead.")),
            content("giraffe", json!({ "summary": "Giraffes are well kept here. One thing may surprise you.",
                "comments": [{ "number": 1, "message": "All giraffes share one list." }] }).to_string()),
            content("goals", exercise("count += goal")),
            content("matches", exercise("count += 1")),
            { "match": {}, "response": { "content": TEXT }, "chunkSize": 8, "latency": 40 }
        ]});
        let file = world.stack.log_path("aimock").with_extension("json");
        fs::write(&file, fixtures.to_string())?;
        let child = Command::new("node")
            .arg(String::from_utf8(output.stdout)?.trim())
            .args(["--port", &world.model_port.to_string(), "--fixtures"])
            .arg(&file)
            .env("AIMOCK_API_KEYS", "the-key")
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, url: format!("http://127.0.0.1:{}", world.model_port) })
    }

    /// When the last call came, in milliseconds since 1970.
    async fn last_call(&self) -> Result<u64> {
        let request = reqwest::Client::new().get(format!("{}/__aimock/journal", self.url)).bearer_auth("the-key");
        let journal: Value = request.send().await?.json().await?;
        let entries = journal.as_array().or(journal["entries"].as_array()).context("no journal")?;
        entries.iter().filter_map(|entry| entry["timestamp"].as_u64()).max().context("no call")
    }
}

fn hint(root_cause: &str, hint: &str) -> String {
    json!({ "root_cause": root_cause, "hint": hint }).to_string()
}

/// An exercise whose solution has this line.
fn exercise(line: &str) -> String {
    let test = |name: &str, argument: &str, expected: &str, visible: bool| json!({ "name": name, "arguments": [argument], "expected": expected, "visible": visible });
    json!({
        "title": "Goals of a season",
        "statement": "Write `total(goals)`, which adds up the goals of all matches.",
        "function": "total",
        "starter": "def total(goals):\n    pass\n",
        "solution": format!("def total(goals):\n    count = 0\n    for goal in goals:\n        {line}\n    return count\n"),
        "wrong": ["def total(goals):\n    return len(goals)\n", "def total(goals):\n    return 0\n"],
        "tests": [
            test("two matches", "[2, 3]", "5", true), test("none", "[]", "0", false),
            test("one", "[4]", "4", false), test("without goals", "[0, 0]", "0", false),
        ],
    })
    .to_string()
}

/// With the model, and its key in the secret store; without both afterwards.
async fn with_model(world: &World, test: impl AsyncFn(&Aimock, &User) -> Result<()>) -> Result<()> {
    let student = world.student()?;
    let aimock = Aimock::start(world)?;
    world.stack.rotate_secret("model", &[("api_key", "the-key")]).await?;
    let result = test(&aimock, &student).await;
    world.stack.rotate_secret("model", &[("api_key", "")]).await?;
    drop(aimock);
    // Every agent reads the key once a second.
    tokio::time::sleep(Duration::from_secs(4)).await;
    result
}

async fn ask(student: &User, text: &str) -> Result<Reply> {
    let request = student.request(Method::POST, "/query").header("prefer", "wait=20");
    let reply = Reply::read(request.json(&json!({ "text": text })).send().await?).await?;
    ensure!(reply.status == 200, "{text}: {reply:?}");
    Ok(reply)
}

/// Model use, FR-009..012, FR-039: with a key in the secret store answers come from the model, in parts while it writes
/// them; a topic asked for again comes from the cache; without the model, or without the key, from the built-in tutor.
pub async fn answers_come_from_the_model_while_there_is_one(world: &World) -> Result<()> {
    let student = world.student()?;
    let own = "How do I put my 12 friends into a list?";
    ensure!(ask(&student, own).await?.text("source") == "builtin", "there is no key yet");

    let aimock = Aimock::start(world)?;
    world.stack.rotate_secret("model", &[("api_key", "the-key")]).await?;
    eventually("an answer of the model", Duration::from_secs(30), async || {
        let reply = ask(&student, own).await?;
        Ok(reply.text("source") == "model" && reply.text("markdown") == TEXT && reply.text("topic") == "lists")
    })
    .await?;

    let id = ask_later(&student, own).await?;
    let events = stream(&student, &id, None).await?;
    let (name, _, answer) = events.last().context("no events")?;
    ensure!(name == "answer" && answer["source"] == "model" && answer["markdown"] == TEXT, "{events:?}");
    // The text is one paragraph: cut by the gateway it would be one part.
    let parts: Vec<_> = events.iter().filter_map(|(_, _, data)| data["text"].as_str()).collect();
    ensure!(parts.len() > 3 && parts.concat() == TEXT, "{events:?}");

    let sources = [ask(&student, "What is a tuple?").await?, ask(&world.student()?, "explain tuples").await?];
    ensure!(sources.each_ref().map(|reply| reply.text("source")) == ["model", "cache"], "{sources:?}");

    drop(aimock);
    let reply = ask(&student, own).await?;
    ensure!(reply.text("source") == "builtin" && reply.text("markdown") != TEXT, "{reply:?}");
    ensure!(ask(&student, "What is a tuple?").await?.text("source") == "cache", "what was written is still there");
    let log = fs::read_to_string(world.stack.log_path("concepts-agent"))?;
    ensure!(!log.contains("12 friends") && !log.contains("shopping list") && !log.contains("the-key"), "it was logged");

    world.stack.rotate_secret("model", &[("api_key", "")]).await?;
    eventually("the end of the key", Duration::from_secs(30), async || {
        Ok(ask(&student, "What is a tuple?").await?.text("source") == "builtin")
    })
    .await
}

/// When the first part of an answer is here, in milliseconds since 1970; reads the stream to its end.
async fn first_part(student: &User, id: &str) -> Result<u64> {
    let response = student.request(Method::GET, &format!("/queries/{id}/events")).send().await?;
    ensure!(response.status() == 200, "{}", response.status());
    let (mut text, mut seen) = (String::new(), None);
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        text.push_str(std::str::from_utf8(&chunk?)?);
        if seen.is_none() && (text.contains("event: part") || text.contains("event:part")) {
            seen = Some(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
        }
    }
    ensure!(text.contains("answer") && text.contains("\"model\""), "{text}");
    seen.with_context(|| format!("no part: {text}"))
}

/// FR-039: the first part is at the client within 50 ms of the model's first token, in the median of 15 answers.
pub async fn the_first_part_is_quick(world: &World) -> Result<()> {
    with_model(world, async |aimock, student| {
        eventually("an answer of the model", Duration::from_secs(30), async || {
            Ok(ask(student, "How do I put my 3 friends into a list?").await?.text("source") == "model")
        })
        .await?;
        let mut delays = Vec::new();
        for number in 0..15 {
            let id = ask_later(student, &format!("How do I put {number} times of my {TIMED} into a list?")).await?;
            let seen = first_part(student, &id).await?;
            delays.push(seen.saturating_sub(aimock.last_call().await? + u64::from(FIRST_TOKEN)));
        }
        delays.sort_unstable();
        #[allow(clippy::print_stdout, reason = "figures are for whoever runs the tests")]
        {
            println!(
                "first part after the first token, at the client: median {} ms, last {} ms",
                delays[7], delays[14]
            );
        }
        ensure!(delays[7] < 50, "{delays:?} ms");
        Ok(())
    })
    .await
}

/// FR-039, faults: when the model breaks off for good, the built-in tutor's answer replaces what was streamed: no part of
/// it is mixed into the model's words.
pub async fn an_answer_that_breaks_off_is_replaced(world: &World) -> Result<()> {
    with_model(world, async |_, student| {
        eventually("an answer of the model", Duration::from_secs(30), async || {
            Ok(ask(student, "How do I put my 3 friends into a list?").await?.text("source") == "model")
        })
        .await?;
        let id = ask_later(student, &format!("How do I put an {BREAKS_OFF} into a list?")).await?;
        let events = stream(student, &id, None).await?;
        let (name, _, answer) = events.last().context("no events")?;
        ensure!(name == "answer" && answer["source"] == "builtin" && answer["topic"] == "lists", "{events:?}");
        let parts: Vec<&str> = events.iter().filter_map(|(_, _, data)| data["text"].as_str()).collect();
        ensure!(!parts.is_empty() && BEGUN.starts_with(&parts.concat()), "{events:?}");
        // Taken up again behind the first part, too.
        let rest = stream(student, &id, Some(&events[0].1)).await?;
        ensure!(rest.len() == 1 && rest[0].0 == "answer", "{rest:?}");
        Ok(())
    })
    .await
}

/// FR-013..024, model use: with a model causes, hints and findings are said in words of their own and exercises are
/// written, each with its true source; what tells too much, or does not stand up to the sandbox, is not shown.
pub async fn every_agent_is_worded(world: &World) -> Result<()> {
    with_model(world, async |_, student| {
        let broken = json!({ "code": "zebra = 3\nprint(zebr)\n", "error": "NameError: name 'zebr' is not defined" });
        eventually("a hint by the model", Duration::from_secs(30), async || {
            let reply = student.post("/debug", &broken).await?;
            ensure!(reply.status == 200 && reply.text("error_type") == "NameError", "{reply:?}");
            Ok(reply.text("source") == "model"
                && reply.text("hint").contains("letter by letter")
                && reply.text("root_cause").contains("nobody has given"))
        })
        .await?;
        let leaking = json!({ "code": "lion = 3\nprint(lio)\n", "error": "NameError: name 'lio' is not defined" });
        let reply = student.post("/debug", &leaking).await?;
        ensure!(reply.text("source") == "builtin" && !reply.text("hint").contains("print(lion)"), "{reply:?}");

        let code = "def feed(giraffes=[]):\n    giraffes.append(1)\n    return giraffes\n";
        let mut rated = 0;
        eventually("a review by the model", Duration::from_secs(30), async || {
            let reply = student.post("/review", &json!({ "code": code })).await?;
            ensure!(reply.status == 200, "{reply:?}");
            Ok(reply.text("source") == "model")
        })
        .await?;
        for (code, source) in [(code.to_owned(), "model"), (code.replace("giraffe", "okapi"), "builtin")] {
            let reply = student.post("/review", &json!({ "code": code })).await?;
            let messages = reply.body["comments"].as_array().context("no comments")?;
            ensure!(reply.text("source") == source && !messages.is_empty(), "{reply:?}");
            ensure!((source == "model") == (messages[0]["message"] == "All giraffes share one list."), "{reply:?}");
            let rating = reply.body["rating"].as_u64().context("no rating")?;
            ensure!(rated == 0 || rated == rating, "the words changed the rating: {reply:?}");
            rated = rating;
        }

        eventually("an exercise by the model", Duration::from_secs(30), async || {
            let reply = ask(student, "give me an exercise about for loops, with goals please").await?;
            ensure!(reply.text("agent") == "exercise", "{reply:?}");
            Ok(reply.text("source") == "model" && reply.body["exercise"]["title"] == "Goals of a season")
        })
        .await?;
        let reply = ask(student, "give me an exercise about for loops, with goals please").await?;
        let exercise = &reply.body["exercise"];
        ensure!(exercise["source"] == "model" && exercise["hidden_test_count"] == 3, "{reply:?}");
        let path = format!("/exercises/{}/submissions", exercise["id"].as_str().unwrap_or_default());
        let solved = student.post(&path, &json!({ "code": "def total(goals):\n    return sum(goals)\n" })).await?;
        ensure!(solved.status == 200 && solved.text("status") == "passed", "{solved:?}");
        // Its solution does not pass its own tests.
        let reply = ask(student, "give me an exercise about for loops, with matches please").await?;
        ensure!(reply.text("source") == "builtin" && reply.body["exercise"]["source"] == "builtin", "{reply:?}");
        Ok(())
    })
    .await
}
