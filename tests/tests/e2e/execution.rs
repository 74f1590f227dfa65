use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use learnflow_proto::{events::ExecutionRequested, topics, v1::ExecuteRequest};
use serde_json::json;
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
