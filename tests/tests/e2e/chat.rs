use std::{
    cell::Cell,
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use learnflow_proto::{events::NotificationSent, now, topics, v1::Notification};
use learnflow_sidecar::Sidecar;
use learnflow_tests::{
    cpu::{self, Roles},
    socket::{Handshake, Socket},
    student::User,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    events::publisher,
    progress::registered,
    world::{World, eventually},
};

fn question(id: &str, text: &str) -> Value {
    json!({ "type": "ask", "id": id, "text": text })
}

fn joined(messages: &[Value]) -> String {
    messages.iter().filter(|message| message["type"] == "part").filter_map(|part| part["text"].as_str()).collect()
}

/// Reads until the answer of a question.
async fn until_answer(socket: &mut Socket, id: &str) -> Result<Vec<Value>> {
    let mut messages = Vec::new();
    loop {
        let message = socket.next().await?;
        let end = message["type"] == "answer" && message["id"] == id;
        ensure!(message["type"] != "error", "{message}");
        messages.push(message);
        if end {
            return Ok(messages);
        }
    }
}

/// FR-039: through the gateway a question is answered on the socket, in numbered pieces and then whole; what is wrong with a
/// message is said; both sides of the chat are in its history, for the student alone.
pub async fn questions_are_answered(world: &World) -> Result<()> {
    let student = registered(world).await?;
    let mut socket = Socket::open(&world.address("api-gateway")?, &student, None).await?;
    socket.send(&question("q1", "What is a list?")).await?;
    socket.expect("ready").await?;
    let messages = until_answer(&mut socket, "q1").await?;
    // Asking counts as activity: the record may change meanwhile.
    let messages: Vec<Value> = messages.into_iter().filter(|message| message["type"] != "progress").collect();
    let (asked, answer) = (&messages[0], messages.last().context("no answer")?);
    ensure!(asked["type"] == "asked" && asked["id"] == "q1", "{messages:?}");
    ensure!(answer["answer"]["topic"] == "lists" && answer["answer"]["source"] == "builtin", "{answer}");
    ensure!(answer["answer"]["request_id"] == asked["request_id"], "{messages:?}");
    ensure!(messages.len() > 3 && joined(&messages) == answer["answer"]["markdown"].as_str().unwrap_or_default());
    let numbers: Vec<u64> = messages.iter().filter_map(|message| message["sequence"].as_u64()).collect();
    ensure!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    ensure!(messages.iter().all(|message| message.get("token").is_none()), "{messages:?}");

    // Asked again as after a lost connection it is the same question, under another id a new one.
    socket.send(&question("q1", "What is a list?")).await?;
    let again = until_answer(&mut socket, "q1").await?;
    ensure!(again.last().is_some_and(|answer| answer["request_id"] == asked["request_id"]), "{again:?}");
    let wrong = [
        (question("q2", ""), 400),
        (json!({ "type": "ask", "id": "q3", "text": "hi", "code": "x".repeat(65 * 1024) }), 413),
        (json!({ "type": "ask", "id": "q4", "text": "hi", "colour": "red" }), 400),
        (json!({ "type": "shout" }), 400),
        (json!([1]), 400),
    ];
    for (message, status) in wrong {
        socket.send(&message).await?;
        let error = socket.expect("error").await?;
        ensure!(error["problem"]["status"] == status, "{error}");
    }
    socket.send(&json!({ "type": "ping" })).await?;
    socket.expect("pong").await?;
    socket.send(&json!({ "type": "ask", "id": "q5", "text": "y".repeat(300 * 1024) })).await?;
    ensure!(socket.closed(Duration::from_secs(5)).await?.0 == 1009);

    eventually("the history", Duration::from_secs(15), async || {
        let reply = student.get("/chat/messages?page_size=1").await?;
        ensure!(reply.status == 200, "{reply:?}");
        let first = reply.body["messages"][0].clone();
        let token = reply.text("next_page_token");
        let rest = student.get(&format!("/chat/messages?page_token={token}")).await?.body["messages"].clone();
        let shown = first["author"] == "tutor" && first["answer"]["markdown"] == answer["answer"]["markdown"];
        let rest_shown = rest.as_array().is_some_and(|rest| rest.len() == 1);
        Ok(shown && rest_shown && rest[0]["author"] == "student" && rest[0]["markdown"] == "What is a list?")
    })
    .await?;
    let stranger = world.student()?.get(&format!("/chat/messages?student_id={}", student.id)).await?;
    ensure!(stranger.status == 403, "{stranger:?}");
    Ok(())
}

/// FR-039: websocket-service is told of answers to questions asked over its sockets, not of those to calls at the gateway.
pub async fn answers_to_calls_end_in_the_sidecar(world: &World) -> Result<()> {
    const CALLS: u32 = 20;
    let student = registered(world).await?;
    let before = answers_handled(world).await?;
    for _ in 0..CALLS {
        let reply = student.post("/query", &json!({ "text": "What is a list?" })).await?;
        ensure!(reply.status == 200, "{reply:?}");
    }
    let handled = answers_handled(world).await? - before;
    ensure!(handled < f64::from(CALLS / 2), "{handled} events came to websocket-service for {CALLS} calls");

    let mut socket = Socket::open(&world.address("api-gateway")?, &student, None).await?;
    let before = answers_handled(world).await?;
    for index in 0..CALLS {
        let id = index.to_string();
        socket.send(&question(&id, "What is a list?")).await?;
        until_answer(&mut socket, &id).await?;
    }
    eventually("the events of the answers", Duration::from_secs(5), async || {
        Ok(answers_handled(world).await? >= before + f64::from(CALLS))
    })
    .await
}

/// How many events of learning.responses websocket-service has handled.
async fn answers_handled(world: &World) -> Result<f64> {
    let handled = world.metric("websocket-service", "event_handler_seconds_count", "\"learning.responses\"").await?;
    Ok(handled.unwrap_or_default())
}

/// FR-039, security: no socket for pages of other sites, for wrong tokens, for other people's chats.
pub async fn strangers_are_refused(world: &World) -> Result<()> {
    let (student, other) = (world.student()?, world.student()?);
    let address = world.address("websocket-service")?;
    let token = |token: &str| Handshake { token: Some(token.to_owned()), ..Handshake::default() };
    let ended = async |id: &str, handshake: Handshake| {
        Socket::connect(&address, id, handshake).await?.closed(Duration::from_secs(10)).await
    };
    ensure!(ended(&student.id, token("a.b.c")).await?.0 == 4401);
    ensure!(ended(&student.id, Handshake::default()).await?.0 == 4401, "no token at all");
    ensure!(ended(&student.id, token(&other.token)).await?.0 == 4403);
    let teacher = world.issuer.token(&other.id, "teacher")?;
    ensure!(ended(&student.id, token(&teacher)).await?.0 == 4403, "a teacher reads no chat");

    let from = |origin| Handshake { origin: Some(origin), ..token(&student.token) };
    let refused = Socket::connect(&address, &student.id, from("http://evil.example")).await.err();
    ensure!(format!("{refused:?}").contains("403"), "{refused:?}");
    Socket::connect(&address, &student.id, from("http://localhost:3000")).await?.expect("ready").await?;
    let plain = reqwest::get(format!("http://{address}/ws/chat/{}", student.id)).await?;
    ensure!(plain.status() == 426, "{plain:?}");
    Ok(())
}

/// FR-039: a socket ends with its token and says so, unless a new one came before; the token may come as first message.
pub async fn tokens_end_and_are_renewed(world: &World) -> Result<()> {
    let student = world.student()?;
    let address = world.address("websocket-service")?;
    let short = world.issuer.token_for(&student.id, "student", 4)?;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = Socket::connect(&address, &student.id, Handshake::default()).await?;
        socket.send(&json!({ "type": "auth", "token": short })).await?;
        socket.expect("ready").await?;
        sockets.push(socket);
    }
    let [mut renewed, mut ending] = <[Socket; 2]>::try_from(sockets).ok().context("two sockets")?;
    renewed.send(&json!({ "type": "auth", "token": student.token })).await?;
    renewed.expect("auth").await?;
    let (code, reason) = ending.closed(Duration::from_secs(8)).await?;
    ensure!(code == 4401 && reason.contains("token"), "{code} {reason}");
    renewed.send(&json!({ "type": "ping" })).await?;
    renewed.expect("pong").await?;
    let other = world.student()?;
    renewed.send(&json!({ "type": "auth", "token": other.token })).await?;
    ensure!(renewed.closed(Duration::from_secs(5)).await?.0 == 4403);
    Ok(())
}

/// FR-039: a student has five sockets at a replica; a sixth ends the oldest and says so, the others go on.
pub async fn a_sixth_socket_ends_the_oldest(world: &World) -> Result<()> {
    let student = world.student()?;
    let address = world.address("websocket-service")?;
    let mut sockets = Vec::new();
    for _ in 0..6 {
        let mut socket = Socket::open(&address, &student, None).await?;
        socket.expect("ready").await?;
        sockets.push(socket);
    }
    let (code, reason) = sockets.remove(0).closed(Duration::from_secs(5)).await?;
    ensure!(code == 4429 && reason.contains("oldest"), "{code} {reason}");
    for socket in &mut sockets {
        socket.send(&json!({ "type": "ping" })).await?;
        socket.expect("pong").await?;
    }
    Ok(())
}

/// FR-039: a client cut after any message goes on behind it: the pieces fit together, no number comes twice.
pub async fn cut_sockets_miss_nothing(world: &World) -> Result<()> {
    let student = world.student()?;
    let address = world.address("websocket-service")?;
    let mut watcher = Socket::open(&address, &student, None).await?;
    watcher.expect("ready").await?;
    let mut got: Vec<Value> = Vec::new();
    let mut after = 0;
    for (number, cut) in [1, 2, 3, 5, 8].into_iter().enumerate() {
        let id = format!("q{number}");
        let mut socket = Socket::open(&address, &student, Some(after)).await?;
        socket.send(&question(&id, &format!("What is a tuple? ({number})"))).await?;
        for _ in 0..cut {
            let message = socket.next().await?;
            if message["type"] != "ready" {
                got.push(message);
            }
        }
        after = socket.sequence;
        drop(socket);
        // By the message instead of the address, as a page does that reconnects.
        let mut socket = Socket::open(&address, &student, None).await?;
        socket.send(&json!({ "type": "resume", "after": after })).await?;
        let answered = got.iter().any(|message| message["type"] == "answer" && message["id"] == id.as_str());
        if !answered {
            let rest = until_answer(&mut socket, &id).await?;
            got.extend(rest.into_iter().filter(|message| message["type"] != "ready"));
        }
        after = after.max(socket.sequence);
    }
    let mut uncut = Vec::new();
    for number in 0..5 {
        uncut.extend(until_answer(&mut watcher, &format!("q{number}")).await?);
    }
    let markdown = uncut.last().context("nothing")?["answer"]["markdown"].as_str().unwrap_or_default().to_owned();
    ensure!(got == uncut, "a client that was cut got something else:\n{got:?}\n{uncut:?}");
    ensure!(joined(&got) == markdown.repeat(5), "the pieces of five equal answers");
    Ok(())
}

async fn tell(news: &Sidecar, student: &User, title: &str, body: &str) -> Result<()> {
    let (id, title, body) = (Uuid::now_v7().to_string(), title.to_owned(), body.to_owned());
    let notification = Notification { id, title, body, created_at: Some(now()), ..Notification::default() };
    let event = NotificationSent { user_id: student.id.clone(), notification: Some(notification) };
    Ok(news.publish(topics::ANSWERS, topics::LEARNING_RESPONSES, &student.id, &event).await?)
}

/// FR-039: a client stops reading while 16 MB are sent to it. It is closed with 4408, the memory of the service stays bounded,
/// the student's other socket and another student's are served meanwhile; on its return it has missed nothing.
pub async fn who_does_not_read_is_closed_and_resumes(world: &World) -> Result<()> {
    const NEWS: usize = 400;
    let (student, other) = (world.student()?, world.student()?);
    let address = world.address("websocket-service")?;
    let token = Some(student.token.clone());
    let handshake = Handshake { token, receive_buffer: Some(4 * 1024), ..Handshake::default() };
    let mut slow = Socket::connect(&address, &student.id, handshake).await?;
    let mut reader = Socket::open(&address, &student, None).await?;
    let mut neighbour = Socket::open(&address, &other, None).await?;
    for socket in [&mut slow, &mut reader, &mut neighbour] {
        socket.expect("ready").await?;
    }
    let dropped = async || {
        let dropped = world.metric("websocket-service", "websocket_dropped_total", "slow").await?;
        anyhow::Ok(dropped.unwrap_or_default())
    };
    let before = dropped().await?;

    let (news, body) = (publisher(world, "notification-service")?, "x".repeat(40 * 1024));
    let send = async {
        for number in 0..NEWS {
            tell(&news, &student, &number.to_string(), &body).await?;
        }
        anyhow::Ok(())
    };
    let read = async {
        let mut got = Vec::new();
        while got.len() < NEWS {
            got.push(reader.next().await?);
        }
        anyhow::Ok(got)
    };
    let pid = world.stack.pid("websocket-service");
    let memory = || cpu::resident(&Roles::from([(String::new(), pid.into_iter().collect())])).values().sum::<f64>();
    let (at_first, mut most, mut longest) = (memory(), 0.0_f64, Duration::ZERO);
    let finished = Cell::new(false);
    let load = async {
        let ((), got) = tokio::try_join!(send, read)?;
        finished.set(true);
        Ok(got)
    };
    let watch = async {
        while !finished.get() {
            let asked = Instant::now();
            neighbour.send(&json!({ "type": "ping" })).await?;
            neighbour.expect("pong").await?;
            longest = longest.max(asked.elapsed());
            most = most.max(memory());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    let (seen, ()) = tokio::try_join!(load, watch)?;
    ensure!(longest < Duration::from_secs(1), "another student's ping took {longest:?}");
    ensure!(most < at_first + 48.0, "from {at_first} to {most} MB");

    eventually("the end of the slow socket", Duration::from_secs(15), async || Ok(dropped().await? > before)).await?;
    let mut got = Vec::new();
    let end = loop {
        match slow.next().await {
            Ok(message) => got.push(message),
            Err(end) => break format!("{end:?}"),
        }
    };
    ensure!(end.contains("4408") && end.contains("resume"), "{end}");
    ensure!(!got.is_empty() && got.len() < NEWS, "{} messages before the end", got.len());
    let mut slow = Socket::open(&address, &student, Some(slow.sequence)).await?;
    while got.len() < NEWS {
        let message = slow.next().await?;
        if message["type"] != "ready" {
            got.push(message);
        }
    }
    ensure!(got == seen, "{} messages, {} on the other socket", got.len(), seen.len());
    Ok(())
}

/// FR-039, faults: two replicas, sockets at both; one is killed while its students wait for answers and news. They go on at
/// the other: each gets everything once, in the order in which the student's other socket got it.
pub async fn a_killed_replica_loses_nothing(world: &World) -> Result<()> {
    const STUDENTS: usize = 20;
    let first = world.address("websocket-service")?;
    let second = format!("127.0.0.1:{}", world.stack.start_replica("websocket-service").await?);
    let news = publisher(world, "notification-service")?;
    let tell = async |student: &User, text: &str| tell(&news, student, text, "").await;
    let mut students = Vec::new();
    for _ in 0..STUDENTS {
        let student = world.student()?;
        let mut watcher = Socket::open(&first, &student, Some(0)).await?;
        let mut socket = Socket::open(&second, &student, Some(0)).await?;
        watcher.expect("ready").await?;
        socket.expect("ready").await?;
        students.push((student, watcher, socket));
    }
    for (student, _, socket) in &mut students {
        tell(student, "before").await?;
        socket.send(&question("q", "What is a dictionary?")).await?;
    }
    world.stack.kill9("websocket-service-2").await?;
    for (student, ..) in &students {
        tell(student, "meanwhile").await?;
    }
    for (student, mut watcher, mut socket) in students {
        let mut got = Vec::new();
        while let Ok(message) = socket.next().await {
            got.push(message);
        }
        let after = socket.sequence;
        let mut socket = Socket::open(&first, &student, Some(after)).await?;
        // What was accepted is known by its number; what was not is asked again, as a page does.
        if !got.iter().any(|message| message["type"] == "asked") {
            socket.send(&question("q", "What is a dictionary?")).await?;
        }
        let complete = |got: &[Value]| {
            let titles: BTreeSet<&str> =
                got.iter().filter_map(|message| message["notification"]["title"].as_str()).collect();
            got.iter().any(|message| message["type"] == "answer") && titles.len() == 2
        };
        while !complete(&got) {
            let next = socket.next().await;
            got.push(next.with_context(|| format!("student {} has only {got:?}", student.id))?);
        }
        let mut watched = Vec::new();
        while !complete(&watched) {
            let next = watcher.next().await;
            watched.push(next.with_context(|| format!("student {} saw only {watched:?}", student.id))?);
        }
        let is_news = |message: &Value| message["type"] != "ready";
        got.retain(is_news);
        watched.retain(is_news);
        let length = got.len().min(watched.len());
        ensure!(got[..length] == watched[..length], "{got:?}\n{watched:?}");
        let numbers: BTreeSet<u64> = got.iter().filter_map(|message| message["sequence"].as_u64()).collect();
        ensure!(numbers.len() == got.len(), "a number came twice: {got:?}");
    }
    world.stack.stop_child("websocket-service-2").await?;
    world.stack.stop_child("websocket-service-2-daprd").await?;

    // An orderly end says so.
    let student = world.student()?;
    let mut socket = Socket::open(&first, &student, Some(0)).await?;
    socket.expect("ready").await?;
    world.stack.stop_child("websocket-service").await?;
    let (code, reason) = socket.closed(Duration::from_secs(5)).await?;
    ensure!(code == 1012 && reason.contains("restart"), "{code} {reason}");
    world.stack.start_child("websocket-service").await?;
    Ok(())
}
