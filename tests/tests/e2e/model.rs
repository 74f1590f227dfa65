use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use learnflow_stack::StackOptions;
use learnflow_tests::student::{Reply, User};
use reqwest::Method;
use serde_json::json;

use crate::{
    questions::{ask_later, stream},
    world::{World, eventually},
};

const TEXT: &str = "A list keeps things in order, as a shopping list does. `append` puts one more thing at its end, and \
                    `len` says how many there are. Change it as you like.";

/// Where the model will be, once a test starts it. There is no key for it, so nobody asks it before.
pub fn prepare(options: StackOptions) -> Result<(StackOptions, u16)> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let options = options
        .env("concepts-agent", "MODEL_BASE_URL", format!("http://127.0.0.1:{port}/v1"))
        .env("concepts-agent", "MODEL_KEY_AGE_MS", "1000")
        .env("concepts-agent", "MODEL_PAUSES_MS", "100,200");
    Ok((options, port))
}

/// An endpoint of `OpenAI`'s protocol (npm's aimock); it ends with this.
struct Aimock(Child);

impl Drop for Aimock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Aimock {
    fn start(world: &World) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/aimock.sh");
        let output = Command::new(script).output()?;
        ensure!(output.status.success(), "dev/aimock.sh: {}", String::from_utf8_lossy(&output.stderr));
        let fixtures = json!({ "fixtures": [
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
        Ok(Self(child))
    }
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
