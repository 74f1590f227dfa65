//! What the built-in tutor is worth, without any model.

use std::{collections::HashSet, fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_tests::student::User;
use serde_json::json;
use uuid::Uuid;

use crate::{
    progress::registered,
    world::{World, eventually},
};

/// Questions of one student, who may not ask too many a minute.
const OF_ONE: usize = 20;
/// Questions under way at a time.
const WIDTH: usize = 6;

/// A program of an answer, and whether it is one that shows an error.
type Program = (String, bool);

/// FR-009..012, offline: two hundred beginners' questions, written before the tutor was, are answered by it at the
/// beginner's level, nine of ten on the right topic, and every program in the answers does what the answer says.
pub async fn two_hundred_beginners_are_answered(world: &World) -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/tutor/tests/questions.txt");
    let text = fs::read_to_string(path)?;
    let questions: Vec<(&str, &str)> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect();
    ensure!(questions.len() >= 200, "only {} questions", questions.len());
    let students: Vec<User> = (0..=questions.len() / OF_ONE).map(|_| world.student()).collect::<Result<_>>()?;
    let answers: Vec<(bool, Vec<Program>)> = stream::iter(questions.iter().enumerate())
        .map(|(number, (topics, question))| answer(&students[number / OF_ONE], topics, question))
        .buffer_unordered(WIDTH)
        .try_collect()
        .await?;
    let right = answers.iter().filter(|(is_right, _)| *is_right).count();
    ensure!(right * 10 >= questions.len() * 9, "{right} of {} on the right topic", questions.len());

    let programs: HashSet<Program> = answers.into_iter().flat_map(|(_, programs)| programs).collect();
    ensure!(programs.len() > 100, "only {} programs", programs.len());
    let programs: Vec<Program> = programs.into_iter().collect();
    let students: Vec<User> = (0..=programs.len() / OF_ONE).map(|_| world.student()).collect::<Result<_>>()?;
    stream::iter(programs.iter().enumerate())
        .map(|(number, program)| run(&students[number / OF_ONE], program))
        .buffer_unordered(2)
        .try_collect()
        .await
}

async fn answer(student: &User, topics: &str, question: &str) -> Result<(bool, Vec<Program>)> {
    let reply = student.post("/query", &json!({ "text": question })).await?;
    ensure!(reply.status == 200 && reply.text("source") == "builtin", "{question}: {reply:?}");
    // Whoever is told of a mistake of theirs is answered by the debug agent.
    let is_explained = reply.text("agent") == "concepts";
    ensure!(is_explained || reply.text("agent") == "debug", "{question}: {reply:?}");
    ensure!(!is_explained || reply.text("level") == "beginner", "{question}: {reply:?}");
    let is_right = topics.split('|').any(|topic| topic == reply.text("topic"));
    Ok((is_right, programs(reply.text("markdown"))))
}

fn programs(markdown: &str) -> Vec<Program> {
    let fences = markdown.split("```python").skip(1);
    let program = |fence: &str| {
        let (kind, rest) = fence.split_once('\n')?;
        let (code, _) = rest.split_once("```")?;
        Some((code.to_owned(), kind.trim() == "-error"))
    };
    fences.filter_map(program).collect()
}

async fn run(student: &User, (code, shows_error): &Program) -> Result<()> {
    // Examples that read something stand in the curriculum with what they read; here nobody types anything.
    if code.contains("input(") {
        return Ok(());
    }
    let reply = student.post("/execute", &json!({ "code": code })).await?;
    let expected = if *shows_error { "runtime_error" } else { "completed" };
    ensure!(reply.text("status") == expected, "{code}\n{reply:?}");
    Ok(())
}

/// FR-011: who knows a topic is told more of it without asking for more, and is offered a topic still to be learned; a
/// level that is asked for is kept to; who is new is answered as a beginner.
pub async fn answers_go_by_what_is_known(world: &World) -> Result<()> {
    let student = registered(world).await?;
    let somebody = world.student()?;
    let admin = somebody.with_token(world.issuer.token(&somebody.id, "admin")?);
    let exercise = |id: &str| json!({ "exercise_id": id, "status": "passed", "score": 100, "difficulty": "hard" });
    let curriculum = student.get("/concepts").await?;
    let topics: Vec<&str> = curriculum.body["modules"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|module| module["topics"].as_array().into_iter().flatten())
        .filter_map(|topic| topic["id"].as_str())
        .collect();
    let place = topics.iter().position(|topic| *topic == "lists").context("no topic lists")?;
    let after = topics[place + 1];
    for topic in ["lists", after] {
        let facts = [
            ("exercise.graded", exercise("e1")),
            ("exercise.graded", exercise("e2")),
            ("quiz.graded", json!({ "score": 100 })),
            ("code.reviewed", json!({ "submission_id": Uuid::now_v7().to_string(), "rating": 100 })),
        ];
        for (kind, detail) in &facts {
            let body = json!({ "user_id": student.id, "kind": kind, "topic": topic, "detail": detail });
            let reply = admin.post("/progress", &body).await?;
            ensure!(reply.status == 200, "{reply:?}");
        }
    }
    eventually("the mastery", Duration::from_secs(15), async || {
        let progress = student.get(&format!("/progress/{}", student.id)).await?;
        let known = progress.body["topics"].as_array().cloned().unwrap_or_default();
        Ok(known.iter().filter(|topic| topic["level"] == "proficient").count() == 2)
    })
    .await?;
    // The state store has it a second later.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let question = json!({ "text": "What is a list?" });
    eventually("an answer for somebody proficient", Duration::from_secs(10), async || {
        let reply = student.post("/query", &question).await?;
        ensure!(reply.status == 200 && reply.text("topic") == "lists", "{reply:?}");
        Ok(reply.text("level") == "proficient")
    })
    .await?;
    let reply = student.post("/query", &question).await?;
    let title = |id: &str| {
        let modules = curriculum.body["modules"].as_array().into_iter().flatten();
        let mut topics = modules.flat_map(|module| module["topics"].as_array().into_iter().flatten());
        topics
            .find(|topic| topic["id"] == id)
            .map(|topic| format!("**Next topic:** *{}*", topic["title"].as_str().unwrap_or_default()))
    };
    let known = title(after).context("no title")?;
    ensure!(
        reply.text("markdown").contains("**Next topic:**") && !reply.text("markdown").contains(&known),
        "{reply:?}"
    );
    let asked = student.post("/query", &json!({ "text": "What is a list?", "level": "beginner" })).await?;
    ensure!(asked.text("level") == "beginner", "{asked:?}");
    let explained = student.post("/explain", &json!({ "topic": "lists" })).await?;
    ensure!(explained.text("level") == "proficient", "{explained:?}");
    let new = world.student()?.post("/query", &question).await?;
    ensure!(new.text("level") == "beginner" && new.text("markdown").contains(&known), "{new:?}");
    Ok(())
}
