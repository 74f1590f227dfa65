use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use learnflow_tests::student::User;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    events::publisher,
    kafka::Kafka,
    progress::fail,
    world::{World, eventually},
};

const PASSWORD: &str = "correct horse battery";

async fn signed_in(user: &User, email: &str) -> Result<(u16, String)> {
    let reply = user.post("/auth/login", &json!({ "email": email, "password": PASSWORD })).await?;
    Ok((reply.status.as_u16(), reply.text("access_token").to_owned()))
}

async fn delete(user: &User, id: &str) -> Result<(u16, Value)> {
    let response = user.request(Method::DELETE, &format!("/users/{id}")).send().await?;
    Ok((response.status().as_u16(), response.json().await.unwrap_or_default()))
}

/// FR-041: a student gets everything that is held on them as one JSON document, others don't; erased, they cannot sign in,
/// their token stops working, nothing is left of them in the database and the state store, what still comes about them is
/// not stored, and others are told. Asked for again, it stays done.
pub async fn a_student_is_exported_and_erased(world: &World) -> Result<()> {
    let anybody = world.student()?;
    let email = format!("maya-{}@example.org", Uuid::new_v4());
    let made =
        anybody.post("/auth/register", &json!({ "email": email, "password": PASSWORD, "name": "Maya Ünlü" })).await?;
    let id = made.body["user"]["id"].as_str().with_context(|| format!("{made:?}"))?.to_owned();
    let (status, token) = signed_in(&anybody, &email).await?;
    ensure!(status == 200, "{status}");
    let mut student = anybody.with_token(token);
    student.id.clone_from(&id);
    let admin = anybody.with_token(world.issuer.token(&Uuid::now_v7().to_string(), "admin")?);

    let asked = student.post("/query", &json!({ "text": "What is a list?" })).await?;
    let request_id = asked.text("request_id").to_owned();
    ensure!(asked.status == 200 && !request_id.is_empty(), "{asked:?}");
    fail(&student, 3).await?;
    let (export, progress) = (format!("/users/{id}/export"), format!("/progress/{id}"));
    let held = async |table: &str| {
        let reply = student.get(&export).await?;
        ensure!(reply.status == 200 && reply.header("content-type") == "application/json", "{reply:?}");
        reply.body[table].as_array().cloned().with_context(|| format!("no table {table}: {:?}", reply.body))
    };
    eventually("three runs, their alert and the question", Duration::from_secs(20), async || {
        let runs = held("facts").await?.iter().filter(|fact| fact["kind"] == "code_run").count();
        Ok(runs == 3 && held("alerts").await?.len() == 1 && held("events").await?.len() >= 4)
    })
    .await?;
    let users = held("users").await?;
    ensure!(users.len() == 1 && users[0]["email"] == email.as_str() && users[0]["name"] == "Maya Ünlü", "{users:?}");
    ensure!(users[0].get("password_hash").is_none(), "{users:?}");
    ensure!(anybody.get(&export).await?.status == 403, "another student got the export");
    ensure!(admin.get(&export).await?.status == 200);
    ensure!(student.get(&progress).await?.status == 200);
    let key = format!("student:{id}:idempotency:{request_id}");
    let sidecar = publisher(world, "triage")?;
    ensure!(sidecar.get::<Value>(&key).await?.is_some(), "there is no request record");

    ensure!(delete(&anybody, &id).await?.0 == 403, "another student erased them");
    let (status, body) = delete(&student, &id).await?;
    ensure!(status == 202 && body["status"] == "erasing", "{status} {body}");
    ensure!(signed_in(&anybody, &email).await?.0 == 401, "they could sign in");
    eventually("the token to be refused", Duration::from_secs(6), async || {
        Ok(student.get(&progress).await?.status == 401)
    })
    .await?;
    eventually("the erasure", Duration::from_secs(30), async || {
        let (status, body) = delete(&admin, &id).await?;
        ensure!(status == 202, "{status} {body}");
        Ok(body["status"] == "erased")
    })
    .await?;
    for path in [&export, &progress, &format!("/users/{id}")] {
        let reply = admin.get(path).await?;
        ensure!(reply.status == 404, "{path}: {reply:?}");
    }
    ensure!(sidecar.get::<Value>(&key).await?.is_none(), "the request record is still there");
    eventually("others to be told", Duration::from_secs(15), async || {
        let events = Kafka::of(world).await?.events("learning.events").await?;
        let told =
            |event: &&Value| event["data"]["student_id"] == id.as_str() && event["data"]["kind"] == "user.erased";
        Ok(events.iter().filter(told).count() == 1)
    })
    .await?;
    let listed = admin.get(&format!("/progress/{id}/events")).await?;
    ensure!(listed.status == 404 || listed.body["events"].as_array().is_none_or(Vec::is_empty), "{listed:?}");
    // The address is free again, for another account.
    let again =
        anybody.post("/auth/register", &json!({ "email": email, "password": PASSWORD, "name": "Maya" })).await?;
    ensure!(again.status == 201 && again.body["user"]["id"] != id.as_str(), "{again:?}");
    Ok(())
}
