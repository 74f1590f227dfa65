use std::time::Duration;

use anyhow::{Result, ensure};
use learnflow_tests::student::{Reply, User};
use serde_json::{Value, json};

use crate::{
    classes::{class, with_role},
    kafka::Kafka,
    world::{World, eventually},
};

/// A student with an account: of others no record is kept.
pub async fn registered(world: &World) -> Result<User> {
    User::registered(&world.stack, &world.issuer).await
}

/// A student, and a teacher in whose class they are.
async fn taught(world: &World) -> Result<(User, User)> {
    let (student, teacher) = (registered(world).await?, with_role(world, "teacher").await?);
    class(&teacher, &[&student]).await?;
    Ok((student, teacher))
}

pub async fn fail(student: &User, times: usize) -> Result<()> {
    for _ in 0..times {
        let reply = student.post("/execute", &json!({ "code": "total = 0\nprint(totl)" })).await?;
        ensure!(reply.text("status") == "runtime_error", "{reply:?}");
    }
    Ok(())
}

pub async fn alerts(teacher: &User, student: &User, kind: &str) -> Result<Vec<Value>> {
    let reply = teacher.get(&format!("/alerts?student_id={}", student.id)).await?;
    ensure!(reply.status == 200, "{reply:?}");
    let alerts = reply.body["alerts"].as_array().cloned().unwrap_or_default();
    Ok(alerts.into_iter().filter(|alert| alert["kind"] == kind).collect())
}

async fn runs_of(teacher: &User, student: &User) -> Result<Value> {
    let reply = teacher.get(&format!("/progress/{}", student.id)).await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.body)
}

/// FR-037: a student's failing runs raise exactly one alert, and one struggle.detected; a teacher resolves it, and it
/// can recur.
pub async fn failing_runs_raise_one_alert(world: &World) -> Result<()> {
    let (student, teacher) = taught(world).await?;
    fail(&student, 4).await?;
    let found = async || alerts(&teacher, &student, "same_error").await;
    eventually("an alert with all four runs", Duration::from_secs(15), async || {
        let found = found().await?;
        Ok(found.len() == 1 && found[0]["signs"] == 4)
    })
    .await?;
    let alert = found().await?.remove(0);
    ensure!(alert["error_type"] == "NameError" && alert["resolved"] == false, "{alert}");
    let detected = async || {
        let events = Kafka::of(world).await?.events("struggle.detected").await?;
        let of_student = |event: &Value| event["data"]["student_id"] == student.id.as_str();
        let events: Vec<Value> = events.into_iter().filter(of_student).collect();
        anyhow::Ok(events.into_iter().filter(|event| event["data"]["kind"] == "same_error").collect::<Vec<_>>())
    };
    eventually("struggle.detected", Duration::from_secs(10), async || Ok(!detected().await?.is_empty())).await?;
    let events = detected().await?;
    ensure!(events.len() == 1 && events[0]["data"]["alert_id"] == alert["id"], "{events:?}");
    ensure!(events[0]["source"] == "progress-service" && events[0]["correlationid"] != "", "{events:?}");

    let path = format!("/alerts/{}/resolve", alert["id"].as_str().unwrap_or_default());
    ensure!(student.post(&path, &json!({})).await?.status == 403, "a student resolved an alert");
    ensure!(student.get("/alerts").await?.status == 403, "a student listed alerts");
    let resolved = teacher.post(&path, &json!({})).await?;
    ensure!(resolved.status == 200 && resolved.body["alert"]["resolved"] == true, "{resolved:?}");
    fail(&student, 3).await?;
    eventually("a second alert", Duration::from_secs(15), async || {
        let found = found().await?;
        let open = found.iter().filter(|alert| alert["resolved"] == false).count();
        Ok(found.len() == 2 && open == 1)
    })
    .await
}

/// FR-025..028: what a student did shows as mastery, by the formula, with its level, knowledge and next review; others
/// don't see it, teachers do.
pub async fn mastery_appears(world: &World) -> Result<()> {
    let (student, teacher) = taught(world).await?;
    let path = format!("/progress/{}", student.id);
    let told = async |user: &User, kind: &str, detail: Value| {
        let body = json!({ "user_id": student.id, "kind": kind, "topic": "lists", "detail": detail });
        user.post("/progress", &body).await
    };
    let exercise = json!({ "exercise_id": "e1", "status": "passed", "score": 100, "difficulty": "hard" });
    ensure!(told(&student, "exercise.graded", exercise.clone()).await?.status == 403, "a student graded themselves");
    let wrong = told(&teacher, "exercise.graded", json!({ "score": 101 })).await?;
    ensure!(wrong.status == 400, "{wrong:?}");
    for (kind, detail) in [("exercise.graded", exercise), ("quiz.graded", json!({ "score": 90 }))] {
        let reply = told(&teacher, kind, detail).await?;
        ensure!(reply.status == 200 && !reply.text("event_id").is_empty(), "{reply:?}");
    }
    eventually("both parts of the mastery", Duration::from_secs(15), async || {
        let components = student.get(&path).await?.body["topics"][0]["components"].clone();
        Ok(components["exercises"].is_number() && components["quizzes"].is_number())
    })
    .await?;
    let progress = student.get(&path).await?.body;
    let topic = &progress["topics"][0];
    let wanted = 0.4 * 100.0 / 3.0 + 0.3 * 90.0 + 0.1 * 100.0 / 7.0;
    ensure!((topic["mastery"].as_f64().unwrap_or_default() - wanted).abs() < 1e-6, "{progress}");
    ensure!(topic["topic"] == "lists" && topic["level"] == "learning", "{progress}");
    ensure!(topic["next_review_at"].is_string() && topic["knowledge"].as_f64() > Some(0.5), "{progress}");
    ensure!(progress["streak_days"] == 1 && progress["read_only"] == false, "{progress}");
    ensure!(progress["modules"].as_array().map(Vec::len) == Some(8), "{progress}");
    ensure!(topic.get("measures").is_none_or(Value::is_null), "measures are for teachers: {progress}");
    ensure!(runs_of(&teacher, &student).await?["topics"][0]["measures"]["tries"] == 1);
    ensure!(world.student()?.get(&path).await?.status == 403, "a student read another's mastery");
    Ok(())
}

/// FR-025, faults: with PostgreSQL away mastery is read from the caches, marked as read-only, also by a process that
/// has just started; what happens meanwhile raises its alert afterwards.
pub async fn read_only_without_postgresql(world: &World) -> Result<()> {
    let (student, teacher) = taught(world).await?;
    let path = format!("/progress/{}", student.id);
    fail(&student, 1).await?;
    let seen = async |read_only: bool| {
        let reply: Reply = student.get(&path).await?;
        ensure!(reply.status == 200, "{reply:?}");
        Ok(reply.body["streak_days"] == 1 && reply.body["read_only"] == read_only)
    };
    eventually("the record", Duration::from_secs(15), async || seen(false).await).await?;
    // The state store has it a second later.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.stack.stop_child("postgres").await?;
    eventually("the record, read-only", Duration::from_secs(10), async || seen(true).await).await?;
    // Liveness and readiness stay: what can be read is served, what is written waits.
    let address = world.address("progress-service")?;
    for probe in ["health", "ready"] {
        let status = reqwest::get(format!("http://{address}/{probe}")).await?.status();
        ensure!(status == 200, "/{probe} says {status} in read-only mode");
    }
    fail(&student, 2).await?;
    let unknown = world.student()?;
    let reply = unknown.get(&format!("/progress/{}", unknown.id)).await?;
    ensure!(reply.status == 503 && !reply.header("retry-after").is_empty(), "{reply:?}");
    world.stack.kill9("progress-service").await?;
    eventually("the record from the state store", Duration::from_secs(30), async || seen(true).await).await?;

    world.stack.start_child("postgres").await?;
    world.stack.wait_ready("progress-service").await?;
    eventually("the record, fresh", Duration::from_secs(30), async || seen(false).await).await?;
    eventually("the alert", Duration::from_mins(1), async || {
        let found = alerts(&teacher, &student, "same_error").await?;
        Ok(found.len() == 1 && found[0]["signs"] == 3)
    })
    .await
}
