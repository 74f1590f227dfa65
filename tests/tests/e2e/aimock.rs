//! The model of the tests: an endpoint of `OpenAI`'s protocol, written by others, and what it says to whom.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::world::World;

/// What it says where nothing else is set down.
pub const TEXT: &str = "A list keeps things in order, as a shopping list does. `append` puts one more thing at its end, and \
                    `len` says how many there are. Change it as you like.";

/// When the model writes its first token after it was asked, in milliseconds: of answers to questions with this word.
pub const FIRST_TOKEN: u32 = 150;
pub const TIMED: &str = "stopwatch";
/// The model says nothing for so long, in milliseconds, when it is asked for an easy exercise about sets.
const SILENCE: u32 = 60_000;
/// It breaks off in answers to questions with this word.
pub const BREAKS_OFF: &str = "earthquake";
pub const BEGUN: &str = "An earthquake is like a list that is shaken: nothing stays where it was, and";

/// npm's aimock while it runs; it ends with this.
pub struct Aimock {
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
    pub fn start(world: &World) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/aimock.sh");
        let output = Command::new(script).output()?;
        ensure!(output.status.success(), "dev/aimock.sh: {}", String::from_utf8_lossy(&output.stderr));
        let content = |word: &str, content: String| json!({ "match": { "userMessage": word }, "response": { "content": content } });
        let wished = |difficulty: &str| format!("Topic: Recursion\n\nDifficulty: {difficulty}\n\nTheme: ");
        let fixtures = json!({ "fixtures": [
            content(&wished("easy"), exercise("count += goal")),
            content(&wished("medium"), exercise("count += 1")),
            { "match": { "userMessage": "Topic: Sets\n\nDifficulty: easy" }, "response": { "content": TEXT },
              "streamingProfile": { "ttft": SILENCE, "tps": 100, "jitter": 0 } },
            content(&wished("hard"), json!({ "title": "Nothing else" }).to_string()),
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

    /// The calls so far.
    pub async fn journal(&self) -> Result<Vec<Value>> {
        let request = reqwest::Client::new().get(format!("{}/__aimock/journal", self.url)).bearer_auth("the-key");
        let journal: Value = request.send().await?.json().await?;
        Ok(journal.as_array().or(journal["entries"].as_array()).context("no journal")?.clone())
    }

    /// When the last call came, in milliseconds since 1970.
    pub async fn last_call(&self) -> Result<u64> {
        self.journal().await?.iter().filter_map(|entry| entry["timestamp"].as_u64()).max().context("no call")
    }

    /// What was asked in the calls with this text in them.
    pub async fn asked(&self, text: &str) -> Result<Vec<String>> {
        let journal = self.journal().await?;
        let asked = journal.iter().filter_map(|entry| entry["body"]["messages"][1]["content"].as_str());
        Ok(asked.filter(|asked| asked.contains(text)).map(ToOwned::to_owned).collect())
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
