use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_proto::{
    events::{ProgramRan, ProgressRecorded, progress_recorded::Fact},
    now, topics,
};
use learnflow_tests::{
    load::{self, Question},
    student::User,
};
use serde_json::{Value, json};
use tokio::time::{sleep, sleep_until};
use uuid::Uuid;

use crate::{
    events::publisher,
    kafka::Kafka,
    world::{World, eventually},
};

const STUDENTS: usize = 1_000;

/// Faults: services and sidecars killed under load; every one of 1000 questions is answered, and none in two ways.
pub async fn killed_services_lose_no_question(world: &World) -> Result<()> {
    let questions = (0..STUDENTS)
        .map(|number| {
            let token = world.issuer.token(&Uuid::now_v7().to_string(), "student")?;
            Ok(Question { token, body: json!({ "text": format!("What is a list? ({number})") }).to_string() })
        })
        .collect::<Result<Vec<_>>>()?;
    let address = world.address("api-gateway")?;
    let kills = async {
        for victim in ["triage", "concepts-agent", "triage-daprd", "concepts-agent-daprd"] {
            sleep(Duration::from_millis(1_500)).await;
            world.stack.kill9(victim).await?;
        }
        anyhow::Ok(())
    };
    let (outcome, killed) = tokio::join!(load::open(&address, &questions, 100), kills);
    killed?;
    let outcome = outcome?;
    ensure!(outcome.errors == 0, "{} of {STUDENTS} were not answered", outcome.errors);
    let answers: Vec<Value> =
        outcome.bodies.iter().map(|body| serde_json::from_slice(body)).collect::<Result<_, _>>()?;
    let ids: HashSet<&str> = answers.iter().filter_map(|answer| answer["request_id"].as_str()).collect();
    ensure!(ids.len() == STUDENTS, "{} answers", ids.len());

    let published = Kafka::of(world).await?.events("learning.responses").await?;
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    for event in &published {
        let data = &event["data"];
        if let Some(id) = data["request_id"].as_str().filter(|id| ids.contains(id)) {
            let first = *seen.entry(id).or_insert(&data["answer"]);
            ensure!(*first == data["answer"], "{id} was answered in two ways");
        }
    }
    for victim in ["triage", "concepts-agent"] {
        world.stack.wait_ready(victim).await?;
    }
    Ok(())
}

async fn answered(world: &World) -> Result<bool> {
    let student = world.student()?;
    let reply = student.request(reqwest::Method::POST, "/query").header("prefer", "wait=10");
    Ok(reply.json(&json!({ "text": "What is a list?" })).send().await?.status() == 200)
}

/// Faults: with Kafka away a question is refused with 503 and Retry-After; one accepted before is answered after.
pub async fn kafka_away_is_said_and_survived(world: &World) -> Result<()> {
    let student = world.student()?;
    // Accepted, but the agent is away until Kafka has been.
    world.stack.stop_child("concepts-agent").await?;
    let request = student.request(reqwest::Method::POST, "/query").header("prefer", "respond-async");
    let accepted: Value = request.json(&json!({ "text": "What is a tuple?" })).send().await?.json().await?;
    let path = format!("/queries/{}", accepted["request_id"].as_str().context("not accepted")?);
    world.stack.stop_child("kafka").await?;
    world.stack.start_child("concepts-agent").await?;
    for _ in 0..6 {
        let reply = student.post("/query", &json!({ "text": "What is a list?" })).await?;
        ensure!(reply.status == 503 && !reply.header("retry-after").is_empty(), "{reply:?}");
        ensure!(reply.text("detail").contains("service temporarily unavailable"), "{reply:?}");
    }
    world.stack.start_child("kafka").await?;
    eventually("questions to be answered again", Duration::from_secs(90), async || answered(world).await).await?;
    eventually("the accepted question's answer", Duration::from_mins(1), async || {
        Ok(student.get(&path).await?.body["answer"]["topic"] == "tuples")
    })
    .await
}

/// Faults: with Redis away a question is refused with 503, never answered wrongly; programs still run.
pub async fn redis_away_is_said_and_survived(world: &World) -> Result<()> {
    let student = world.student()?;
    world.stack.stop_child("redis").await?;
    let reply = student.post("/query", &json!({ "text": "What is a list?" })).await?;
    ensure!(reply.status == 503 && !reply.header("retry-after").is_empty(), "{reply:?}");
    let reply = student.post("/execute", &json!({ "code": "print(1)" })).await?;
    ensure!(reply.text("stdout") == "1\n", "{reply:?}");
    world.stack.start_child("redis").await?;
    eventually("questions to be answered again", Duration::from_mins(1), async || answered(world).await).await
}

/// FR-033..035, faults: events wait in Kafka while PostgreSQL is away and are stored once when it is back; what was
/// stored before is still there.
pub async fn events_wait_for_postgresql(world: &World) -> Result<()> {
    let student = world.student()?;
    let ask = async |text: &str| {
        let reply = student.post("/query", &json!({ "text": text })).await?;
        ensure!(reply.status == 200, "{reply:?}");
        Ok(reply.text("request_id").to_owned())
    };
    let path = format!("/progress/{}/events?page_size=200", student.id);
    let recorded = async |ids: &[String]| {
        let reply = student.get(&path).await?;
        let events = reply.body["events"].as_array().with_context(|| format!("{reply:?}"))?;
        let times = |id: &String| {
            events.iter().filter(|event| event["correlation_id"] == *id && event["kind"] == "question.answered").count()
        };
        ensure!(events.len() <= ids.len(), "stored twice: {events:?}");
        Ok(ids.iter().all(|id| times(id) == 1))
    };
    let mut ids = vec![ask("What is a list?").await?];
    eventually("the first question's events", Duration::from_secs(15), async || recorded(&ids).await).await?;
    world.stack.stop_child("postgres").await?;
    for _ in 0..5 {
        ids.push(ask("What is a tuple?").await?);
    }
    let reply = student.get(&path).await?;
    ensure!(reply.status == 503, "{reply:?}");
    world.stack.start_child("postgres").await?;
    world.stack.wait_ready("progress-service").await?;
    eventually("all events", Duration::from_mins(1), async || recorded(&ids).await).await
}

/// Shutdown: an agent that is stopped loses nothing; its students are answered by its successor.
pub async fn shutdown_hands_work_back(world: &World) -> Result<()> {
    let questions = (0..300)
        .map(|_| {
            let token = world.issuer.token(&Uuid::now_v7().to_string(), "student")?;
            Ok(Question { token, body: json!({ "text": "What is a tuple?" }).to_string() })
        })
        .collect::<Result<Vec<_>>>()?;
    let address = world.address("api-gateway")?;
    let restart = async {
        for name in ["concepts-agent", "triage"] {
            sleep(Duration::from_millis(500)).await;
            world.stack.stop_child(name).await?;
            world.stack.start_child(name).await?;
        }
        anyhow::Ok(())
    };
    let (outcome, restarted) = tokio::join!(load::open(&address, &questions, 100), restart);
    restarted?;
    let outcome = outcome?;
    ensure!(outcome.errors == 0, "{} of {} were not answered", outcome.errors, questions.len());
    Ok(())
}

/// Programs that students ran during the test, and how many a second.
const RUNS: usize = 4_000;
const RUNS_PER_SECOND: u32 = 80;

/// FR-025..028, FR-033..035, faults: with progress-service, its sidecar, Kafka and PostgreSQL killed one after the other
/// while facts come, every fact counts once.
pub async fn killed_infrastructure_loses_no_fact(world: &World) -> Result<()> {
    let mut students = Vec::new();
    for _ in 0..16 {
        students.push(User::registered(&world.stack, &world.issuer).await?);
    }
    let sidecar = publisher(world, "triage")?;
    let begun = tokio::time::Instant::now();
    // Told until Kafka has it, under the same name each time.
    let tell = |number: usize| {
        let (sidecar, student) = (&sidecar, &students[number % students.len()]);
        let topic = ["lists", "tuples"][number / students.len() % 2];
        async move {
            sleep_until(begun + Duration::from_secs(1) * u32::try_from(number)? / RUNS_PER_SECOND).await;
            let ran =
                ProgramRan { status: "completed".into(), run_id: Uuid::now_v7().to_string(), ..ProgramRan::default() };
            let event = ProgressRecorded {
                student_id: student.id.clone(),
                topic: topic.to_owned(),
                occurred_at: Some(now()),
                fact: Some(Fact::ProgramRan(ran)),
            };
            while sidecar.publish(topics::PUBSUB, topics::PROGRESS_EVENTS, &student.id, &event).await.is_err() {
                ensure!(begun.elapsed() < Duration::from_mins(4), "the broker does not come back");
                sleep(Duration::from_millis(250)).await;
            }
            anyhow::Ok(())
        }
    };
    let kills = async {
        for victim in ["progress-service", "progress-service-daprd", "kafka", "postgres"] {
            sleep(Duration::from_secs(5)).await;
            world.stack.kill9(victim).await?;
            sleep(Duration::from_secs(3)).await;
            world.stack.wait_ready(victim).await?;
        }
        anyhow::Ok(())
    };
    // All wait for their moment at once: with the broker away those that are due go on trying, the others go on waiting.
    let told = stream::iter(0..RUNS).map(tell).buffer_unordered(RUNS).try_collect::<Vec<_>>();
    let (told, killed) = tokio::join!(told, kills);
    killed?;
    ensure!(told?.len() == RUNS);
    world.stack.wait_ready("progress-service").await?;
    let admin = students[0].with_token(world.issuer.token(&Uuid::now_v7().to_string(), "admin")?);
    eventually("every run to count once", Duration::from_mins(2), async || {
        let mut counted = 0;
        for (index, student) in students.iter().enumerate() {
            let reply = admin.get(&format!("/progress/{}", student.id)).await?;
            let topics = reply.body["topics"].as_array().cloned().unwrap_or_default();
            let runs: u64 = topics.iter().filter_map(|topic| topic["measures"]["runs"].as_u64()).sum();
            let sent = u64::try_from((index..RUNS).step_by(students.len()).count())?;
            ensure!(runs <= sent, "{} has {runs} runs of {sent}: counted twice", student.id);
            counted += runs;
        }
        ensure!(counted == u64::try_from(RUNS)?, "{counted} of {RUNS} runs counted");
        Ok(true)
    })
    .await
}
