use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use learnflow_tests::student::{Reply, User};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    kafka::Kafka,
    world::{World, eventually},
};

/// FR-001, FR-005..012: each kind of question is answered by its agent, at its level; what is unclear is answered too.
pub async fn every_kind_reaches_its_agent(world: &World) -> Result<()> {
    let student = world.student()?;
    let broken = "prices = {'apple': 3}\nprint(prices['pear'])";
    let questions = [
        (json!({ "text": "What is a list?" }), "concepts", "lists"),
        (json!({ "text": "how do i go trough a dictionary", "level": "learning" }), "concepts", "dictionaries"),
        (json!({ "text": "explain it", "topic": "recursion" }), "concepts", "recursion"),
        (json!({ "text": "help", "code": broken, "error": "KeyError: 'pear'" }), "debug", "dictionaries"),
        (json!({ "text": "please review my code", "code": "for i in range(3):\n    print(i)" }), "code-review", ""),
        (json!({ "text": "give me an exercise about while loops" }), "exercise", "while-loops"),
        (json!({ "text": "what is the best pizza in town" }), "concepts", ""),
    ];
    for (question, agent, topic) in questions {
        let reply = student.post("/query", &question).await?;
        ensure!(reply.status == 200, "{question}: {reply:?}");
        ensure!(reply.text("agent") == agent && reply.text("source") == "builtin", "{question}: {reply:?}");
        ensure!(topic.is_empty() || reply.text("topic") == topic, "{question}: topic {}", reply.text("topic"));
        ensure!(reply.text("markdown").len() > 100 && !reply.text("created_at").is_empty(), "{question}: {reply:?}");
        ensure!(!reply.text("request_id").is_empty(), "{question}: {reply:?}");
    }
    Ok(())
}

/// Asks without waiting; returns the id.
pub async fn ask_later(student: &User, text: &str) -> Result<String> {
    let request = student.request(Method::POST, "/query").header("prefer", "respond-async");
    let reply = Reply::read(request.json(&json!({ "text": text })).send().await?).await?;
    ensure!(reply.status == 202 && reply.text("status") == "pending", "{reply:?}");
    let id = reply.text("request_id").to_owned();
    ensure!(reply.header("location") == format!("/api/v1/queries/{id}"), "{reply:?}");
    Ok(id)
}

/// FR-001: a question need not be waited for; its answer is there for its owner, and for nobody else.
pub async fn answers_can_be_fetched_later(world: &World) -> Result<()> {
    let student = world.student()?;
    let id = ask_later(&student, "What is a tuple?").await?;
    let path = format!("/queries/{id}");
    eventually("the answer", Duration::from_secs(10), async || {
        let reply = student.get(&path).await?;
        ensure!(reply.status == 200, "{reply:?}");
        Ok(reply.body["status"] == "answered" && reply.body["answer"]["topic"] == "tuples")
    })
    .await?;
    ensure!(world.student()?.get(&path).await?.status == 404, "another student read the answer");
    ensure!(student.get("/queries/no-such-question").await?.status == 404);
    Ok(())
}

/// The events of a stream: name, id, data.
pub async fn stream(student: &User, id: &str, last_event_id: Option<&str>) -> Result<Vec<(String, String, Value)>> {
    let mut request = student.request(Method::GET, &format!("/queries/{id}/events"));
    if let Some(last) = last_event_id {
        request = request.header("last-event-id", last);
    }
    let response = request.send().await?;
    ensure!(response.status() == 200, "{}", response.status());
    ensure!(response.headers()["content-type"] == "text/event-stream", "{:?}", response.headers());
    let mut text = String::new();
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        text.push_str(std::str::from_utf8(&chunk?)?);
    }
    text.split("\n\n")
        .filter(|event| event.contains("data:"))
        .map(|event| {
            let field = |name: &str| {
                let line = event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                line.trim_start().to_owned()
            };
            Ok((field("event:"), field("id:"), serde_json::from_str(&field("data:"))?))
        })
        .collect()
}

/// FR-001: an answer streams as parts and ends with the whole; a broken stream goes on where it was.
pub async fn answers_stream_and_resume(world: &World) -> Result<()> {
    let student = world.student()?;
    let id = ask_later(&student, "What is a set?").await?;
    let events = stream(&student, &id, None).await?;
    let (name, _, answer) = events.last().context("no events")?;
    ensure!(name == "answer" && answer["topic"] == "sets", "{events:?}");
    let parts = &events[..events.len() - 1];
    ensure!(parts.len() > 1 && parts.iter().all(|(name, ..)| name == "part"), "{events:?}");
    let joined = |parts: &[(String, String, Value)]| -> String {
        parts.iter().filter_map(|(_, _, part)| part["text"].as_str()).collect()
    };
    ensure!(joined(parts) == answer["markdown"].as_str().unwrap_or_default());
    ensure!(parts.iter().zip(1..).all(|((.., part), number)| part["sequence"] == number), "{events:?}");

    let rest = stream(&student, &id, Some(&parts[0].1)).await?;
    ensure!(joined(&parts[..1]) + &joined(&rest) == joined(parts), "{rest:?}");
    let refused = student.request(Method::GET, &format!("/queries/{id}/events")).header("last-event-id", "x");
    ensure!(refused.send().await?.status() == 400);
    Ok(())
}

/// FR-001: a retry under the same key gets the first answer; the key cannot be used for another question.
pub async fn an_idempotency_key_names_one_question(world: &World) -> Result<()> {
    let student = world.student()?;
    let ask = async |student: &User, key: &str, text: &str| {
        let request = student.request(Method::POST, "/query").header("idempotency-key", key);
        Reply::read(request.json(&json!({ "text": text })).send().await?).await
    };
    let key = Uuid::new_v4().to_string();
    let (first, second) =
        tokio::join!(ask(&student, &key, "What is a class?"), ask(&student, &key, "What is a class?"));
    let (first, second) = (first?, second?);
    ensure!(first.status == 200 && first.body == second.body, "{first:?} {second:?}");
    ensure!(ask(&student, &key, "What is a class?").await?.body == first.body);
    let other = ask(&student, &key, "What is a list?").await?;
    ensure!(other.status == 422, "{other:?}");
    let stranger = ask(&world.student()?, &key, "What is a list?").await?;
    ensure!(stranger.status == 200 && stranger.text("request_id") != first.text("request_id"), "{stranger:?}");

    let kafka = Kafka::of(world).await?;
    let asked = kafka.events("learning.requests").await?;
    let id = first.text("request_id");
    ensure!(asked.iter().filter(|event| event["data"]["question"]["request_id"] == id).count() == 1, "asked twice");
    Ok(())
}

/// Observability: one trace id and one correlation id from the HTTP request to the answer, over Kafka, in every event.
pub async fn one_trace_from_request_to_answer(world: &World) -> Result<()> {
    let student = world.student()?;
    let trace_id = Uuid::new_v4().simple().to_string();
    let request = student
        .request(Method::POST, "/query")
        .header("traceparent", format!("00-{trace_id}-00f067aa0ba902b7-01"))
        .json(&json!({ "text": "What is a function?" }));
    let reply = Reply::read(request.send().await?).await?;
    let id = reply.text("request_id").to_owned();
    let kafka = Kafka::of(world).await?;
    let topics = [
        ("learning.requests", "learnflow.events.v1.QuestionAsked", "api-gateway"),
        ("concepts.requests", "learnflow.events.v1.QuestionRouted", "triage"),
        ("learning.responses", "learnflow.events.v1.AnswerReady", "concepts-agent"),
        ("learning.events", "learnflow.events.v1.LearningEvent", "concepts-agent"),
    ];
    for (topic, kind, source) in topics {
        eventually(topic, Duration::from_secs(5), async || {
            let events = kafka.events(topic).await?;
            let event = events
                .iter()
                .find(|event| event["correlationid"] == id && event["source"] == source)
                .context("no such event")?;
            ensure!(event["type"] == kind && event["subject"] == student.id, "{event}");
            let traceparent = event["traceparent"].as_str().unwrap_or_default();
            ensure!(traceparent.split('-').nth(1) == Some(trace_id.as_str()), "{event}");
            ensure!(event["specversion"] == "1.0" && event["time"].is_string(), "{event}");
            Ok(true)
        })
        .await?;
    }
    // Operators find the request by either id, in the log of each service it went through.
    for app in ["api-gateway", "triage", "concepts-agent"] {
        eventually(app, Duration::from_secs(5), async || {
            let log = std::fs::read_to_string(world.stack.log_path(app))?;
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(&trace_id)).collect();
            ensure!(lines.iter().all(|line| !line.contains("What is a function?")), "a student's text was logged");
            Ok(lines.iter().any(|line| line.contains(&id)))
        })
        .await?;
    }
    Ok(())
}

/// Events: one student's questions are worked in the order they were asked.
pub async fn a_student_keeps_their_order(world: &World) -> Result<()> {
    let student = world.student()?;
    let mut asked = Vec::new();
    for number in 0..20 {
        asked.push(ask_later(&student, &format!("What is a list? ({number})")).await?);
    }
    let path = format!("/progress/{}/events?page_size=200", student.id);
    eventually("all answers in the record", Duration::from_secs(20), async || {
        let reply = student.get(&path).await?;
        let events = reply.body["events"].as_array().with_context(|| format!("{reply:?}"))?;
        let mut answered: Vec<_> = events
            .iter()
            .filter(|event| event["kind"] == "question.answered")
            .map(|event| (event["occurred_at"].as_str(), event["correlation_id"].as_str()))
            .collect();
        answered.sort_unstable();
        if answered.len() < asked.len() {
            return Ok(false);
        }
        let order: Vec<_> = answered.into_iter().filter_map(|(_, id)| id).collect();
        ensure!(order == asked, "asked {asked:?}, answered {order:?}");
        Ok(true)
    })
    .await
}

/// FR-009..012: the curriculum is listed in order and each of its topics explained.
pub async fn concepts_are_listed_and_explained(world: &World) -> Result<()> {
    let student = world.student()?;
    let concepts = student.get("/concepts").await?;
    let modules = concepts.body["modules"].as_array().context("no modules")?;
    ensure!(modules.len() == 8, "{concepts:?}");
    let topics: Vec<&str> = modules
        .iter()
        .flat_map(|module| module["topics"].as_array().into_iter().flatten())
        .filter_map(|topic| topic["id"].as_str())
        .collect();
    ensure!(topics.len() >= 48, "only {} topics", topics.len());
    for topic in topics {
        let reply = student.post("/explain", &json!({ "topic": topic, "level": "beginner" })).await?;
        ensure!(reply.status == 200 && reply.text("topic") == topic, "{topic}: {reply:?}");
        ensure!(reply.text("markdown").contains("```python"), "{topic} shows no code");
    }
    let one = student.get("/concepts?module=functions").await?;
    ensure!(one.body["modules"].as_array().is_some_and(|modules| modules.len() == 1), "{one:?}");
    ensure!(student.get("/concepts?module=cooking").await?.status == 400);
    let asked = student.post("/explain", &json!({ "text": "how do while loops work" })).await?;
    ensure!(asked.text("topic") == "while-loops", "{asked:?}");
    Ok(())
}
