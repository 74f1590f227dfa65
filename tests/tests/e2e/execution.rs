use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use learnflow_proto::{
    events::ExecutionRequested,
    topics,
    v1::{
        ExecuteInteractiveRequest, ExecuteRequest, execute_interactive_request::Event as Typed,
        execute_interactive_response::Event as Shown, execution_service_client::ExecutionServiceClient,
    },
};
use learnflow_tests::student::Reply;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Request, transport::Channel};
use uuid::Uuid;

use crate::{
    events::publisher,
    kafka::Kafka,
    world::{World, eventually},
};

/// FR-029, FR-031: a program runs with its input, arguments and files; its mistake is a result with a clean traceback.
pub async fn programs_run(world: &World) -> Result<()> {
    let student = world.student()?;
    let code =
        "import sys\nprint(input().upper(), sys.argv[1:], open('notes.txt').read())\nprint('ä', file=sys.stderr)";
    let body = json!({
        "code": code, "stdin": "hello\n", "args": ["a", "b"], "files": [{ "name": "notes.txt", "content": "42" }],
    });
    let reply = student.post("/execute", &body).await?;
    ensure!(reply.status == 200 && reply.text("status") == "completed", "{reply:?}");
    ensure!(reply.text("stdout") == "HELLO ['a', 'b'] 42\n" && reply.text("stderr") == "ä\n", "{reply:?}");
    ensure!(reply.body["exit_code"] == 0 && reply.body["stdout_truncated"] == false, "{reply:?}");
    ensure!(reply.body["peak_memory_kb"].as_u64() > Some(1_000), "{reply:?}");

    let reply = student.post("/execute", &json!({ "code": "def f(x):\n    return 1 / x\nf(0)" })).await?;
    ensure!(reply.status == 200 && reply.text("status") == "runtime_error", "{reply:?}");
    let traceback = reply.text("stderr");
    ensure!(traceback.contains("File \"main.py\", line 3") && traceback.ends_with("division by zero\n"), "{traceback}");
    ensure!(traceback.matches("File ").count() == 2, "frames of the sandbox show: {traceback}");
    let reply = student.post("/execute", &json!({ "code": "print('x" })).await?;
    ensure!(reply.text("stderr").contains("SyntaxError: unterminated string literal"), "{reply:?}");
    let reply = student.post("/execute", &json!({ "code": "import sys; sys.exit(3)" })).await?;
    ensure!(reply.text("status") == "runtime_error" && reply.body["exit_code"] == 3, "{reply:?}");

    let path = format!("/progress/{}/events", student.id);
    eventually("the runs in the record", Duration::from_secs(10), async || {
        let reply = student.get(&path).await?;
        let events = reply.body["events"].as_array().cloned().unwrap_or_default();
        Ok(events.iter().filter(|event| event["kind"] == "code.executed").count() == 4)
    })
    .await
}

/// FR-029, FR-030: time, memory and output end a run, and the result says which did.
pub async fn limits_hold(world: &World) -> Result<()> {
    let student = world.student()?;
    let cases = [
        ("print('before', flush=True)\nwhile True: pass", "timeout", "before\n"),
        ("import time\ntime.sleep(60)", "timeout", ""),
        ("x = []\nwhile True: x.append(' ' * 1_000_000)", "memory_exceeded", ""),
        ("while True: print('x' * 1000)", "output_exceeded", "xxx"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", "signaled", ""),
    ];
    for (code, status, output) in cases {
        let begun = Instant::now();
        let reply = student.post("/execute", &json!({ "code": code, "time_limit_ms": 1_000 })).await?;
        ensure!(reply.status == 200 && reply.text("status") == status, "{code}: {reply:?}");
        ensure!(reply.text("stdout").starts_with(output) && reply.text("stdout").len() <= 65_536, "{code}: {reply:?}");
        ensure!(begun.elapsed() < Duration::from_secs(5), "{code} took {:?}", begun.elapsed());
    }
    Ok(())
}

/// FR-029, FR-032: no network, no system, no neighbours, nothing kept between runs.
pub async fn runs_share_nothing(world: &World) -> Result<()> {
    let student = world.student()?;
    let escapes = [
        "import socket\nsocket.socket()",
        "open('/etc/passwd')",
        "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'id'], check=True)",
        "open('/usr/lib/x', 'w')",
        "import os\nos.setuid(0)",
        "import os\nos.listdir('/proc/1')",
    ];
    for code in escapes {
        let reply = student.post("/execute", &json!({ "code": code })).await?;
        ensure!(reply.text("status") == "runtime_error" || reply.text("status") == "violation", "{code}: {reply:?}");
    }
    let leave =
        "open('/tmp/mark', 'w').write('1')\nimport os, random\nprint(sorted(os.environ), random.random(), hash('a'))";
    let first = student.post("/execute", &json!({ "code": leave })).await?;
    ensure!(first.text("status") == "completed" && !first.text("stdout").contains("TOKEN"), "{first:?}");
    let look =
        "import os, random\nprint(os.path.exists('/tmp/mark'), len([p for p in os.listdir('/') if p == 'work']))";
    let second = student.post("/execute", &json!({ "code": look })).await?;
    ensure!(second.text("stdout") == "False 0\n", "{second:?}");
    let third = student.post("/execute", &json!({ "code": leave })).await?;
    ensure!(third.text("stdout") != first.text("stdout"), "random state or hash seed is shared: {third:?}");
    Ok(())
}

/// FR-031: a program that comes by the queue is run, and its result published.
pub async fn programs_run_from_the_queue(world: &World) -> Result<()> {
    let gateway = publisher(world, "api-gateway")?;
    let (request_id, student_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let program = ExecuteRequest { code: "print(6 * 7)".to_owned(), ..Default::default() };
    let event =
        ExecutionRequested { request_id: request_id.clone(), student_id: student_id.clone(), program: Some(program) };
    gateway.publish(topics::PUBSUB, topics::CODE_EXECUTION_REQUESTS, &student_id, &event).await?;
    let kafka = Kafka::of(world).await?;
    eventually("the result", Duration::from_secs(10), async || {
        let events = kafka.events("learning.responses").await?;
        let result = events.iter().find(|event| event["data"]["request_id"] == request_id);
        Ok(result.is_some_and(|event| event["data"]["result"]["stdout"] == "42\n"))
    })
    .await
}

/// FR-030: with `Accept: text/event-stream` output comes while the program runs, and the result last.
pub async fn output_streams(world: &World) -> Result<()> {
    let student = world.student()?;
    let code =
        "import sys, time\nprint('one', flush=True)\ntime.sleep(0.6)\nprint('two', file=sys.stderr)\nsys.exit(3)";
    let post =
        |body: Value| student.request(Method::POST, "/execute").header("accept", "text/event-stream").json(&body);
    let mut response = post(json!({ "code": code })).send().await?;
    ensure!(response.status() == 200 && response.headers()["content-type"] == "text/event-stream", "{response:?}");
    let (mut text, mut first) = (String::new(), None);
    while let Some(chunk) = response.chunk().await? {
        text.push_str(std::str::from_utf8(&chunk)?);
        if first.is_none() && text.contains("event: stdout") {
            first = Some(Instant::now());
        }
    }
    let early = first.context("no output came")?.elapsed();
    ensure!(early > Duration::from_millis(400), "the output came {early:?} before the end: {text}");
    let events: Vec<(&str, Value)> = text
        .split("\n\n")
        .filter_map(|event| {
            let name = event.lines().find_map(|line| line.strip_prefix("event: "))?;
            let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
            Some((name, serde_json::from_str(data).ok()?))
        })
        .collect();
    let said = |wanted| {
        let texts = events.iter().filter(|(name, _)| *name == wanted).filter_map(|(_, data)| data["text"].as_str());
        texts.collect::<String>()
    };
    ensure!(said("stdout") == "one\n" && said("stderr") == "two\n", "{text}");
    let (name, result) = events.last().context("no events")?;
    ensure!(*name == "result" && result["exit_code"] == 3 && result["status"] == "runtime_error", "{text}");

    let refused = Reply::read(post(json!({ "code": "x".repeat(65 * 1024) })).send().await?).await?;
    ensure!(refused.status == 413 && refused.header("content-type") == "application/problem+json", "{refused:?}");
    Ok(())
}

/// FR-030: over gRPC a program asks, the student types, it goes on.
pub async fn programs_talk_with_students(world: &World) -> Result<()> {
    let student = world.student()?;
    let channel = Channel::from_shared(format!("http://{}", world.address("api-gateway")?))?.connect().await?;
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let send = |event| sender.unbounded_send(ExecuteInteractiveRequest { event: Some(event) });
    let code = "name = input('name? ')\nprint('hi', name)".to_owned();
    send(Typed::Program(ExecuteRequest { code, time_limit_ms: Some(1_000), ..Default::default() }))?;
    let mut request = Request::new(receiver);
    request.metadata_mut().insert("authorization", format!("Bearer {}", student.token).parse()?);
    let mut events = ExecutionServiceClient::new(channel).execute_interactive(request).await?.into_inner();
    let mut shown = String::new();
    while let Some(event) = events.message().await? {
        match event.event.context("an empty event")? {
            Shown::Stdout(text) | Shown::Stderr(text) => shown.push_str(&text),
            Shown::WaitingForInput(_) => {
                ensure!(shown == "name? ", "{shown:?} when it waits");
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                send(Typed::Stdin("Ada\n".to_owned()))?;
            }
            Shown::Result(result) => {
                ensure!(result.status == "completed", "{result:?}");
                ensure!(shown == "name? hi Ada\n", "{shown:?}");
                return Ok(());
            }
        }
    }
    anyhow::bail!("no result came")
}

/// FR-029: a batch runs a program with each of its inputs.
pub async fn batches_run(world: &World) -> Result<()> {
    let student = world.student()?;
    let body = json!({ "program": { "code": "print(int(input()) ** 2)" }, "stdins": ["3", "x", "12"] });
    let reply = student.post("/execute/batch", &body).await?;
    let results = reply.body["results"].as_array().cloned().unwrap_or_default();
    let outputs: Vec<_> = results.iter().map(|result| (result["status"].as_str(), result["stdout"].as_str())).collect();
    let wanted = [("completed", "9\n"), ("runtime_error", ""), ("completed", "144\n")];
    ensure!(outputs == wanted.map(|(status, stdout)| (Some(status), Some(stdout))), "{reply:?}");
    let reply = student.post("/execute/batch", &json!({ "program": { "code": "1" }, "stdins": [] })).await?;
    ensure!(reply.status == 400 && reply.body["errors"][0]["field"] == "stdins", "{reply:?}");
    Ok(())
}

/// FR-029: what speaks to Piston can speak to this.
pub async fn piston_clients_are_served(world: &World) -> Result<()> {
    let student = world.student()?;
    let url = |path: &str| format!("{}/api/v2{path}", world.stack.gateway_url());
    let http = reqwest::Client::new();
    let runtimes = Reply::read(http.get(url("/runtimes")).bearer_auth(&student.token).send().await?).await?;
    let version = runtimes.body[0]["version"].as_str().unwrap_or_default().to_owned();
    ensure!(runtimes.body[0]["language"] == "python" && version.starts_with("3."), "{runtimes:?}");

    let post = async |body: &Value| {
        let response = http.post(url("/execute")).bearer_auth(&student.token).json(body).send().await?;
        Reply::read(response).await
    };
    let mut request = json!({
        "language": "python",
        "version": version,
        "files": [
            { "name": "my_cool_code.py", "content": "import sys, helper\nprint(helper.x, sys.argv[1:], input())" },
            { "name": "helper.py", "content": "eCA9IDQy", "encoding": "base64" },
        ],
        "stdin": "in",
        "args": ["1", "2"],
        "compile_timeout": 10_000,
        "run_timeout": 3_000,
        "run_memory_limit": -1,
    });
    let reply = post(&request).await?;
    ensure!(reply.status == 200 && reply.text("language") == "python" && reply.text("version") == version, "{reply:?}");
    let run = &reply.body["run"];
    ensure!(run["stdout"] == "42 ['1', '2'] in\n" && run["output"] == run["stdout"] && run["code"] == 0, "{reply:?}");
    ensure!(
        run["signal"].is_null() && run["status"].is_null() && run["memory"].as_u64() > Some(1_000_000),
        "{reply:?}"
    );
    request["run_timeout"] = json!(300);
    request["files"] = json!([{ "content": "while True: pass" }]);
    let reply = post(&request).await?;
    ensure!(reply.body["run"]["signal"] == "SIGKILL" && reply.body["run"]["status"] == "TO", "{reply:?}");

    request["language"] = json!("brainfuck");
    let reply = post(&request).await?;
    let message = format!("brainfuck-{version} runtime is unknown");
    ensure!(reply.status == 400 && reply.body == json!({ "message": message }), "{reply:?}");
    request["language"] = json!("python");
    request["files"] = json!([{ "content": "x".repeat(65 * 1024) }]);
    let reply = post(&request).await?;
    ensure!(reply.status == 413 && !reply.text("message").is_empty(), "{reply:?}");
    let reply = Reply::read(http.post(url("/execute")).json(&request).send().await?).await?;
    ensure!(reply.status == 401 && !reply.text("message").is_empty(), "{reply:?}");
    let reply = http.post(url("/execute")).bearer_auth(&student.token).body("language=python").send().await?;
    ensure!(reply.status() == 415, "{reply:?}");
    let reply = Reply::read(http.get(url("/nowhere")).bearer_auth(&student.token).send().await?).await?;
    ensure!(reply.status == 404 && !reply.text("message").is_empty(), "{reply:?}");
    Ok(())
}
