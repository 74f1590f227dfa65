use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    kafka::Kafka,
    world::{World, eventually},
};

/// Mutable default, an unknown name, and `== None`.
const FAULTY: &str = "def add(item, items=[]):\n    items.append(item)\n    return itmes\n\n\nif add(1) == None:\n    print('nothing')\n";

fn rules(comments: &Value) -> Vec<(u64, &str)> {
    let comments = comments.as_array().map(Vec::as_slice).unwrap_or_default();
    comments.iter().filter_map(|comment| Some((comment["line"].as_u64()?, comment["rule"].as_str()?))).collect()
}

/// FR-014..016: a program is reviewed line by line, with a suggestion each and a rating whose parts are shown; what
/// Python cannot read gets a review too; what is too large or unknown is refused.
pub async fn programs_are_reviewed(world: &World) -> Result<()> {
    let student = world.student()?;
    let reply = student.post("/review", &json!({ "code": FAULTY })).await?;
    ensure!(reply.status == 200, "{reply:?}");
    let found = rules(&reply.body["comments"]);
    for wanted in [(1, "mutable-argument-default"), (3, "undefined-name"), (6, "none-comparison")] {
        ensure!(found.contains(&wanted), "{wanted:?} is not among {found:?}");
    }
    for comment in reply.body["comments"].as_array().context("no comments")? {
        let words =
            ["category", "severity", "message", "suggestion"].map(|field| comment[field].as_str().unwrap_or_default());
        ensure!(words.iter().all(|word| !word.is_empty()), "{comment}");
    }
    let rating = reply.body["rating"].as_u64().context("no rating")?;
    let parts = reply.body["parts"].as_array().context("no parts")?;
    let number = |part: &Value, field: &str| part[field].as_u64().unwrap_or_default();
    let weights: u64 = parts.iter().map(|part| number(part, "weight")).sum();
    let sum: u64 = parts.iter().map(|part| number(part, "weight") * number(part, "score")).sum();
    ensure!(weights > 0 && rating == sum / weights && rating < 80, "{reply:?}");
    ensure!(reply.body["correctness"]["verdict"] == "unknown" && reply.text("source") == "builtin", "{reply:?}");
    ensure!(reply.body["functions"][0]["name"] == "add", "{reply:?}");

    let fine = student.post("/review", &json!({ "code": "print(sum([1, 2]))\n", "topic": "lists" })).await?;
    ensure!(fine.body["rating"] == 100 && rules(&fine.body["comments"]).is_empty(), "{fine:?}");
    let broken = student.post("/review", &json!({ "code": "x = 1\nif x\n    print(x)\n" })).await?;
    ensure!(broken.status == 200 && rules(&broken.body["comments"]) == [(2, "syntax-error")], "{broken:?}");

    let style = json!({ "code": "for i in range(0, 3): print(i)\n", "level": "mastered" });
    let expert = student.post("/review", &style).await?;
    ensure!(rules(&expert.body["comments"]).contains(&(1, "unnecessary-range-start")), "{expert:?}");
    let beginner = student.post("/review", &json!({ "code": style["code"] })).await?;
    ensure!(rules(&beginner.body["comments"]).is_empty(), "{beginner:?}");

    let refused = [
        (json!({ "code": "" }), 400, "code"),
        (json!({ "code": "x".repeat(65 * 1024) }), 413, "code"),
        (json!({ "code": "x = 1", "level": "expert" }), 400, "level"),
        (json!({ "code": "x = 1", "topic": "cooking" }), 404, ""),
    ];
    for (body, status, field) in refused {
        let reply = student.post("/review", &body).await?;
        ensure!(reply.status.as_u16() == status, "{status}: {reply:?}");
        ensure!(field.is_empty() || reply.body["errors"][0]["field"] == field, "{reply:?}");
    }
    Ok(())
}

/// FR-013, FR-015: who asks about a program gets its review in the answer, what is good first.
pub async fn questions_are_answered_with_reviews(world: &World) -> Result<()> {
    let student = world.student()?;
    let question = json!({ "text": "please review my code", "code": FAULTY });
    let reply = student.post("/query", &question).await?;
    ensure!(reply.status == 200 && reply.text("agent") == "code-review", "{reply:?}");
    ensure!(rules(&reply.body["review"]["comments"]).contains(&(3, "undefined-name")), "{reply:?}");
    let markdown = reply.text("markdown");
    ensure!(markdown.starts_with("**What is good:**") && markdown.contains("**Line 3.**"), "{markdown}");
    ensure!(markdown.matches("\n- ").count() <= 5, "{markdown}");
    Ok(())
}

/// FR-016: a submission to an exercise is reviewed, and its rating becomes a fact for mastery.
pub async fn submissions_are_rated(world: &World) -> Result<()> {
    let student = world.student()?;
    let asked = json!({ "topic": "lists", "difficulty": "easy" });
    let made = student.post("/exercises/generate", &asked).await?;
    ensure!(made.status == 200, "{made:?}");
    let id = made.body["exercises"][0]["id"].as_str().context("no exercise")?;
    let submitted = student.post(&format!("/exercises/{id}/submissions"), &json!({ "code": FAULTY })).await?;
    let submission_id = submitted.text("submission_id");
    ensure!(submitted.status == 200 && !submission_id.is_empty(), "{submitted:?}");
    let kafka = Kafka::of(world).await?;
    eventually("the rating", Duration::from_secs(10), async || {
        let facts = kafka.events("progress.events").await?;
        let fact = facts.iter().find(|event| event["data"]["code_reviewed"]["submission_id"] == submission_id);
        let Some(fact) = fact else { return Ok(false) };
        let rating = fact["data"]["code_reviewed"]["rating"].as_u64().unwrap_or(100);
        ensure!(rating < 80 && fact["subject"] == student.id && fact["data"]["topic"] == "lists", "{fact}");
        Ok(true)
    })
    .await
}
