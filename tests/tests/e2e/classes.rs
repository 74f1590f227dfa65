use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use learnflow_curriculum::{Curriculum, Difficulty};
use learnflow_tests::student::{Reply, User};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    kafka::Kafka,
    progress::{fail, registered},
    world::{World, eventually},
};

/// Somebody with an account and a role.
pub async fn with_role(world: &World, role: &str) -> Result<User> {
    let user = registered(world).await?;
    Ok(user.with_token(world.issuer.token(&user.id, role)?))
}

/// A class of a teacher with some students in it.
pub async fn class(teacher: &User, students: &[&User]) -> Result<Value> {
    let made = teacher.post("/classes", &json!({ "name": "Class of the test" })).await?;
    ensure!(made.status == 201, "{made:?}");
    for student in students {
        let joined = student.post("/classes/join", &json!({ "join_code": made.text("join_code") })).await?;
        ensure!(joined.status == 200, "{joined:?}");
    }
    Ok(made.body)
}

async fn delete(user: &User, path: &str) -> Result<Reply> {
    Reply::read(user.request(Method::DELETE, path).send().await?).await
}

/// The reference solution of an exercise, found by what it asks.
fn solution(exercise: &Value) -> Result<String> {
    let curriculum = Curriculum::load("../curriculum")?;
    let topic = curriculum.topic(exercise["topic"].as_str().context("no topic")?).context("no such topic")?;
    let difficulty = |fits: Difficulty| exercise["difficulty"] == fits.as_str();
    for template in topic.exercises.iter().filter(|template| difficulty(template.difficulty)) {
        for seed in 0..template.variations().min(20_000) {
            let variation = template.instantiate(seed);
            if exercise["statement_markdown"] == variation.statement && exercise["starter_code"] == variation.starter {
                return Ok(variation.solution);
            }
        }
    }
    bail!("no template makes {exercise}")
}

/// Who did what with a student's data, by the audit trail: (action, actor).
async fn trail(student: &User) -> Result<Vec<(String, String)>> {
    let reply = student.get(&format!("/progress/{}/audit?page_size=200", student.id)).await?;
    ensure!(reply.status == 200, "{reply:?}");
    let entries = reply.body["entries"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    ensure!(
        entries.iter().all(|entry| !text(entry, "request_id").is_empty() && !text(entry, "occurred_at").is_empty())
    );
    Ok(entries.iter().map(|entry| (text(entry, "action"), text(entry, "actor_id"))).collect())
}

/// FR-042: a teacher makes a class, a student joins it; a sentence becomes a proposal with a preview, and after the
/// confirmation an assignment, which each student is told of once; the student solves it, and the teacher sees who did it.
pub async fn a_sentence_becomes_an_assignment(world: &World) -> Result<()> {
    let (teacher, student) = (with_role(world, "teacher").await?, registered(world).await?);
    ensure!(student.post("/classes", &json!({ "name": "Mine" })).await?.status == 403, "a student made a class");
    let class = class(&teacher, &[]).await?;
    let (id, code) = (class["id"].as_str().context("no id")?, class["join_code"].as_str().context("no code")?);
    ensure!(code.len() == 8, "{class}");
    let unknown = student.post("/classes/join", &json!({ "join_code": "22222222" })).await?;
    ensure!(unknown.status == 404, "{unknown:?}");
    for typed in [code.to_lowercase(), format!("{} {}", &code[..4], &code[4..])] {
        let joined = student.post("/classes/join", &json!({ "join_code": typed })).await?;
        ensure!(joined.status == 200 && joined.body["class"]["id"] == id, "{joined:?}");
    }
    let joined = student.get("/classes").await?.body["classes"][0].clone();
    ensure!(joined["id"] == id && joined["student_count"] == 1, "{joined}");
    ensure!(joined.get("join_code").is_none_or(Value::is_null), "a student is shown the code: {joined}");
    ensure!(teacher.get("/classes").await?.body["classes"][0]["join_code"] == code);

    let assignments = format!("/classes/{id}/assignments");
    let vague = teacher.post(&assignments, &json!({ "prompt": "something nice for the weekend" })).await?;
    ensure!(vague.status == 400 && vague.body["errors"][0]["field"] == "prompt", "{vague:?}");
    let prompt = "An easy one where they loop over a list with a for loop";
    let body = json!({ "prompt": prompt, "due": "2999-01-01T00:00:00Z" });
    ensure!(student.post(&assignments, &body).await?.status == 403, "a student gave an assignment");
    let proposed = teacher.post(&assignments, &body).await?;
    ensure!(proposed.status == 201, "{proposed:?}");
    let (assignment, exercise) = (&proposed.body["assignment"], &proposed.body["exercise"]);
    ensure!(assignment["status"] == "proposed" && assignment["prompt"] == prompt, "{assignment}");
    ensure!(exercise["difficulty"] == "easy" && exercise["id"] == assignment["exercise_id"], "{proposed:?}");
    ensure!(exercise["statement_markdown"].as_str().is_some_and(|text| !text.is_empty()), "{exercise}");
    ensure!(student.get("/assignments").await?.body["assignments"] == json!([]), "a proposal is not the students' yet");

    let path = format!("/assignments/{}", assignment["id"].as_str().context("no id")?);
    ensure!(student.get(&path).await?.status == 404, "a student read a proposal");
    for _ in 0..2 {
        let confirmed = teacher.post(&format!("{path}/confirm"), &json!({})).await?;
        ensure!(confirmed.status == 200 && confirmed.text("status") == "assigned", "{confirmed:?}");
    }
    let mine = student.get("/assignments").await?.body["assignments"][0].clone();
    ensure!(mine["status"] == "assigned" && mine["work"]["status"] == "open", "{mine}");
    let given = async || {
        let events = Kafka::of(world).await?.events("notification.requests").await?;
        let fits = |event: &&Value| {
            event["type"] == "learnflow.events.v1.AssignmentGiven" && event["data"]["student_id"] == student.id.as_str()
        };
        anyhow::Ok(events.iter().filter(fits).cloned().collect::<Vec<_>>())
    };
    eventually("the event about the assignment", Duration::from_secs(10), async || Ok(!given().await?.is_empty()))
        .await?;
    let events = given().await?;
    ensure!(events.len() == 1 && events[0]["data"]["exercise_id"] == exercise["id"], "{events:?}");

    let submit = async |code: &str| {
        let path = format!("/exercises/{}/submissions", exercise["id"].as_str().unwrap_or_default());
        student.post(&path, &json!({ "code": code })).await
    };
    ensure!(submit("print('nothing')").await?.text("status") != "passed");
    let passed = submit(&solution(exercise)?).await?;
    ensure!(passed.text("status") == "passed", "{passed:?}");
    eventually("the assignment is done", Duration::from_secs(15), async || {
        let seen = teacher.get(&path).await?.body;
        Ok(seen["assignment"]["status"] == "done" && seen["students"][0]["attempts"] == 2)
    })
    .await?;
    let seen = teacher.get(&path).await?.body;
    let work = &seen["students"][0];
    ensure!(work["status"] == "done" && work["best_score"] == 100 && work["done_late"] == false, "{seen}");
    ensure!(
        work["user_id"] == student.id.as_str() && work["name"].as_str().is_some_and(|name| !name.is_empty()),
        "{seen}"
    );
    let listed = teacher.get(&format!("/assignments?class_id={id}")).await?.body["assignments"][0].clone();
    ensure!(listed["status"] == "done" && listed["done_count"] == 1 && listed["student_count"] == 1, "{listed}");
    let mine = student.get(&path).await?.body;
    ensure!(mine["assignment"]["work"]["status"] == "done" && mine["students"] == json!([]), "{mine}");
    ensure!(mine["exercise"]["id"] == exercise["id"], "{mine}");

    let glance = teacher.get(&format!("/classes/{id}/progress")).await?.body;
    let first = &glance["students"][0];
    ensure!(first["user_id"] == student.id.as_str() && first["streak_days"] == 1, "{glance}");
    ensure!(
        first["last_activity_at"].is_string() && first["modules"].as_array().is_some_and(|all| all.len() == 8),
        "{glance}"
    );
    ensure!(glance["summary"]["student_count"] == 1 && glance["summary"]["active_students"] == 1, "{glance}");

    let dropped = delete(&teacher, &path).await?;
    ensure!(
        dropped.status == 200 && student.get("/assignments").await?.body["assignments"] == json!([]),
        "{dropped:?}"
    );
    Ok(())
}

/// FR-002b, FR-041: over HTTP, another teacher and another student are refused wherever a user's, a class's, an
/// assignment's or an alert's id is named; each read by the student's teacher leaves one row of the audit trail, which the
/// student can read, and a refused one none; a student who has left is nobody's business any more.
pub async fn strangers_are_refused_and_reads_are_noted(world: &World) -> Result<()> {
    let (teacher, foreign) = (with_role(world, "teacher").await?, with_role(world, "teacher").await?);
    let (student, other) = (registered(world).await?, registered(world).await?);
    let admin = with_role(world, "admin").await?;
    let mine = class(&teacher, &[&student]).await?;
    class(&foreign, &[&other]).await?;
    fail(&student, 3).await?;
    let user = &student.id;
    let alerts = format!("/alerts?student_id={user}");
    eventually("an alert", Duration::from_secs(15), async || {
        Ok(teacher.get("/alerts?resolved=false").await?.body["alerts"].as_array().is_some_and(|all| !all.is_empty()))
    })
    .await?;
    let alert = teacher.get(&alerts).await?.body["alerts"][0].clone();
    ensure!(alert["student_id"] == user.as_str(), "{alert}");
    ensure!(foreign.get("/alerts").await?.body["alerts"] == json!([]), "another teacher's students were listed");
    let made = json!({ "topic": "lists", "difficulty": "easy", "seed": 7 });
    let exercise = teacher.post("/exercises/generate", &made).await?.body["exercises"][0]["id"].clone();
    let class_id = mine["id"].as_str().context("no id")?;
    let body = json!({ "exercise_id": exercise, "student_id": user });
    let assigned = teacher.post(&format!("/classes/{class_id}/assignments"), &body).await?;
    ensure!(assigned.status == 201 && assigned.body["assignment"]["status"] == "assigned", "{assigned:?}");
    let assignment = assigned.body["assignment"]["id"].as_str().context("no id")?;

    let (get, post, del) = (Method::GET, Method::POST, Method::DELETE);
    let nothing = Value::Null;
    let fact = json!({ "user_id": user, "kind": "student.active" });
    // What it is, and what it is called in the trail; empty where nobody's data is read.
    let calls = [
        (&get, format!("/progress/{user}"), &nothing, "progress.read"),
        (&get, format!("/progress/{user}/events"), &nothing, "events.read"),
        (&get, format!("/progress/{user}/weeks"), &nothing, "weeks.read"),
        (&post, "/progress".to_owned(), &fact, "progress.record"),
        (&get, alerts.clone(), &nothing, "alerts.read"),
        (&get, format!("/classes/{class_id}/progress"), &nothing, "class.read"),
        (&get, format!("/assignments?class_id={class_id}"), &nothing, "assignments.read"),
        (&get, format!("/assignments/{assignment}"), &nothing, "assignment.read"),
        (&post, format!("/assignments/{assignment}/confirm"), &json!({}), ""),
        (&post, format!("/classes/{class_id}/join-code"), &json!({}), ""),
        (&post, format!("/classes/{class_id}/assignments"), &body, ""),
        (
            &post,
            format!("/alerts/{}/resolve", alert["id"].as_str().unwrap_or_default()),
            &json!({ "note": "We spoke." }),
            "alert.resolve",
        ),
        (&del, format!("/assignments/{assignment}"), &nothing, ""),
        (&del, format!("/classes/{class_id}/students/{user}"), &nothing, "class.remove"),
    ];
    let call = async |who: &User, (method, path, body, _): &(&Method, String, &Value, &str)| -> Result<Reply> {
        let request = who.request((*method).clone(), path);
        let request = if body.is_null() { request } else { request.json(body) };
        Reply::read(request.send().await?).await
    };
    let before = trail(&student).await?;
    for what in &calls {
        let reply = call(&foreign, what).await?;
        ensure!(reply.status == 403, "another teacher: {} {} {reply:?}", what.0, what.1);
        let reply = call(&other, what).await?;
        let hidden = what.1 == format!("/assignments/{assignment}") && what.0 == get;
        ensure!(reply.status == if hidden { 404 } else { 403 }, "another student: {} {} {reply:?}", what.0, what.1);
    }
    for path in [format!("/progress/{user}/audit"), format!("/users/{user}")] {
        for who in [&teacher, &foreign, &other] {
            let reply = who.get(&path).await?;
            ensure!(reply.status == 403, "{path}: {reply:?}");
        }
    }
    ensure!(
        delete(&teacher, &format!("/progress/{user}/placement")).await?.status == 403,
        "a teacher reset a placement"
    );
    ensure!(trail(&student).await? == before, "a refused read was noted");

    let mut noted = before.len();
    for what in &calls {
        let reply = call(&teacher, what).await?;
        ensure!(reply.status.is_success(), "the teacher: {} {} {reply:?}", what.0, what.1);
        let now = trail(&student).await?;
        let added = usize::from(!what.3.is_empty());
        ensure!(now.len() == noted + added, "{} {} was noted {} times", what.0, what.1, now.len() - noted);
        ensure!(added == 0 || now[0] == (what.3.to_owned(), teacher.id.clone()), "{} {}: {:?}", what.0, what.1, now[0]);
        noted = now.len();
    }
    // The last call took the student out of the class.
    for path in [format!("/progress/{user}"), format!("/progress/{user}/events"), alerts] {
        let reply = teacher.get(&path).await?;
        ensure!(reply.status == 403, "of a student who left: {path} {reply:?}");
    }
    ensure!(admin.get(&format!("/progress/{user}")).await?.status == 200, "an administrator reads all");
    let actors: BTreeSet<_> = trail(&student).await?.into_iter().map(|(_, actor)| actor).collect();
    ensure!(actors == BTreeSet::from([teacher.id.clone(), admin.id.clone()]), "{actors:?}");
    let unknown = admin.get(&format!("/progress/{}", Uuid::now_v7())).await?;
    ensure!(unknown.status == 404, "{unknown:?}");
    Ok(())
}

/// FR-042: wrong join codes are counted: after ten within ten minutes not even the right one is taken, with the time to
/// wait; a renewed code voids the old one.
pub async fn join_codes_cannot_be_guessed(world: &World) -> Result<()> {
    let (teacher, student, guesser) =
        (with_role(world, "teacher").await?, registered(world).await?, registered(world).await?);
    let class = class(&teacher, &[]).await?;
    let renewed =
        teacher.post(&format!("/classes/{}/join-code", class["id"].as_str().unwrap_or_default()), &json!({})).await?;
    let code = renewed.text("join_code");
    ensure!(renewed.status == 200 && code.len() == 8 && class["join_code"] != code, "{renewed:?}");
    let join = async |who: &User, code: &str| who.post("/classes/join", &json!({ "join_code": code })).await;
    for _ in 0..10 {
        let old = join(&guesser, class["join_code"].as_str().unwrap_or_default()).await?;
        ensure!(old.status == 404, "{old:?}");
    }
    let refused = join(&guesser, code).await?;
    ensure!(refused.status == 429, "{refused:?}");
    ensure!(
        refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=600).contains(&seconds)),
        "{refused:?}"
    );
    ensure!(join(&student, code).await?.status == 200, "one student's guesses lock another out");
    Ok(())
}

/// FR-037, FR-042: a resolved alert says who resolved it and what they noted; the same struggle can raise another one.
pub async fn alerts_are_resolved_and_recur(world: &World) -> Result<()> {
    let (teacher, student) = (with_role(world, "teacher").await?, registered(world).await?);
    class(&teacher, &[&student]).await?;
    let listed = async |query: &str| {
        let reply = teacher.get(&format!("/alerts{query}")).await?;
        ensure!(reply.status == 200, "{reply:?}");
        let alerts = reply.body["alerts"].as_array().cloned().unwrap_or_default();
        anyhow::Ok(alerts.into_iter().filter(|alert| alert["kind"] == "same_error").collect::<Vec<_>>())
    };
    fail(&student, 3).await?;
    eventually("an alert", Duration::from_secs(15), async || Ok(listed("?resolved=false").await?.len() == 1)).await?;
    let alert = listed("").await?.remove(0);
    let path = format!("/alerts/{}/resolve", alert["id"].as_str().unwrap_or_default());
    let resolved = teacher.post(&path, &json!({ "note": "Explained what a NameError is." })).await?;
    ensure!(resolved.status == 200, "{resolved:?}");
    let found = &listed("?resolved=true").await?[0];
    ensure!(found["resolved_by"] == teacher.id.as_str() && found["resolved_at"].is_string(), "{found}");
    ensure!(found["note"] == "Explained what a NameError is." && found["ending"] == "resolved", "{found}");
    ensure!(listed("?resolved=false").await?.is_empty());
    fail(&student, 3).await?;
    eventually("another alert", Duration::from_secs(15), async || Ok(listed("?resolved=false").await?.len() == 1))
        .await?;
    ensure!(listed("").await?.len() == 2 && listed("?resolved=false").await?[0]["id"] != alert["id"]);
    Ok(())
}

/// FR-042: the placement quiz is asked without its answers, taken once, and sets starting levels that are no mastery; an
/// administrator can allow another one.
pub async fn placement_sets_starting_levels(world: &World) -> Result<()> {
    let (student, admin) = (registered(world).await?, with_role(world, "admin").await?);
    let quiz = student.get("/placement").await?;
    let questions = quiz.body["questions"].as_array().cloned().context("no questions")?;
    ensure!((12..=16).contains(&questions.len()) && quiz.body["levels"] == json!([]), "{quiz:?}");
    ensure!(!quiz.body.to_string().contains("correct"), "the answers are told: {quiz:?}");
    let curriculum = Curriculum::load("../curriculum")?;
    let mut answers = Vec::new();
    for question in &questions {
        let (topic, id) = question["id"].as_str().and_then(|id| id.split_once('/')).context("no id")?;
        let topic = curriculum.topic(topic).context("no such topic")?;
        let known = topic.quiz.iter().find(|known| known.id == id).context("no such question")?;
        let right = &known.options[known.correct()].text;
        let shown = question["options"].as_array().context("no options")?;
        let place = shown.iter().position(|option| option == right.as_str()).context("the right option is missing")?;
        answers.push(json!({ "question_id": question["id"], "option": place }));
    }
    let strange =
        student.post("/placement/attempts", &json!({ "answers": [{ "question_id": "x/y", "option": 0 }] })).await?;
    ensure!(strange.status == 400, "{strange:?}");
    let graded = student.post("/placement/attempts", &json!({ "answers": answers })).await?;
    ensure!(graded.status == 200 && graded.body["score"] == 100, "{graded:?}");
    let levels = graded.body["levels"].as_array().cloned().unwrap_or_default();
    ensure!(levels.len() == 8 && levels.iter().all(|level| level["level"] == "proficient"), "{graded:?}");
    let again = student.post("/placement/attempts", &json!({ "answers": answers })).await?;
    ensure!(again.status == 409, "{again:?}");
    let taken = student.get("/placement").await?.body;
    ensure!(taken["questions"] == json!([]) && taken["levels"] == graded.body["levels"], "{taken}");

    let progress = format!("/progress/{}", student.id);
    let topics = curriculum.topics().count();
    eventually("a starting level on every topic", Duration::from_secs(20), async || {
        Ok(student.get(&progress).await?.body["topics"].as_array().is_some_and(|all| all.len() == topics))
    })
    .await?;
    let seen = student.get(&progress).await?.body;
    for topic in seen["topics"].as_array().into_iter().flatten() {
        ensure!(topic["starting_level"] == "proficient" && topic["mastery"] == 0.0, "{topic}");
        ensure!(
            topic["knowledge"].as_f64().is_some_and(|known| known >= 0.7) && topic["level"] == "beginner",
            "{topic}"
        );
    }
    let reset = format!("{progress}/placement");
    ensure!(delete(&student, &reset).await?.status == 403, "a student reset their own placement");
    ensure!(delete(&admin, &reset).await?.status == 200);
    let second = student.post("/placement/attempts", &json!({ "answers": [] })).await?;
    ensure!(second.status == 200 && second.body["levels"][0]["level"] == "beginner", "{second:?}");
    eventually("the new starting levels", Duration::from_secs(20), async || {
        let topics = student.get(&progress).await?.body["topics"].clone();
        Ok(topics.as_array().into_iter().flatten().all(|topic| topic["starting_level"] == "beginner"))
    })
    .await
}

/// FR-025..028: what a student did this week is counted, at once and again when more of it comes.
pub async fn weeks_are_counted(world: &World) -> Result<()> {
    let (teacher, student) = (with_role(world, "teacher").await?, registered(world).await?);
    class(&teacher, &[&student]).await?;
    let path = format!("/progress/{}/weeks", student.id);
    ensure!(student.get(&path).await?.body["weeks"] == json!([]));
    let weeks = async |user: &User, runs: u64| {
        let reply = user.get(&path).await?;
        ensure!(reply.status == 200, "{reply:?}");
        let first = &reply.body["weeks"][0];
        Ok(first["runs"] == runs && first["failed_runs"] == runs && first["active_days"] == 1)
    };
    fail(&student, 2).await?;
    eventually("two runs", Duration::from_secs(15), async || weeks(&student, 2).await).await?;
    fail(&student, 1).await?;
    eventually("a third run", Duration::from_secs(15), async || weeks(&teacher, 3).await).await?;
    let told = json!({ "user_id": student.id, "kind": "quiz.graded", "topic": "lists", "detail": { "score": 90 } });
    ensure!(teacher.post("/progress", &told).await?.status == 200);
    eventually("the quiz", Duration::from_secs(15), async || {
        let week = student.get(&path).await?.body["weeks"][0].clone();
        Ok(week["quiz_attempts"] == 1 && week["mastery_change"].as_f64() > Some(0.0))
    })
    .await?;
    let week = student.get(&path).await?.body["weeks"][0].clone();
    let iso = week["iso_week"].as_str().unwrap_or_default();
    ensure!(
        iso.len() == 8 && &iso[4..6] == "-W" && week["monday"].as_str().is_some_and(|day| day.len() == 10),
        "{week}"
    );
    Ok(())
}
