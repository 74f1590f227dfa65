use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use learnflow_stack::Stack;
use learnflow_tests::{
    cpu,
    socket::Socket,
    student::{Issuer, User},
};
use serde_json::json;
use tokio::time::sleep;

use crate::report::{Report, median};

/// Students with five sockets each: a thousand in all.
const STUDENTS: usize = 200;
const EACH: usize = 5;
const BROADCASTS: usize = 5;
const QUESTIONS: usize = 100;

/// A thousand sockets at one replica: its memory, how long a broadcast takes, how soon a question is answered beside them.
pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    let issuer = Issuer::of(stack).await?;
    let address = format!("127.0.0.1:{}", stack.port("websocket-service").context("no websocket-service")?);
    let pid = stack.pid("websocket-service").context("websocket-service does not run")?;
    let resident = || cpu::resident(&[("websocket-service".to_owned(), vec![pid])].into()).into_values().sum::<f64>();
    let admin = User::registered(stack, &issuer).await?;
    let admin = admin.with_token(issuer.token(&admin.id, "admin")?);
    let students: Vec<User> =
        stream::iter(0..STUDENTS).map(|_| User::registered(stack, &issuer)).buffer_unordered(4).try_collect().await?;
    let before = resident();
    let mut sockets = Socket::open_all(&address, &students, EACH).await?;
    sleep(Duration::from_secs(1)).await;
    let idle = resident();

    let (mut first, mut last) = (Vec::new(), Vec::new());
    for number in 0..BROADCASTS {
        let begun = Instant::now();
        let body = json!({ "everyone": true, "title": format!("News {number}") });
        let publish = async {
            let sent = admin.post("/notifications/publish", &body).await?;
            ensure!(sent.status == 200, "{sent:?}");
            Ok(())
        };
        let receive = try_join_all(sockets.iter_mut().map(async |socket| {
            socket.expect("notification").await?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        }));
        let ((), times): ((), Vec<f64>) = tokio::try_join!(publish, receive)?;
        first.push(times.iter().copied().fold(f64::INFINITY, f64::min));
        last.push(times.iter().copied().fold(0.0, f64::max));
    }
    let mut answers = Vec::new();
    for (number, socket) in sockets.iter_mut().enumerate().take(QUESTIONS) {
        let (begun, id) = (Instant::now(), number.to_string());
        socket.send(&json!({ "type": "ask", "id": id, "text": "What is a list?" })).await?;
        // The student's other sockets have asked too, and every socket gets every answer.
        while socket.expect("answer").await?["id"] != id.as_str() {}
        answers.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let after = resident();
    let each = (idle - before) * 1024.0 / f64::from(u32::try_from(sockets.len())?);
    report.say("## Chat sockets: 1,000 at one replica\n")?;
    report.table(
        &["what", "figure"],
        &[
            vec!["resident memory of websocket-service, no socket".to_owned(), format!("{before:.0} MB")],
            vec!["with 1,000 sockets".to_owned(), format!("{idle:.0} MB ({each:.0} KiB each)")],
            vec!["after the broadcasts and answers".to_owned(), format!("{after:.0} MB")],
            vec!["broadcast to everybody, first socket".to_owned(), format!("{:.0} ms", median(first))],
            vec!["broadcast to everybody, last socket".to_owned(), format!("{:.0} ms", median(last))],
            vec!["question to answer, one after the other, p50".to_owned(), format!("{:.1} ms", median(answers))],
        ],
    )
}
