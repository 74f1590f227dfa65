use std::time::{Duration, Instant};

use code_execution::admission::Limits;
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{from, program, serve, serve_with, until};

/// FR-029: a student with thirty runs does not delay another.
#[tokio::test(flavor = "multi_thread")]
async fn one_student_does_not_delay_another() {
    let served = serve().await;
    let begun = Instant::now();
    let many = join_all((0..30).map(|_| served.run("busy", program("import time\ntime.sleep(0.25)"))));
    let one = async {
        until("the others wait", || served.execution.runs().level().1 > 20).await;
        let begun = Instant::now();
        let result = served.run("new", program("print(1)")).await.unwrap();
        assert_eq!(result.stdout, "1\n");
        begun.elapsed()
    };
    let (many, waited) = tokio::join!(many, one);
    assert!(many.into_iter().all(|result| result.unwrap().status == "completed"));
    let all = begun.elapsed();
    assert!(all > Duration::from_secs(2), "three at a time: {all:?}");
    assert!(waited < all / 4, "the other waited {waited:?} of {all:?}");
}

/// Overload: a full queue is said at once, with a time to come again.
#[tokio::test(flavor = "multi_thread")]
async fn overload_is_said_at_once() {
    let served = serve_with(Limits::new(1, 2, Duration::from_secs(20))).await;
    let sleeper = || program("import time\ntime.sleep(1)");
    let held = join_all(["a", "b", "c"].map(|student| served.run(student, sleeper())));
    let refused = async {
        until("the queue is full", || served.execution.runs().level() == (1, 2)).await;
        let begun = Instant::now();
        let refused = served.run("d", program("print(1)")).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
        refused
    };
    let (held, refused) = tokio::join!(held, refused);
    assert!(held.into_iter().all(|result| result.unwrap().status == "completed"));
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    let retry = refused.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(retry.is_some_and(|delay| delay >= Duration::from_secs(1)), "{refused:?}");

    // A deadline that the queue cannot keep is refused at once too, though there is room.
    let (held, refused) = tokio::join!(served.run("a", sleeper()), async {
        until("a program runs", || served.execution.runs().level().0 == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut request = from("b", program("print(1)"));
        request.set_timeout(Duration::from_millis(200));
        let begun = Instant::now();
        let refused = served.client.clone().execute(request).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
        refused
    });
    assert_eq!(held.unwrap().status, "completed");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
}

/// FR-029: a caller who gives up ends the program, running or waiting.
#[tokio::test(flavor = "multi_thread")]
async fn giving_up_ends_the_program() {
    let served = serve_with(Limits::new(1, 8, Duration::from_secs(20))).await;
    let mut running = Box::pin(served.run("a", program("while True: pass")));
    let mut waiting = Box::pin(served.run("b", program("while True: pass")));
    let both = async {
        tokio::select! {
            result = &mut running => panic!("{result:?}"),
            result = &mut waiting => panic!("{result:?}"),
            () = until("one runs, one waits", || served.execution.runs().level() == (1, 1)) => {}
        }
    };
    both.await;
    until_ready(&served.execution).await;
    drop((running, waiting));
    until("neither is there any more", || served.execution.runs().level() == (0, 0)).await;
    until("its jail is gone", || served.execution.sandbox().pool().running == 0).await;
    assert_eq!(served.run("c", program("print(1)")).await.unwrap().stdout, "1\n");
}

/// The program has its jail: what is ended is not just a call.
async fn until_ready(execution: &code_execution::execution::Execution) {
    until("a jail runs", || execution.sandbox().pool().running == 1).await;
}

/// Shutdown: what runs ends by itself, nothing new begins.
#[tokio::test(flavor = "multi_thread")]
async fn draining_lets_runs_finish() {
    let served = serve_with(Limits::new(1, 8, Duration::from_secs(20))).await;
    assert_eq!(served.execution.check().await, Ok(()));
    let (running, waiting, refused) = tokio::join!(
        served.run("a", program("import time\ntime.sleep(0.5)\nprint('done')")),
        async {
            until("one runs", || served.execution.runs().level().0 == 1).await;
            served.run("b", program("print('never')")).await
        },
        async {
            until("one waits", || served.execution.runs().level() == (1, 1)).await;
            served.execution.drain().await;
            served.run("c", program("print('never')")).await
        },
    );
    assert_eq!(running.unwrap().stdout, "done\n");
    assert_eq!(waiting.unwrap_err().code(), Code::Unavailable);
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
}

/// What is in store can be asked for, without a token and while a program runs.
#[tokio::test(flavor = "multi_thread")]
async fn the_level_of_the_pool_is_reported() {
    let served = serve().await;
    until("the pool is filled", || served.execution.sandbox().pool().ready == 4).await;
    let run = served.run("a", program("import time\ntime.sleep(0.5)"));
    let ask = async {
        until("the program runs", || served.execution.sandbox().pool().running == 1).await;
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(b"GET /ready/sandbox HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (result, answer) = tokio::join!(run, ask);
    assert_eq!(result.unwrap().status, "completed");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let level: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(level["mode"], served.execution.sandbox().mode().as_str());
    assert_eq!(level["jails"]["running"], 1, "{level}");
    assert_eq!(level["jails"]["target"], 4, "{level}");
    assert!(level["jails"]["warm"].as_u64().is_some_and(|warm| warm >= 3), "{level}");
    assert_eq!((&level["runs"]["running"], &level["runs"]["waiting"]), (&1.into(), &0.into()), "{level}");
}
