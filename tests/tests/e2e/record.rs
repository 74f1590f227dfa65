//! What operators see of the learner's record, and do to it.

use std::{env::current_exe, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};
use tokio::{process::Command, time::sleep};
use tokio_postgres::{Client, NoTls};

use crate::{
    classes::{class, with_role},
    progress::registered,
    world::{World, eventually},
};

async fn database(world: &World) -> Result<(Client, String)> {
    let secrets = world.stack.secrets().await;
    let url = secrets.get("database", "url").context("the stack has no database")?.to_owned();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok((client, url))
}

/// FR-033..035, tables: two hundred calls at once share twenty connections and are all served; the pool is measured; a slow
/// statement is logged with its plan, and without a value of anybody's.
pub async fn the_pool_is_bounded_and_slow_statements_are_explained(world: &World) -> Result<()> {
    let students = try_join_all((0..5).map(|_| registered(world))).await?;
    let (mut sql, _) = database(world).await?;
    let blocked = sql.transaction().await?;
    blocked.batch_execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE").await?;
    let calls = join_all((0..200).map(|number| students[number % 5].get("/notifications")));
    let watched = async {
        sleep(Duration::from_millis(700)).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()";
        let open: i64 = blocked.query_one(open, &[]).await?.get(0);
        blocked.commit().await?;
        anyhow::Ok(open)
    };
    let (replies, open) = tokio::join!(calls, watched);
    let open = open?;
    ensure!((10..=20).contains(&open), "{open} connections");
    for reply in replies {
        let reply = reply?;
        ensure!(reply.status == 200, "{reply:?}");
    }
    eventually("the measures of the pool", Duration::from_secs(5), async || {
        let measure = async |name, label| world.metric("progress-service", name, label).await;
        let pool = async |state| measure("database_pool", state).await;
        let waited = measure("database_pool_wait_seconds_count", "").await?.is_some();
        Ok(pool("most").await? == Some(20.0)
            && pool("waiting").await? == Some(0.0)
            && pool("idle").await? >= Some(1.0)
            && waited)
    })
    .await?;
    eventually("the plan of the slow statement", Duration::from_secs(5), async || {
        let log = std::fs::read_to_string(world.stack.log_path("progress-service"))?;
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let slow = lines.iter().find(|line| line["statement"] == "notifications.list" && line["plan"].is_string());
        let Some(slow) = slow else { return Ok(false) };
        let plan = slow["plan"].as_str().unwrap_or_default();
        ensure!(slow["milliseconds"].as_u64() >= Some(200) && slow["level"] == "WARN", "{slow}");
        ensure!(
            plan.contains("notifications")
                && plan.contains("$1")
                && students.iter().all(|student| !plan.contains(&student.id)),
            "{plan}"
        );
        Ok(true)
    })
    .await
}

/// FR-025..028: the operators' command computes every record of this run anew, from the facts alone, and finds it equal; what
/// was damaged it finds, and puts right when told to.
pub async fn a_rebuild_proves_the_record(world: &World) -> Result<()> {
    let (sql, url) = database(world).await?;
    let command = current_exe()?.ancestors().nth(2).context("no target folder")?.join("learnflow-admin");
    let rebuild = async |more: &[&str]| {
        let mut command = Command::new(&command);
        let output = command.arg("rebuild").args(more).env("DATABASE_URL", &url).output().await?;
        anyhow::Ok((output.status.success(), String::from_utf8(output.stdout)?))
    };
    let (student, teacher) = (registered(world).await?, with_role(world, "teacher").await?);
    class(&teacher, &[&student]).await?;
    let body = json!({ "user_id": student.id, "kind": "quiz.graded", "topic": "lists", "detail": { "score": 100 } });
    ensure!(teacher.post("/progress", &body).await?.status == 200);
    let damage = format!("UPDATE progress SET mastery = 77 WHERE user_id = '{}'", student.id);
    eventually("a record", Duration::from_secs(15), async || Ok(sql.execute(&damage, &[]).await? == 1)).await?;
    let (equal, found) = rebuild(&["--student", &student.id]).await?;
    ensure!(!equal && found.contains("77") && found.contains(&student.id), "{found}");
    let (repaired, found) = rebuild(&["--student", &student.id, "--repair"]).await?;
    ensure!(repaired && found.contains("1 differences"), "{found}");
    let (equal, found) = rebuild(&[]).await?;
    ensure!(equal && found.contains(" 0 differences"), "{found}");
    Ok(())
}
