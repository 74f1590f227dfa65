use std::{
    env,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use learnflow_proto::v1::{ExecuteRequest, execution_service_client::ExecutionServiceClient};
use learnflow_sidecar::API_TOKEN_KEY;
use learnflow_stack::Stack;
use learnflow_tests::{
    load::Outcome,
    student::{Issuer, User},
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    process::Command,
    time::{sleep, sleep_until},
};
use tonic::{Request, transport::Channel};
use uuid::Uuid;

use crate::report::Report;

/// Runs of each kind in the latency table, after the warm-up: a multiple of the orders they can take turns in.
const RUNS: usize = 48;
const WARM_UP: usize = 6;
/// The sustained load: how many at once, and for how long, in parts that take turns.
const CONCURRENT: usize = 4;
const LENGTH: Duration = Duration::from_secs(10);
const PARTS: u32 = 2;
/// A burst: so many programs in so long, so many times.
const BURST: u32 = 40;
const BURST_LENGTH: Duration = Duration::from_millis(30);
const BURSTS: usize = 6;
/// What is offered of the sustained rate, and for how long.
const OFFERED: f64 = 0.6;
const OFFERED_LENGTH: f64 = 8.0;
/// How long the pool may take to be full again.
const FILLING: Duration = Duration::from_secs(30);
/// The parts of the sandbox's own bench that are shown.
const PARTS_OF_CRATE: [&str; 6] = ["latency", "burst", "sustained", "memory", "cpu", "neighbour"];
/// They share the requests, so that none comes near the limit per student.
const STUDENTS: usize = 100;
/// The interpreter the sandbox uses, unless told otherwise.
const PYTHON: &str = "/usr/bin/python3";

/// A program and what it prints.
struct Program {
    name: &'static str,
    code: &'static str,
}

const HELLO: Program = Program { name: "hello", code: "print('hello')\n" };
/// What students import most.
const TYPICAL: Program = Program {
    name: "typical",
    code: "\
import json
import math
import random
from collections import Counter

random.seed(7)
throws = [random.randint(1, 6) + random.randint(1, 6) for _ in range(1000)]
counts = Counter(throws)
mean = sum(throws) / len(throws)
spread = math.sqrt(sum((throw - mean) ** 2 for throw in throws) / len(throws))
print(json.dumps({'mean': round(mean, 2), 'spread': round(spread, 2), 'counts': sorted(counts.items())}))
",
};

/// A way to run a program.
#[derive(Clone, Copy)]
enum Way {
    /// `python3 -c pass`: what any run is measured against.
    Pass,
    /// A process that reads the program from its standard input, without a jail.
    Bare(&'static Program),
    /// `ExecutionService/Execute` on code-execution itself.
    Rpc(&'static Program),
    /// `POST /api/v1/execute` at the gateway.
    Gateway(&'static Program),
}

const WAYS: [Way; 7] = [
    Way::Pass,
    Way::Bare(&HELLO),
    Way::Rpc(&HELLO),
    Way::Gateway(&HELLO),
    Way::Bare(&TYPICAL),
    Way::Rpc(&TYPICAL),
    Way::Gateway(&TYPICAL),
];

impl Way {
    fn name(self) -> String {
        match self {
            Self::Pass => "`python3 -c pass`".to_owned(),
            Self::Bare(program) => format!("{}, bare `python3 -`", program.name),
            Self::Rpc(program) => format!("{}, ExecutionService RPC", program.name),
            Self::Gateway(program) => format!("{}, POST /api/v1/execute", program.name),
        }
    }
}

struct Bench {
    port: u16,
    rpc: ExecutionServiceClient<Channel>,
    app_token: String,
    students: Vec<User>,
    /// What the typical program prints.
    typical: String,
}

impl Bench {
    async fn of(stack: &Stack) -> Result<Self> {
        let port = stack.port("code-execution").context("the stack has no code-execution")?;
        let rpc = ExecutionServiceClient::connect(format!("http://127.0.0.1:{port}")).await?;
        let issuer = Issuer::of(stack).await?;
        // One client, so one pool of connections.
        let student = User::new(stack, &issuer, "student")?;
        let students = (0..STUDENTS)
            .map(|_| Ok(student.with_token(issuer.token(&Uuid::now_v7().to_string(), "student")?)))
            .collect::<Result<_>>()?;
        let typical = python(&["-"], TYPICAL.code).await?;
        Ok(Self { port, rpc, app_token: stack.app_api_token("code-execution").to_owned(), students, typical })
    }

    /// Runs once, and returns the milliseconds it took. A result other than the program's is an error.
    async fn run(&self, way: Way, number: usize) -> Result<f64> {
        let begun = Instant::now();
        let (program, output) = match way {
            Way::Pass => {
                python(&["-c", "pass"], "").await?;
                return Ok(milliseconds(begun));
            }
            Way::Bare(program) => (program, python(&["-"], program.code).await?),
            Way::Rpc(program) => {
                let program_sent = ExecuteRequest { code: program.code.to_owned(), ..Default::default() };
                let mut request = Request::new(program_sent);
                request.metadata_mut().insert(API_TOKEN_KEY, self.app_token.parse()?);
                (program, self.rpc.clone().execute(request).await?.into_inner().stdout)
            }
            Way::Gateway(program) => {
                let student = &self.students[number % self.students.len()];
                let reply = student.post("/execute", &json!({ "code": program.code })).await?;
                ensure!(reply.status == 200, "{reply:?}");
                (program, reply.text("stdout").to_owned())
            }
        };
        let took = milliseconds(begun);
        let wanted = if program.name == HELLO.name { "hello\n" } else { &self.typical };
        ensure!(output == wanted, "{} printed {output:?}", way.name());
        Ok(took)
    }

    /// Every way in turn, again and again, so that a busy moment of the machine meets all of them. The order changes:
    /// each comes equally often behind each other one, whose jail may still be taken down. (Their number is a prime.)
    async fn latencies(&self) -> Result<Vec<(Way, Outcome)>> {
        let mut outcomes: Vec<_> = WAYS.into_iter().map(|way| (way, Outcome::default())).collect();
        for round in 0..WARM_UP + RUNS {
            // One run after the other is what is measured here, not how fast jails are made.
            self.filled().await?;
            let step = 1 + round % (WAYS.len() - 1);
            for turn in 0..WAYS.len() {
                let (way, outcome) = &mut outcomes[turn * step % WAYS.len()];
                let took = self.run(*way, round).await?;
                if round >= WARM_UP {
                    outcome.latencies.push(took);
                }
            }
        }
        for (_, outcome) in &mut outcomes {
            outcome.latencies.sort_by(f64::total_cmp);
        }
        Ok(outcomes)
    }

    /// Waits until the pool of jails is as it should be.
    async fn filled(&self) -> Result<()> {
        let (url, begun) = (format!("http://127.0.0.1:{}/ready/sandbox", self.port), Instant::now());
        loop {
            let level: Value = serde_json::from_str(&reqwest::get(&url).await?.text().await?)?;
            let count = |name: &str| level["jails"][name].as_u64().unwrap_or_default();
            // A grown pool is more than full.
            if count("rich") + 4 >= count("target") || begun.elapsed() > FILLING {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs that begin when they are due, whatever became of others. Latencies count from then.
    async fn arrivals(&self, way: Way, due: impl Iterator<Item = Duration>, outcome: &mut Outcome) -> Result<()> {
        let begun = Instant::now();
        let runs = due.enumerate().map(async |(number, due)| {
            sleep_until((begun + due).into()).await;
            self.run(way, number).await?;
            anyhow::Ok(milliseconds(begun + due))
        });
        outcome.latencies.extend(try_join_all(runs).await?);
        outcome.seconds += begun.elapsed().as_secs_f64();
        outcome.latencies.sort_by(f64::total_cmp);
        Ok(())
    }

    /// Keeps `CONCURRENT` runs under way for `length`.
    async fn sustained(&self, way: Way, length: Duration, outcome: &mut Outcome) -> Result<()> {
        let begun = Instant::now();
        let workers = (0..CONCURRENT).map(async |worker| {
            let mut latencies = Vec::new();
            let mut next = worker;
            while begun.elapsed() < length {
                latencies.push(self.run(way, next).await?);
                next += CONCURRENT;
            }
            anyhow::Ok(latencies)
        });
        outcome.latencies.extend(try_join_all(workers).await?.into_iter().flatten());
        outcome.seconds += begun.elapsed().as_secs_f64();
        outcome.latencies.sort_by(f64::total_cmp);
        Ok(())
    }
}

/// Runs the interpreter to its end and returns what it printed.
async fn python(arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(PYTHON)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {PYTHON}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // An interpreter that needs no input may be gone before it comes.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "{PYTHON} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Independent arrivals at a rate: exponential gaps from a small generator.
fn at_random(rate: f64) -> impl Iterator<Item = Duration> {
    let mut seed = 7_u64;
    let mut at = 0.0_f64;
    std::iter::from_fn(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = f64::from(u32::try_from(seed >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        at -= uniform.max(1e-9).ln() / rate;
        (at < OFFERED_LENGTH).then(|| Duration::from_secs_f64(at))
    })
}

pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    let bench = Bench::of(stack).await?;
    latencies(&bench, report).await?;
    bursts(&bench, report).await?;
    loads(&bench, report).await?;
    of_the_crate(report).await
}

async fn latencies(bench: &Bench, report: &mut Report) -> Result<()> {
    report.say(&format!(
        "## Running programs\n\nA program, from request to result, in ms: in a warm jail, made ahead and used once. The RPC \
         goes straight to code-execution; POST /api/v1/execute goes through the gateway and two sidecars, and the run into \
         the audit stream. Beside them the same program in a bare interpreter without any isolation, and `python3 -c pass`, \
         the least a process of Python can cost; {RUNS} runs each, taking turns. \"typical\" imports json, math, random and \
         collections.\n"
    ))?;
    bench.filled().await?;
    let outcomes = bench.latencies().await?;
    let (pass, pass_95) = (outcomes[0].1.quantile(0.5), outcomes[0].1.quantile(0.95));
    let mut bare = pass;
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .map(|(way, outcome)| {
            let (p50, p95) = (outcome.quantile(0.5), outcome.quantile(0.95));
            if matches!(way, Way::Bare(_)) {
                bare = p50;
            }
            vec![
                way.name(),
                format!("{p50:.1}"),
                format!("{p95:.1}"),
                format!("{:.2}", p50 / pass),
                format!("{:.2}", p95 / pass_95),
                format!("{:.2}", p50 / bare),
            ]
        })
        .collect();
    report.table(
        &[
            "run",
            "p50",
            "p95",
            "p50 against `python3 -c pass`",
            "p95 against `python3 -c pass`",
            "p50 against the bare program",
        ],
        &rows,
    )
}

async fn bursts(bench: &Bench, report: &mut Report) -> Result<()> {
    report.say(&format!(
        "### A class that presses Run\n\n{BURST} programs within {} ms over the RPC, {BURSTS} times, each time on a full \
         pool.\n",
        BURST_LENGTH.as_millis()
    ))?;
    let mut rows = Vec::new();
    for program in [&HELLO, &TYPICAL] {
        let mut all = Outcome::default();
        for _ in 0..BURSTS {
            bench.filled().await?;
            let due = (0..BURST).map(|number| BURST_LENGTH * number / BURST);
            bench.arrivals(Way::Rpc(program), due, &mut all).await?;
        }
        let figures = [0.5, 0.95, 1.0].map(|quantile| format!("{:.1}", all.quantile(quantile)));
        rows.push([program.name.to_owned()].into_iter().chain(figures).collect());
    }
    report.table(&["program", "p50", "p95", "slowest"], &rows)
}

async fn loads(bench: &Bench, report: &mut Report) -> Result<()> {
    report.say(&format!(
        "### Sustained\n\n{CONCURRENT} runs under way at any time for {} s (in {PARTS} parts, taking turns); code-execution \
         runs {CONCURRENT} at once. Every run uses up a jail, so that this is how fast jails are made. \"At {:.0} %\" is the \
         p95 of runs that come independently of each other at that part of the rate.\n",
        LENGTH.as_secs(),
        OFFERED * 100.0
    ))?;
    let mut loads = [
        Way::Pass,
        Way::Rpc(&HELLO),
        Way::Gateway(&HELLO),
        Way::Bare(&TYPICAL),
        Way::Rpc(&TYPICAL),
        Way::Gateway(&TYPICAL),
    ]
    .map(|way| (way, Outcome::default()));
    for _ in 0..PARTS {
        for (way, outcome) in &mut loads {
            bench.sustained(*way, LENGTH / PARTS, outcome).await?;
        }
    }
    let pass = loads[0].1.rate();
    let mut rows = Vec::new();
    for (way, outcome) in &loads {
        let mut offered = Outcome::default();
        if matches!(way, Way::Rpc(_)) {
            bench.filled().await?;
            bench.arrivals(*way, at_random(outcome.rate() * OFFERED), &mut offered).await?;
        }
        let offered = offered.quantile(0.95);
        rows.push(vec![
            way.name(),
            format!("{:.1}", outcome.rate()),
            format!("{:.1}", outcome.quantile(0.5)),
            format!("{:.1}", outcome.quantile(0.95)),
            format!("{:.2}", outcome.rate() / pass),
            if offered.is_nan() { "–".to_owned() } else { format!("{offered:.1}") },
        ]);
    }
    let last = format!("p95 at {:.0} %", OFFERED * 100.0);
    report.table(&["run", "runs/s", "p50", "p95", "runs/s against `python3 -c pass`", &last], &rows)
}

/// The sandbox without the service around it: its own bench, while the stack has nothing to do.
async fn of_the_crate(report: &mut Report) -> Result<()> {
    report.say("### The sandbox itself\n\nThe crate's own bench, without a service around it, while the stack has nothing to do.")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["bench", "--locked", "-p", "learnflow-sandbox", "--bench", "jails", "--"])
        .args(PARTS_OF_CRATE)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start the sandbox's bench")?;
    ensure!(output.status.success(), "the sandbox's bench failed: {}", output.status);
    report.say(&String::from_utf8(output.stdout)?)
}
