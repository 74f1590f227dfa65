//! The model path against an endpoint written by others, with its faults: npm's `@copilotkit/aimock`, see
//! `dev/aimock.sh`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "an error is a failed test")]
#![allow(clippy::print_stdout, reason = "figures are for whoever runs the tests")]

mod support;

use std::time::Duration;

use futures::future::join_all;
use learnflow_model::{BreakerConfig, ModelConfig, Shape, State};
use serde_json::json;
use support::{Aimock, Asking, BUILTIN, asking, joined, keys, parts, setting, setting_with, topic};
use tokio::time::{Instant, sleep};

const TEXT: &str = "A list keeps things in order. `[1, 2]` is one, and `append` makes it longer by one thing.";

/// FR-009..012, FR-039: an answer is written, streamed in order while it is written, charged, and says who wrote it.
#[tokio::test]
async fn answers_are_written_and_streamed() {
    let aimock = Aimock::start(json!([
        { "match": {}, "response": { "content": TEXT, "usage": { "prompt_tokens": 321, "completion_tokens": 45 } },
          "chunkSize": 6, "latency": 15 }
    ]))
    .await;
    let setting = setting(aimock.config()).await;
    let (sink, received) = parts();
    let answer = setting.ask_with_parts(asking("what is a list"), Some(sink)).await;
    assert_eq!((answer.source.as_str(), answer.markdown.as_str()), ("model", TEXT));
    assert_eq!((answer.agent.as_str(), answer.request_id.as_str()), ("concepts", "r"));
    {
        let received = received.lock().unwrap();
        assert!(received.len() > 2, "{received:?}");
        assert!(received.iter().zip(1..).all(|((_, sequence, _), number)| *sequence == number));
        let apart = received.windows(2).map(|pair| pair[1].0 - pair[0].0).min().unwrap();
        assert!(apart >= Duration::from_millis(49), "parts are {apart:?} apart");
    }
    assert!(TEXT.starts_with(&joined(&received)));
    let store = setting.store.0.lock().unwrap().clone();
    let (key, count) = store.iter().next().expect("a count");
    assert!(key.starts_with("student:s:model-tokens:20"), "{key}");
    assert_eq!(count, 366);

    let journal = aimock.journal().await;
    let sent = &journal[0]["body"];
    assert_eq!(sent["model"], ModelConfig::default().cheap);
    assert_eq!(sent["max_completion_tokens"], 1500);
    let user = sent["messages"][1]["content"].as_str().expect("a text");
    assert!(user.contains("BEGIN STUDENT DATA") && user.contains("what is a list"), "{user}");
}

/// FR-039: the first part goes out within 50 ms of the model's first token (median of 15).
#[tokio::test]
async fn the_first_part_is_quick() {
    let first_token = Duration::from_millis(150);
    let aimock = Aimock::start(json!([
        { "match": {}, "response": { "content": TEXT }, "chunkSize": 10,
          "streamingProfile": { "ttft": 150, "tps": 100, "jitter": 0 } }
    ]))
    .await;
    let setting = setting(aimock.config()).await;
    let mut delays = Vec::new();
    for _ in 0..15 {
        let (sink, received) = parts();
        let begun = Instant::now();
        setting.ask_with_parts(asking("what is a list"), Some(sink)).await;
        let first = received.lock().unwrap().first().expect("a part").0 - begun;
        delays.push(first.saturating_sub(first_token));
    }
    delays.sort();
    println!("first part after the first token: median {:?}, last {:?}", delays[7], delays[14]);
    assert!(delays[7] < Duration::from_millis(50), "{delays:?}");
}

/// Model use: what is asked to wait is waited for, and one answer is tried for again.
#[tokio::test]
async fn rate_limits_are_honoured() {
    let aimock = Aimock::start(json!([{ "match": {}, "response": { "content": TEXT } }])).await;
    let setting = setting(aimock.config()).await;
    aimock.chaos(json!({ "rateLimitRate": 1 })).await;
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(setting.ask(asking("what is a list")), async {
        sleep(Duration::from_millis(500)).await;
        aimock.chaos(json!({})).await;
    });
    assert_eq!((answer.source.as_str(), answer.markdown.as_str()), ("model", TEXT));
    // The pauses of the test are shorter: the second is what Retry-After asks for.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(aimock.calls().await, 2);

    aimock.chaos(json!({ "rateLimitRate": 1 })).await;
    let short = ModelConfig { budget: Duration::from_millis(900), ..aimock.config() };
    let begun = Instant::now();
    let answer = support::setting(short).await.ask(asking("what is a list")).await;
    assert_eq!((answer.source.as_str(), answer.markdown.as_str()), ("builtin", BUILTIN));
    assert!(begun.elapsed() < Duration::from_millis(800), "waited for what could not come in time");
}

/// Faults: a stream that breaks off is written again, and no part is sent twice.
#[tokio::test]
async fn broken_streams_are_written_again() {
    let aimock = Aimock::start(json!([
        { "match": { "userMessage": "same", "sequenceIndex": 0 }, "response": { "content": TEXT }, "chunkSize": 10,
          "latency": 60, "truncateAfterChunks": 4 },
        { "match": { "userMessage": "same" }, "response": { "content": TEXT }, "chunkSize": 10, "latency": 20 },
        { "match": { "userMessage": "other", "sequenceIndex": 0 }, "response": { "content": "Lists are for fun. And" },
          "chunkSize": 6, "latency": 60, "truncateAfterChunks": 3 },
        { "match": { "userMessage": "other" }, "response": { "content": TEXT }, "chunkSize": 10, "latency": 20 },
    ]))
    .await;
    let setting = setting(aimock.config()).await;
    let (sink, received) = parts();
    let answer = setting.ask_with_parts(asking("same"), Some(sink)).await;
    assert_eq!((answer.source.as_str(), answer.markdown.as_str()), ("model", TEXT));
    assert_eq!(aimock.calls().await, 2);
    let text = joined(&received);
    assert!(!text.is_empty() && TEXT.starts_with(&text), "{text}");

    // What begins differently is not sent in parts: the answer replaces them.
    let (sink, received) = parts();
    let answer = setting.ask_with_parts(asking("other"), Some(sink)).await;
    assert_eq!((answer.source.as_str(), answer.markdown.as_str()), ("model", TEXT));
    let text = joined(&received);
    assert!(!text.is_empty() && "Lists are for fun. And".starts_with(&text), "{text}");
}

/// Faults: dropped and malformed responses, closed connections and silence end in the built-in tutor's answer.
#[tokio::test]
async fn every_fault_is_answered() {
    let aimock = Aimock::start(json!([{ "match": {}, "response": { "content": TEXT } }])).await;
    let faults = [
        json!({ "dropRate": 1 }),
        json!({ "malformedRate": 1 }),
        json!({ "disconnectRate": 1 }),
        json!({ "latencyMs": 5_000 }),
    ];
    for fault in faults {
        let idle = Duration::from_millis(200);
        let setting = setting(ModelConfig { idle, ..aimock.config() }).await;
        aimock.chaos(fault.clone()).await;
        let before = aimock.calls().await;
        let begun = Instant::now();
        let answer = setting.ask(asking("what is a list")).await;
        assert_eq!((answer.source.as_str(), answer.markdown.as_str()), ("builtin", BUILTIN), "{fault}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{fault}: {:?}", begun.elapsed());
        aimock.chaos(json!({})).await;
        if fault.get("latencyMs").is_none() {
            assert_eq!(aimock.calls().await - before, 4, "{fault}: one call and three more");
        }
        assert_eq!(setting.ask(asking("what is a list")).await.source, "model", "after {fault}");
    }
}

/// Model use, time: an answer that goes on word by word, never silent for long, is given up all the same.
#[tokio::test]
async fn slow_answers_are_given_up() {
    let aimock = Aimock::start(json!([
        { "match": {}, "response": { "content": TEXT }, "chunkSize": 2, "latency": 100 }
    ]))
    .await;
    let timeout = Duration::from_millis(500);
    let setting = setting(ModelConfig { timeout, pauses: Vec::new(), ..aimock.config() }).await;
    let begun = Instant::now();
    assert_eq!(setting.ask(asking("what is a list")).await.source, "builtin");
    assert!(begun.elapsed() >= timeout && begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// Faults: the breaker opens after the failures it is set to, no call is made while it is open, one trial closes it.
#[tokio::test]
async fn the_breaker_keeps_calls_away() {
    let aimock = Aimock::start(json!([{ "match": {}, "response": { "content": TEXT } }])).await;
    let breaker = BreakerConfig { failures: 4, open: Duration::from_millis(600) };
    let setting = setting(ModelConfig { breaker, ..aimock.config() }).await;
    aimock.chaos(json!({ "dropRate": 1 })).await;
    assert_eq!(setting.ask(asking("what is a list")).await.source, "builtin");
    assert_eq!((aimock.calls().await, setting.tutor.model().breaker()), (4, State::Open));
    let answers = join_all((0..50).map(|_| setting.ask(asking("what is a list")))).await;
    assert!(answers.iter().all(|answer| answer.source == "builtin"));
    assert_eq!(aimock.calls().await, 4, "calls were made while the breaker was open");

    // Half open: of many, one is tried, fails, and opens it again.
    sleep(breaker.open).await;
    assert_eq!(setting.tutor.model().breaker(), State::HalfOpen);
    join_all((0..20).map(|_| setting.ask(asking("what is a list")))).await;
    assert_eq!((aimock.calls().await, setting.tutor.model().breaker()), (5, State::Open));

    sleep(breaker.open).await;
    aimock.chaos(json!({})).await;
    assert_eq!(setting.ask(asking("what is a list")).await.source, "model");
    assert_eq!(setting.tutor.model().breaker(), State::Closed);
}

/// FR-011: asked a second time, a topic costs no call; asked by a hundred at once, it costs one.
#[tokio::test]
async fn explanations_are_shared() {
    let aimock = Aimock::start(json!([
        { "match": {}, "response": { "content": TEXT }, "chunkSize": 10, "latency": 30 }
    ]))
    .await;
    let setting = setting(aimock.config()).await;
    let herd = (0..100).map(|_| async {
        let (sink, received) = parts();
        (setting.ask_with_parts(topic("lists"), Some(sink)).await, joined(&received))
    });
    let answers = join_all(herd).await;
    assert_eq!(aimock.calls().await, 1, "the herd was not held together");
    let written = answers.iter().filter(|(answer, _)| answer.source == "model").count();
    let cached = answers.iter().filter(|(answer, _)| answer.source == "cache").count();
    assert_eq!((written, cached), (1, 99));
    assert!(answers.iter().all(|(answer, text)| answer.markdown == TEXT && !text.is_empty()), "some saw no part");

    let again = setting.ask(topic("lists")).await;
    assert_eq!((again.source.as_str(), again.topic.as_str()), ("cache", "lists"));
    assert_eq!(setting.ask(topic("tuples")).await.source, "model");
    assert_eq!(setting.ask(asking("what is a list")).await.source, "model", "a student's own words were cached");
    assert_eq!(aimock.calls().await, 3);

    // Another process finds it in the store, and an old one is better than none when the model is away.
    let other = support::setting(aimock.config()).await;
    *other.store.0.lock().unwrap() = setting.store.0.lock().unwrap().clone();
    assert_eq!(other.ask(topic("lists")).await.source, "cache");
    let age = |store: &support::Memory| {
        for value in store.0.lock().unwrap().values_mut().filter(|value| value.is_object()) {
            value["written_at"] = json!(value["written_at"].as_i64().unwrap() - 3_601);
        }
    };
    let third = support::setting(aimock.config()).await;
    *third.store.0.lock().unwrap() = setting.store.0.lock().unwrap().clone();
    age(&third.store);
    aimock.chaos(json!({ "dropRate": 1 })).await;
    let stale = third.ask(topic("lists")).await;
    assert_eq!((stale.source.as_str(), stale.markdown.as_str()), ("cache", TEXT));
    aimock.chaos(json!({})).await;
    assert_eq!(third.ask(topic("lists")).await.source, "model", "what is older than an hour is written again");
}

/// Secrets: a key that was rotated comes into use with the first refusal, without a restart; a wrong one is given up.
#[tokio::test]
async fn rotated_keys_come_into_use() {
    let aimock = Aimock::start(json!([{ "match": {}, "response": { "content": TEXT } }])).await;
    let rotated = setting_with(aimock.config(), keys(&["the-old-key", "the-key"])).await;
    let begun = Instant::now();
    assert_eq!(rotated.ask(asking("what is a list")).await.source, "model");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let wrong = setting_with(aimock.config(), keys(&["a-wrong-key"])).await;
    assert_eq!(wrong.ask(asking("what is a list")).await.source, "builtin");
    let none = setting_with(aimock.config(), keys(&[])).await;
    assert!(!none.tutor.is_configured());
    let before = aimock.calls().await;
    assert_eq!(none.ask(asking("what is a list")).await.source, "builtin");
    assert_eq!(aimock.calls().await, before);
}

/// FR-017: what the model writes is checked: solutions, instructions, JSON that is none, text without end.
#[tokio::test]
async fn what_must_not_be_shown_is_not() {
    let solution = "def double(values):\n    return [value * 2 for value in values]\n";
    let instructions = learnflow_model::Prompt::concepts().call(
        &Vec::new(),
        None,
        learnflow_model::Tier::Cheap,
        Shape::Markdown,
        None,
    );
    let reply =
        |markdown: &str, hint: &str| json!({ "markdown": markdown, "topic": "lists", "hints": [hint] }).to_string();
    let leaking = format!("Here:\n```python\n{solution}```");
    let content = |question: &str, content: &str| json!({ "match": { "userMessage": question }, "response": { "content": content } });
    let aimock = Aimock::start(json!([
        content("leak-markdown", &leaking),
        content("leak-reply", &reply(&leaking, "a hint")),
        content("leak-hint", &reply("Think about it.", &leaking)),
        content("good-reply", &format!("```json\n{}\n```", reply("Think about it.", "Go through it."))),
        content("no-json", "I would rather talk."),
        content("echo", &instructions.system),
        content("endless", &"word ".repeat(10_000)),
        { "match": { "userMessage": "cut" }, "response": { "content": TEXT, "finishReason": "length" } },
    ]))
    .await;
    let setting = setting(aimock.config()).await;
    let with = |text, shape| Asking { text, shape, reference: Some(solution), shared: None };
    for text in ["leak-markdown"] {
        let (sink, received) = parts();
        let answer = setting.ask_with_parts(with(text, Shape::Markdown), Some(sink)).await;
        assert_eq!(answer.source, "builtin", "{text}");
        assert_eq!(joined(&received), "", "parts came before the check");
    }
    for text in ["leak-reply", "leak-hint", "no-json"] {
        assert_eq!(setting.ask(with(text, Shape::Reply)).await.source, "builtin", "{text}");
    }
    for text in ["echo", "endless", "cut"] {
        let (sink, received) = parts();
        assert_eq!(setting.ask_with_parts(asking(text), Some(sink)).await.source, "builtin", "{text}");
        assert!(joined(&received).len() < 17_000);
    }
    let good = setting.ask(with("good-reply", Shape::Reply)).await;
    assert_eq!((good.source.as_str(), good.topic.as_str()), ("model", "lists"));
    assert_eq!((good.markdown.as_str(), good.hints), ("Think about it.", vec!["Go through it.".to_owned()]));
    // None of it speaks against the endpoint.
    assert_eq!(setting.tutor.model().breaker(), State::Closed);
}

/// Model use: a student who has used up the day's tokens is answered by the built-in tutor, also when some of the answers
/// were written at the same time.
#[tokio::test]
async fn tokens_are_counted_per_student() {
    let usage = json!({ "prompt_tokens": 600, "completion_tokens": 400 });
    let aimock = Aimock::start(json!([{ "match": {}, "response": { "content": TEXT, "usage": usage } }])).await;
    let setting = setting(ModelConfig { student_tokens: 2_000, ..aimock.config() }).await;
    let together = join_all((0..2).map(|_| setting.ask(asking("what is a list")))).await;
    assert!(together.iter().all(|answer| answer.source == "model"));
    assert_eq!(setting.ask(asking("what is a list")).await.source, "builtin");
    assert_eq!(aimock.calls().await, 2);
}

/// Faults: under 30 % rate limits, 10 % disconnects and 10 % malformed replies every one of 500 questions is answered
/// within 15 s, most of them by the model, and each says truly by whom.
#[tokio::test]
async fn five_hundred_questions_survive_a_bad_day() {
    let aimock = Aimock::start(json!([{ "match": {}, "response": { "content": TEXT }, "chunkSize": 30 }])).await;
    // Pauses and time are those of production; so many questions at once may well fail ten times in a row.
    let breaker = BreakerConfig { failures: 40, ..BreakerConfig::default() };
    let plain = ModelConfig::default();
    let config = ModelConfig { pauses: plain.pauses, student_tokens: 0, breaker, ..aimock.config() };
    let setting = setting(config).await;
    aimock.chaos(json!({ "rateLimitRate": 0.3, "disconnectRate": 0.1, "malformedRate": 0.1 })).await;
    let answers = join_all((0..500).map(|_| async {
        let begun = Instant::now();
        let answer = setting.ask(asking("what is a list")).await;
        (answer, begun.elapsed())
    }))
    .await;
    for (answer, elapsed) in &answers {
        assert!(*elapsed < Duration::from_secs(15), "{elapsed:?}");
        let expected = if answer.source == "model" { TEXT } else { BUILTIN };
        assert_eq!(answer.markdown, expected, "{}", answer.source);
    }
    let written = answers.iter().filter(|(answer, _)| answer.source == "model").count();
    let mut times: Vec<_> = answers.iter().map(|(_, elapsed)| *elapsed).collect();
    times.sort();
    println!("{written} of 500 by the model; median {:?}, last {:?}", times[250], times[499]);
    assert!(written >= 400, "only {written} of 500 were written by the model");
}

/// Model use: what is asked for as JSON is repaired, read and checked, or refused; what a student reads of it counts, and so
/// do its tokens.
#[tokio::test]
async fn structured_output_is_checked() {
    #[derive(Debug, serde::Deserialize)]
    struct Hint {
        root_cause: String,
        hint: String,
    }
    let solution = "def double(values):\n    return [value * 2 for value in values]\n";
    let hint = |text: &str| json!({ "root_cause": "It adds.", "hint": text }).to_string();
    let content =
        |text: &str, content: &str| json!({ "match": { "userMessage": text }, "response": { "content": content } });
    let aimock = Aimock::start(json!([
        content("good", &hint("Look at the sign.")),
        content("fenced", &format!("```json\n{},\n```", hint("Look at the sign."))),
        content("leaking", &hint(&format!("Write\n```python\n{solution}```"))),
        content("other", r#"{"answer": 42}"#),
        content("words", "I would rather talk."),
    ]))
    .await;
    let setting = setting(aimock.config()).await;
    let (prompt, shape) = learnflow_model::Prompt::debug();
    let ask = async |text: &str| {
        let student = learnflow_model::StudentData { text, code: None, error: None };
        let call = prompt.call(&Vec::new(), Some(student), learnflow_model::Tier::Strong, shape, Some(solution));
        let shown = |hint: &Hint| format!("{}\n{}", hint.root_cause, hint.hint);
        setting.tutor.structured("debug", "s", &call, Duration::from_secs(5), shown).await.map(|hint| hint.hint)
    };
    for text in ["good", "fenced"] {
        assert_eq!(ask(text).await.as_deref(), Some("Look at the sign."), "{text}");
    }
    for text in ["leaking", "other", "words"] {
        assert_eq!(ask(text).await, None, "{text}");
    }
    assert!(setting.store.0.lock().unwrap().keys().any(|key| key.contains("model-tokens")), "nothing was counted");
    let sent = &aimock.journal().await[0]["body"];
    assert_eq!(sent["response_format"]["json_schema"]["name"], "hint");
    assert_eq!(sent["model"], ModelConfig::default().strong);
}
