use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use learnflow_proto::{events::StruggleDetected, topics};
use learnflow_tests::{socket::Socket, student::User};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    classes::with_role,
    events::publisher,
    progress::{alerts, fail, registered},
    world::{World, eventually},
};

/// A class of a teacher with some students: its id.
async fn class(teacher: &User, students: &[&User]) -> Result<String> {
    let made = teacher.post("/classes", &json!({ "name": "Class of the test" })).await?;
    ensure!(made.status == 201, "{made:?}");
    for student in students {
        let joined = student.post("/classes/join", &json!({ "join_code": made.text("join_code") })).await?;
        ensure!(joined.status == 200, "{joined:?}");
    }
    Ok(made.text("id").to_owned())
}

/// Seconds since 1970 of an RFC 3339 time of today's or yesterday's events, to compare with this machine's clock.
fn age(at: &Value) -> Result<f64> {
    let at: learnflow_proto::Timestamp = serde_json::from_value(at.clone())?;
    let sent = Duration::new(u64::try_from(at.seconds)?, u32::try_from(at.nanos)?);
    Ok((SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() - sent.as_secs_f64()).max(0.0))
}

async fn listed(user: &User, query: &str) -> Result<(Vec<Value>, u64)> {
    let reply = user.get(&format!("/notifications{query}")).await?;
    ensure!(reply.status == 200, "{reply:?}");
    let notifications = reply.body["notifications"].as_array().cloned().unwrap_or_default();
    Ok((notifications, reply.body["unread_count"].as_u64().context("no unread_count")?))
}

/// FR-037, FR-040: a student who fails again and again: the open page of their teacher shows it within a second of the
/// alert, once however often the event comes; it is listed, counted and marked as read. Without a class an admin is told.
pub async fn teachers_hear_of_struggle(world: &World) -> Result<()> {
    let teacher = with_role(world, "teacher").await?;
    let mut socket = Socket::open(&world.address("api-gateway")?, &teacher, None).await?;
    socket.expect("ready").await?;
    let mut delays = Vec::new();
    let mut alert = Value::Null;
    let mut notification = Value::Null;
    for _ in 0..3 {
        let student = registered(world).await?;
        class(&teacher, &[&student]).await?;
        fail(&student, 3).await?;
        let message = socket.expect("notification").await?;
        notification = message["notification"].clone();
        let detail = &notification["detail"];
        ensure!(
            notification["kind"] == "struggle.detected" && detail["student_id"] == student.id.as_str(),
            "{message}"
        );
        let arrived = age(&notification["created_at"])?;
        alert = alerts(&teacher, &student, "same_error").await?.pop().context("no alert")?;
        ensure!(detail["alert_id"] == alert["id"], "{message} {alert}");
        let known = age(&alert["created_at"])?;
        delays.push(known.max(arrived));
        if delays.iter().any(|delay| *delay < 1.0) {
            break;
        }
    }
    ensure!(delays.iter().any(|delay| *delay < 1.0), "seconds from the alert to the page: {delays:?}");

    let id = notification["id"].as_str().context("no id")?.to_owned();
    let again = StruggleDetected {
        alert_id: alert["id"].as_str().unwrap_or_default().to_owned(),
        student_id: notification["detail"]["student_id"].as_str().unwrap_or_default().to_owned(),
        kind: "same_error".to_owned(),
        message: "again".to_owned(),
        ..StruggleDetected::default()
    };
    let progress = publisher(world, "progress-service")?;
    for _ in 0..2 {
        progress.publish(topics::PUBSUB, topics::STRUGGLE_DETECTED, &again.student_id, &again).await?;
    }
    // A student in no class: the admin's turn. It comes behind the two above, in their partition or another.
    let alone = registered(world).await?;
    fail(&alone, 3).await?;
    let secrets = world.stack.secrets().await;
    let credential = |field| secrets.get("bootstrap-admin", field).unwrap_or_default().to_owned();
    let login = json!({ "email": credential("email"), "password": credential("password") });
    let token = alone.post("/auth/login", &login).await?.text("access_token").to_owned();
    let admin = alone.with_token(token);
    eventually("a notification for the admin", Duration::from_secs(15), async || {
        let (notifications, _) = listed(&admin, "?page_size=200").await?;
        Ok(notifications.iter().any(|found| found["detail"]["student_id"] == alone.id.as_str()))
    })
    .await?;

    let (notifications, unread) = listed(&teacher, "?unread=true").await?;
    let of_alert = notifications.iter().filter(|found| found["detail"]["alert_id"] == alert["id"]).count();
    ensure!(of_alert == 1 && usize::try_from(unread)? == notifications.len(), "{notifications:?}");
    let read = teacher.post(&format!("/notifications/{id}/read"), &json!({})).await?;
    ensure!(read.status == 200 && read.body["notification"]["read"] == true, "{read:?}");
    ensure!(listed(&teacher, "?unread=true").await?.1 == unread - 1);
    let foreign = alone.post(&format!("/notifications/{id}/read"), &json!({})).await?;
    ensure!(foreign.status == 404, "{foreign:?}");
    Ok(())
}

/// FR-039, FR-040: a student reaches a level of a topic: their open page says so, once, and so does their list; a further
/// level is told of too. Who wants no such news gets none.
pub async fn levels_are_told(world: &World) -> Result<()> {
    let (teacher, student, deaf) = tokio::try_join!(with_role(world, "teacher"), registered(world), registered(world))?;
    class(&teacher, &[&student, &deaf]).await?;
    let chosen = deaf.post("/notifications/subscribe", &json!({ "kinds": ["announcement"] })).await?;
    ensure!(chosen.status == 200, "{chosen:?}");
    let mut socket = Socket::open(&world.address("api-gateway")?, &student, None).await?;
    socket.expect("ready").await?;
    let passes = async |user: &User, exercises: std::ops::Range<u32>| {
        for number in exercises {
            let detail =
                json!({ "exercise_id": format!("e{number}"), "status": "passed", "score": 100, "difficulty": "hard" });
            let body = json!({ "user_id": user.id, "kind": "exercise.graded", "topic": "lists", "detail": detail });
            let told = teacher.post("/progress", &body).await?;
            ensure!(told.status == 200, "{told:?}");
        }
        Ok(())
    };
    // By the formula: 13.3 for each of three hard exercises, 30 for the quiz, 1.4 for the first day.
    for user in [&deaf, &student] {
        let body = json!({ "user_id": user.id, "kind": "quiz.graded", "topic": "lists", "detail": { "score": 100 } });
        ensure!(teacher.post("/progress", &body).await?.status == 200);
        passes(user, 0..1).await?;
    }
    let message = socket.expect("notification").await?;
    let (notification, detail) = (&message["notification"], &message["notification"]["detail"]);
    ensure!(notification["kind"] == "level.reached" && detail["topic"] == "lists", "{message}");
    ensure!(detail["level"] == "learning" && notification["title"] == "A new level in lists: learning", "{message}");
    ensure!(
        notification["body"] == "Your mastery is 45 of 100 now." && age(&notification["created_at"])? < 5.0,
        "{message}"
    );

    // 58.1, the same level; then 71.4, the next one.
    passes(&student, 1..3).await?;
    let next = socket.expect("notification").await?;
    ensure!(next["notification"]["detail"]["level"] == "proficient", "{next}");
    let (listed, unread) = listed(&student, "").await?;
    let levels: Vec<&str> = listed.iter().filter_map(|found| found["detail"]["level"].as_str()).collect();
    ensure!(levels == ["proficient", "learning"] && unread == 2, "{listed:?}");
    ensure!(self::listed(&deaf, "").await?.0.is_empty(), "a level was told that was not wanted");
    Ok(())
}

/// FR-040: teachers write to their own students, in a page that is open and one that opens later; students to nobody; who
/// does not want a kind does not get it; lists have pages.
pub async fn announcements_reach_their_audience(world: &World) -> Result<()> {
    let (teacher, stranger) = (with_role(world, "teacher").await?, with_role(world, "teacher").await?);
    let (here, away, deaf, other) =
        tokio::try_join!(registered(world), registered(world), registered(world), registered(world))?;
    let class = class(&teacher, &[&here, &away, &deaf]).await?;
    let chosen = deaf.post("/notifications/subscribe", &json!({ "kinds": ["assignment.given"] })).await?;
    ensure!(chosen.status == 200 && chosen.body["kinds"] == json!(["assignment.given"]), "{chosen:?}");
    let unknown = deaf.post("/notifications/subscribe", &json!({ "kinds": ["weather"] })).await?;
    ensure!(unknown.status == 400 && unknown.body["errors"][0]["field"] == "kinds[0]", "{unknown:?}");

    let address = world.address("websocket-service")?;
    let mut socket = Socket::open(&address, &here, None).await?;
    let mut cut = Socket::open(&address, &away, None).await?;
    socket.expect("ready").await?;
    cut.send(&json!({ "type": "ask", "id": "q", "text": "What is a set?" })).await?;
    cut.expect("answer").await?;
    let after = cut.sequence;
    drop(cut);

    let body = json!({ "class_id": class, "title": "Tomorrow", "body": "Bring your questions." });
    let sent = teacher.post("/notifications/publish", &body).await?;
    ensure!(sent.status == 200 && sent.body["recipients"] == 2, "{sent:?}");
    let message = socket.expect("notification").await?;
    ensure!(message["notification"]["title"] == "Tomorrow" && message["notification"]["read"] == false, "{message}");
    // Nobody had a socket of this one: on the return it is there.
    let mut returned = Socket::open(&address, &away, Some(after)).await?;
    let message = returned.expect("notification").await?;
    ensure!(message["notification"]["title"] == "Tomorrow", "{message}");
    let mut again = Socket::open(&address, &away, Some(returned.sequence)).await?;
    loop {
        let message = again.next().await?;
        ensure!(message["type"] != "notification", "the same news came twice: {message}");
        if message["type"] == "ready" {
            break;
        }
    }
    ensure!(listed(&deaf, "").await?.0.is_empty(), "an announcement came that was not wanted");

    for (user, body, status) in [
        (&here, json!({ "everyone": true, "title": "Hello" }), 403),
        (&stranger, body.clone(), 403),
        (&stranger, json!({ "user_ids": [here.id], "title": "Hello" }), 403),
        (&teacher, json!({ "user_ids": [here.id, other.id], "title": "Hello" }), 403),
        (&teacher, json!({ "title": "Hello" }), 400),
        (&teacher, json!({ "user_ids": [here.id], "title": "" }), 400),
    ] {
        let reply = user.post("/notifications/publish", &body).await?;
        ensure!(reply.status.as_u16() == status, "{body}: {reply:?}");
    }
    for number in 0..3 {
        let body = json!({ "user_ids": [here.id], "title": format!("Number {number}") });
        ensure!(teacher.post("/notifications/publish", &body).await?.status == 200);
    }
    let page = here.get("/notifications?page_size=3").await?;
    let rest = here.get(&format!("/notifications?page_token={}", page.text("next_page_token"))).await?;
    let titles: Vec<&str> = [&page, &rest]
        .iter()
        .flat_map(|reply| reply.body["notifications"].as_array().into_iter().flatten())
        .filter_map(|notification| notification["title"].as_str())
        .collect();
    ensure!(titles == ["Number 2", "Number 1", "Number 0", "Tomorrow"], "{titles:?}");
    Ok(())
}

/// FR-039: a thousand sockets at one replica, of two hundred students; what an admin tells everybody reaches each of them.
pub async fn a_broadcast_reaches_a_thousand_sockets(world: &World) -> Result<()> {
    let students: Vec<User> = stream::iter(0..200).map(|_| registered(world)).buffer_unordered(4).try_collect().await?;
    let address = world.address("websocket-service")?;
    let mut sockets = Socket::open_all(&address, &students, 5).await?;
    let admin = with_role(world, "admin").await?;
    let begun = Instant::now();
    let sent = admin.post("/notifications/publish", &json!({ "everyone": true, "title": "Maintenance" })).await?;
    ensure!(sent.status == 200 && sent.body["recipients"].as_u64() >= Some(200), "{sent:?}");
    let received = try_join_all(sockets.iter_mut().map(|socket| socket.expect("notification"))).await?;
    ensure!(received.iter().all(|message| message["notification"]["title"] == "Maintenance"));
    ensure!(received.len() == 1_000 && begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    Ok(())
}
