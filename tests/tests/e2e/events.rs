use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use learnflow_proto::{
    events::{LearningEvent, StruggleDetected},
    topics,
};
use learnflow_sidecar::{Error, Sidecar, SidecarConfig};
use serde_json::json;
use uuid::Uuid;

use crate::{
    kafka::Kafka,
    world::{World, eventually},
};

/// Publishes as an app would, through that app's sidecar.
pub fn publisher(world: &World, app: &str) -> Result<Sidecar> {
    let port = world.stack.sidecar_port(app).with_context(|| format!("no app {app}"))?;
    Ok(Sidecar::connect(SidecarConfig {
        endpoint: format!("http://127.0.0.1:{port}"),
        api_token: Some(world.stack.dapr_api_token(app).to_owned()),
        app_token: None,
        app_id: app.to_owned(),
        timeout: Duration::from_secs(5),
    })?)
}

/// Faults: a malformed event goes to the dead letters, whatever is wrong with it; its partition goes on.
pub async fn malformed_events_are_dead_lettered(world: &World) -> Result<()> {
    let kafka = Kafka::of(world).await?;
    let mark = Uuid::new_v4().to_string();
    let envelope = |kind: &str, data: serde_json::Value| {
        json!({
            "specversion": "1.0", "id": Uuid::new_v4().to_string(), "type": kind, "source": "stranger",
            "datacontenttype": "application/json", "mark": mark, "data": data,
        })
        .to_string()
    };
    let asked = "learnflow.events.v1.QuestionAsked";
    let malformed = [
        envelope(asked, json!({ "question": { "colour": "red" } })),
        envelope(asked, json!({})),
        envelope(asked, json!(7)),
        envelope("learnflow.events.v9.Unknown", json!({ "question": {} })),
        // A valid question from nobody.
        envelope(asked, json!({ "question": { "text": "hi" } })),
    ];
    // Into every partition, so that questions follow behind them wherever their student's key leads.
    for partition in kafka.partitions("learning.requests").await? {
        for event in &malformed {
            kafka.write("learning.requests", partition, event).await?;
        }
        kafka.write("learning.requests", partition, &format!("no envelope {mark}")).await?;
    }
    for _ in 0..16 {
        let student = world.student()?;
        let reply = student.request(reqwest::Method::POST, "/query").header("prefer", "wait=20");
        let reply = reply.json(&json!({ "text": "What is a list?" })).send().await?;
        ensure!(reply.status() == 200, "a neighbour was not answered: {}", reply.status());
    }
    let wanted = malformed.len() * kafka.partitions("learning.requests").await?.len();
    eventually("the dead letters", Duration::from_secs(30), async || {
        let dead = kafka.events("triage.learning.requests.dead").await?;
        let found = dead.iter().filter(|event| event["mark"] == mark.as_str()).count();
        ensure!(found == wanted, "{found} of {wanted}");
        Ok(true)
    })
    .await
}

/// Security: a sidecar refuses topics that are not its app's to publish, and secrets that are not its app's to read.
pub async fn scopes_are_enforced(world: &World) -> Result<()> {
    let triage = publisher(world, "triage")?;
    let student = Uuid::new_v4().to_string();
    let event = StruggleDetected { student_id: student.clone(), ..Default::default() };
    let refused = triage.publish(topics::PUBSUB, topics::STRUGGLE_DETECTED, &student, &event).await;
    ensure!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    ensure!(matches!(triage.secret("jwt").await.err(), Some(Error::Refused { .. })), "triage read the signing key");
    ensure!(publisher(world, "api-gateway")?.secret("jwt").await.is_ok());
    let event = LearningEvent { student_id: student.clone(), kind: "test".to_owned(), ..Default::default() };
    triage.publish(topics::PUBSUB, topics::LEARNING_EVENTS, &student, &event).await?;
    Ok(())
}
