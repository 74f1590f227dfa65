use std::time::{Duration, Instant};

use learnflow_proto::v1::{
    ExecuteBatchRequest, ExecuteInteractiveRequest, ExecuteRequest, ExecuteStreamRequest, GetRuntimeRequest,
    execute_interactive_request::Event as Typed, execute_interactive_response::Event as Shown,
    execute_stream_response::Event,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::{from, program, serve, until};

/// FR-030: output is seen while the program runs, and the result comes last.
#[tokio::test(flavor = "multi_thread")]
async fn output_streams() {
    let served = serve().await;
    let code = "import sys, time\nprint('é 1', flush=True)\ntime.sleep(0.4)\nprint('2', file=sys.stderr)\n1 / 0";
    let request = from("ada", ExecuteStreamRequest { program: Some(program(code)) });
    let mut events = served.client.clone().execute_stream(request).await.unwrap().into_inner();
    let (mut stdout, mut stderr, mut first, mut result) = (String::new(), String::new(), None, None);
    while let Some(event) = events.message().await.unwrap() {
        assert!(result.is_none(), "nothing comes after the result");
        match event.event.unwrap() {
            Event::Stdout(text) => stdout.push_str(&text),
            Event::Stderr(text) => stderr.push_str(&text),
            Event::Result(end) => result = Some((end, Instant::now())),
        }
        first.get_or_insert_with(Instant::now);
    }
    let (result, ended) = result.unwrap();
    assert_eq!(stdout, "é 1\n");
    assert!(stderr.starts_with("2\n") && stderr.ends_with("division by zero\n"), "{stderr}");
    assert_eq!((result.status.as_str(), result.exit_code), ("runtime_error", Some(1)));
    assert!(result.stdout.is_empty() && result.stderr.is_empty(), "they have been streamed");
    assert!(ended - first.unwrap() > Duration::from_millis(300), "the first piece came early");
}

fn typed(event: Typed) -> ExecuteInteractiveRequest {
    ExecuteInteractiveRequest { event: Some(event) }
}

/// FR-030: a program asks, the student types, it goes on; waiting for the student does not count.
#[tokio::test(flavor = "multi_thread")]
async fn programs_talk_with_students() {
    let served = serve().await;
    let (sender, receiver) = mpsc::channel(8);
    let code = "name = input('name? ')\nprint('hi', name)\nimport sys\nfor line in sys.stdin:\n    print(line.strip()[::-1])\nprint('bye')";
    let first = ExecuteRequest { time_limit_ms: Some(500), ..program(code) };
    sender.send(typed(Typed::Program(first))).await.unwrap();
    let request = from("ada", ReceiverStream::new(receiver));
    let mut events = served.client.clone().execute_interactive(request).await.unwrap().into_inner();
    let mut shown = String::new();
    let mut asked = 0;
    let result = loop {
        match events.message().await.unwrap().expect("a result comes last").event.unwrap() {
            Shown::Stdout(text) => shown.push_str(&text),
            Shown::Stderr(text) => panic!("{text}"),
            Shown::WaitingForInput(waits) => {
                assert!(waits);
                asked += 1;
                let wanted = ["name? ", "name? hi Ada\n", "name? hi Ada\nenin\n"];
                assert_eq!(shown, wanted[asked - 1], "what was printed before is shown before");
                let answer = match asked {
                    1 => {
                        // Longer than the program may run.
                        tokio::time::sleep(Duration::from_millis(900)).await;
                        Typed::Stdin("Ada\n".to_owned())
                    }
                    2 => Typed::Stdin("nine\n".to_owned()),
                    _ => Typed::EndOfInput(true),
                };
                sender.send(typed(answer)).await.unwrap();
            }
            Shown::Result(result) => break result,
        }
    };
    assert_eq!(shown, "name? hi Ada\nenin\nbye\n");
    assert_eq!((result.status.as_str(), result.exit_code), ("completed", Some(0)), "{result:?}");
}

/// FR-030: the time limit does count while the program works, and a student who leaves ends it.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_end() {
    let served = serve().await;
    let (sender, receiver) = mpsc::channel(8);
    let code = "input()\nwhile True: pass";
    let first = ExecuteRequest { time_limit_ms: Some(300), ..program(code) };
    sender.send(typed(Typed::Program(first))).await.unwrap();
    sender.send(typed(Typed::Stdin("go\n".to_owned()))).await.unwrap();
    let request = from("ada", ReceiverStream::new(receiver));
    let mut events = served.client.clone().execute_interactive(request).await.unwrap().into_inner();
    let result = loop {
        if let Shown::Result(result) = events.message().await.unwrap().unwrap().event.unwrap() {
            break result;
        }
    };
    assert_eq!((result.status.as_str(), result.limit.as_deref()), ("timeout", Some("wall_time")));

    let (sender, receiver) = mpsc::channel(8);
    sender.send(typed(Typed::Program(program("print(input())")))).await.unwrap();
    let request = from("ada", ReceiverStream::new(receiver));
    let mut events = served.client.clone().execute_interactive(request).await.unwrap().into_inner();
    while !matches!(events.message().await.unwrap().unwrap().event, Some(Shown::WaitingForInput(true))) {}
    assert_eq!(served.execution.sandbox().pool().running, 1);
    drop((events, sender));
    until("the program is ended", || served.execution.sandbox().pool().running == 0).await;

    let (sender, receiver) = mpsc::channel(8);
    sender.send(typed(Typed::Stdin("too early".to_owned()))).await.unwrap();
    let request = from("ada", ReceiverStream::new(receiver));
    let refused = served.client.clone().execute_interactive(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

/// FR-029: a batch runs a program with each input, and no run sees another.
#[tokio::test(flavor = "multi_thread")]
async fn batches_share_nothing() {
    let served = serve().await;
    let code = "import os\nprint(int(input()) ** 2, os.path.exists('/tmp/mark'))\nopen('/tmp/mark', 'w').close()";
    let stdins = ["3\n", "x\n", "5\n"].map(ToOwned::to_owned).to_vec();
    let batch = ExecuteBatchRequest { program: Some(program(code)), stdins: stdins.clone() };
    let response = served.client.clone().execute_batch(from("ada", batch)).await.unwrap();
    let results = response.into_inner().results;
    let outcomes: Vec<_> = results.iter().map(|result| (result.status.as_str(), result.stdout.as_str())).collect();
    assert_eq!(outcomes, [("completed", "9 False\n"), ("runtime_error", ""), ("completed", "25 False\n")]);

    let wrong = [
        (ExecuteRequest { stdin: Some("1".to_owned()), ..program("pass") }, stdins.clone(), "program.stdin"),
        (program("pass"), Vec::new(), "stdins"),
        (program("pass"), vec![String::new(); 21], "stdins"),
        (
            ExecuteRequest { time_limit_ms: Some(5_000), ..program("pass") },
            vec![String::new(); 20],
            "program.time_limit_ms",
        ),
        (program("pass"), vec!["x".repeat(70_000)], "stdins[0]"),
        (program(" "), stdins.clone(), "program.code"),
        (ExecuteRequest { memory_limit_mb: Some(5), ..program("pass") }, stdins, "program.memory_limit_mb"),
    ];
    for (program, stdins, field) in wrong {
        let batch = ExecuteBatchRequest { program: Some(program), stdins };
        let refused = served.client.clone().execute_batch(from("ada", batch)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(field), "{field}: {}", refused.message());
    }
}

/// FR-030: a result says which limit ended the run; the interpreter's version is told.
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named() {
    let served = serve().await;
    let cases = [
        ("while True: pass", "timeout", "wall_time"),
        ("x = []\nwhile True: x.append(' ' * 1_000_000)", "memory_exceeded", "memory"),
        ("while True: print('x' * 1000)", "output_exceeded", "output"),
    ];
    for (code, status, limit) in cases {
        let result = served.run("ada", ExecuteRequest { time_limit_ms: Some(700), ..program(code) }).await.unwrap();
        assert_eq!((result.status.as_str(), result.limit.as_deref()), (status, Some(limit)), "{code}");
    }
    let result = served.run("ada", program("import sys\nprint('%d.%d.%d' % sys.version_info[:3])")).await.unwrap();
    assert_eq!((result.status.as_str(), result.limit), ("completed", None));
    let runtime = served.client.clone().get_runtime(from("ada", GetRuntimeRequest {})).await.unwrap().into_inner();
    assert_eq!((runtime.language.as_str(), runtime.version.as_str()), ("python", result.stdout.trim()));
}
