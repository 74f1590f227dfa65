use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    kafka::Kafka,
    world::{World, eventually},
};

/// FR-017..019: a program is run, its error explained, and hints come one after the other, the solution with the last.
pub async fn hints_are_climbed_one_by_one(world: &World) -> Result<()> {
    let student = world.student()?;
    let code = "total = 3\nprint(totl)\n";
    let ask = async |level: Option<u32>| {
        let mut body = json!({ "code": code });
        if let Some(level) = level {
            body["hint_level"] = json!(level);
        }
        student.post("/debug", &body).await
    };
    let first = ask(None).await?;
    ensure!(first.status == 200 && first.text("error_type") == "NameError" && first.body["line"] == 2, "{first:?}");
    ensure!(first.body["hint_level"] == 1 && first.body["next_hint_available"] == true, "{first:?}");
    ensure!(first.text("root_cause").contains("`totl`") && first.text("outcome") == "error", "{first:?}");
    let refused = ask(Some(3)).await?;
    ensure!(refused.status == 400 && refused.body["errors"][0]["field"] == "hint_level", "{refused:?}");
    ensure!(refused.text("detail").contains("hint 2"), "{refused:?}");
    let mut hints = vec![first.text("hint").to_owned()];
    for level in 2..=4 {
        let reply = ask(Some(level)).await?;
        ensure!(reply.status == 200 && reply.body["hint_level"] == level, "{reply:?}");
        let shown = serde_json::to_string(&reply.body)?.contains("print(total)");
        ensure!(shown == (level == 4) && reply.body["next_hint_available"] == (level < 4), "{reply:?}");
        hints.push(reply.text("hint").to_owned());
    }
    hints.dedup();
    ensure!(hints.len() == 4, "{hints:?}");
    // The ladder belongs to the student and to the mistake: work elsewhere in the program doesn't begin it anew.
    let changed = student.post("/debug", &json!({ "code": "total = 4  # more\n\nprint(totl)\n" })).await?;
    ensure!(changed.body["hint_level"] == 4 && changed.text("solution") == "print(total)", "{changed:?}");
    let other = world.student()?.post("/debug", &json!({ "code": code })).await?;
    ensure!(other.body["hint_level"] == 1 && other.body["solution"].is_null(), "{other:?}");

    // The mistake is told once, not once per hint.
    let kafka = Kafka::of(world).await?;
    eventually("the error in the record", Duration::from_secs(10), async || {
        let events = kafka.events("progress.events").await?;
        let of_student = |event: &&Value| event["data"]["student_id"] == student.id && event["source"] == "debug-agent";
        let own: Vec<&Value> = events.iter().filter(of_student).collect();
        ensure!(own.len() <= 1, "{own:?}");
        Ok(own.first().is_some_and(|event| event["data"]["program_ran"]["error_type"] == "NameError"))
    })
    .await
}

/// FR-018: wrong results are told from right ones by tests, with the value that differs and the lines to suspect.
pub async fn wrong_results_are_located(world: &World) -> Result<()> {
    let student = world.student()?;
    let code = "def sign(n):\n    if n > 1:\n        return 1\n    if n < 0:\n        return -1\n    return 0\n";
    let case = |name: &str, argument: &str, expected: &str| json!({ "name": name, "function": { "function": "sign", "arguments": [argument], "expected": expected } });
    let cases = [case("big", "5", "1"), case("one", "1", "1"), case("zero", "0", "0"), case("less", "-3", "-1")];
    let mut body = json!({ "code": code, "cases": cases });
    let first = student.post("/debug", &body).await?;
    ensure!(first.status == 200 && first.text("outcome") == "wrong_result", "{first:?}");
    let failed = &first.body["failed_case"];
    ensure!(failed["name"] == "one" && failed["input"] == "sign(1)" && failed["expected"] == "1", "{first:?}");
    ensure!(failed["actual"] == "0" && failed["difference"].is_string(), "{first:?}");
    ensure!(first.body["suspicious_lines"] == json!([]) && first.body["line"] == 0, "{first:?}");
    body["hint_level"] = json!(2);
    let second = student.post("/debug", &body).await?;
    let lines = second.body["suspicious_lines"].as_array().context("no lines")?;
    ensure!(lines.iter().take(3).any(|suspect| suspect["line"] == 2), "{second:?}");

    let well = student.post("/debug", &json!({ "code": "print(1)" })).await?;
    ensure!(well.text("outcome") == "none" && well.text("error_type").is_empty(), "{well:?}");
    ensure!(well.text("hint").contains("right answer") && well.body["next_hint_available"] == false, "{well:?}");
    let endless = student.post("/debug", &json!({ "code": "i = 0\nwhile i < 3:\n    i * 2\n" })).await?;
    ensure!(endless.text("outcome") == "stopped" && endless.body["line"] == 2, "{endless:?}");
    let missing = student.post("/debug", &json!({ "code": "1", "exercise_id": "none" })).await?;
    ensure!(missing.status == 404, "{missing:?}");
    Ok(())
}

/// FR-017: a question with a program and no error is answered by running it.
pub async fn questions_without_an_error_are_run(world: &World) -> Result<()> {
    let student = world.student()?;
    let code = "def area(a):\n    print(a * a)\n\ntotal = area(2) + 1\n";
    let question = json!({ "text": "my code does not work, please help", "code": code });
    let reply = student.post("/query", &question).await?;
    ensure!(reply.status == 200 && reply.text("agent") == "debug", "{reply:?}");
    let markdown = reply.text("markdown");
    ensure!(markdown.contains("`TypeError` in line 4") && markdown.contains("`area`"), "{markdown}");
    ensure!(reply.body["hints"].as_array().is_some_and(|hints| hints.len() == 1), "{reply:?}");
    ensure!(!markdown.contains("return a * a"), "the solution is told: {markdown}");
    Ok(())
}
