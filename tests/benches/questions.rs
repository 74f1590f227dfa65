use std::{iter, sync::Arc, time::Duration};

use anyhow::Result;
use learnflow_stack::Stack;
use learnflow_tests::{
    cpu::Roles,
    load::{self, Outcome, Question},
    student::Issuer,
};
use serde_json::json;

use crate::{
    peer::Peer,
    report::{Report, median},
    roles::{self, Cost, Meter},
};

/// How often each load is repeated.
const REPEATS: usize = 3;
/// How long a load goes on before it is measured: what slept is awake then, and calls are shared as they will be.
const LEAD: Duration = Duration::from_secs(3);
/// How long a load is measured: at a hundred questions a second, once for every student.
const LENGTH: Duration = Duration::from_secs(10);
/// How long each system runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(25);
/// Students, each with a question of their own.
const STUDENTS: usize = 1_000;

#[derive(Clone, Copy)]
enum Load {
    /// So many connections, each asking again when it has its answer.
    Closed(usize),
    /// So many questions a second, whatever becomes of them: one of each student.
    Open(u32),
}

const LOADS: [(&str, Load); 4] = [
    ("closed, 1 connection", Load::Closed(1)),
    ("closed, 32 connections", Load::Closed(32)),
    ("closed, 100 connections", Load::Closed(100)),
    ("open, 100/s, 1000 students", Load::Open(100)),
];

/// A system under load: where, with what questions, and which processes it is made of.
pub struct Target {
    pub name: &'static str,
    pub address: String,
    pub questions: Arc<[Question]>,
    pub roles: Roles,
}

/// One load and its medians.
pub struct Measured {
    load: &'static str,
    rate: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    errors: usize,
    cost: Cost,
}

pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    report.say(
        "## Questions\n\n`POST /api/v1/query` to its answer: gateway (token, validation, request record), Kafka, triage, Kafka, \
         concepts-agent (built-in tutor), Kafka, gateway, each hop through a Dapr sidecar; beside it an audit event per \
         question goes to PostgreSQL. LearnFlow and its peer, both as batch work to Linux, are loaded by turns, each for 3 s \
         before 10 s are measured. Latencies in ms; CPU in seconds per 1000 questions.\n",
    )?;
    let ours = learnflow(stack).await?;
    let peer = Peer::start().await?;
    let theirs = peer.as_ref().map(Peer::target).transpose()?;
    let targets: Vec<&Target> = iter::once(&ours).chain(&theirs).collect();
    let measured = run(&targets).await?;
    if let Some(peer) = peer {
        peer.stop().await;
    }
    for (target, loads) in targets.iter().zip(&measured) {
        show(report, target.name, loads)?;
    }
    if let [ours, theirs] = &measured[..] {
        compare(report, ours, theirs)?;
    }
    Ok(())
}

fn compare(report: &mut Report, ours: &[Measured], theirs: &[Measured]) -> Result<()> {
    let ratio = |ours: f64, theirs: f64| format!("{:.2}", ours / theirs);
    let row = |(ours, theirs): (&Measured, &Measured)| {
        vec![
            ours.load.to_owned(),
            ratio(ours.rate, theirs.rate),
            ratio(ours.p50, theirs.p50),
            ratio(ours.p99, theirs.p99),
            ratio(ours.cost.all(), theirs.cost.all()),
        ]
    };
    let rows: Vec<_> = ours.iter().zip(theirs).map(row).collect();
    report.say("### LearnFlow against the peer (ratios)\n")?;
    report.table(&["load", "answers/s", "p50", "p99", "CPU"], &rows)
}

async fn learnflow(stack: &Stack) -> Result<Target> {
    let issuer = Issuer::of(stack).await?;
    let address = format!("127.0.0.1:{}", stack.port("api-gateway").unwrap_or_default());
    Ok(Target { name: "LearnFlow", address, questions: questions(&issuer)?, roles: roles::of(stack) })
}

/// One question each of a thousand students, over the curriculum.
fn questions(issuer: &Issuer) -> Result<Arc<[Question]>> {
    let topics = ["a list", "a dictionary", "a for loop", "recursion", "a class", "a tuple", "a string", "a function"];
    let ways = ["What is {}?", "explain {} to me please", "how do i use {} in python", "when do I need {}?"];
    (0..STUDENTS)
        .map(|number| {
            let token = issuer.token(&uuid::Uuid::now_v7().to_string(), "student")?;
            let text = ways[number % ways.len()].replace("{}", topics[number / ways.len() % topics.len()]);
            Ok(Question { token, body: json!({ "text": text }).to_string() })
        })
        .collect()
}

/// Measures the targets load by load, by turns: a shared machine is fast in one minute and slow in the next.
async fn run(targets: &[&Target]) -> Result<Vec<Vec<Measured>>> {
    for target in targets {
        // Connections, caches, and the broker's compiler, which takes a core at first.
        put(target, Load::Closed(100), WARM_UP).await?;
    }
    let mut measured: Vec<_> = targets.iter().map(|_| Vec::new()).collect();
    for (name, load) in LOADS {
        let mut runs: Vec<_> = targets.iter().map(|_| Vec::new()).collect();
        for _ in 0..REPEATS {
            for (target, runs) in targets.iter().zip(&mut runs) {
                roles::quiet().await;
                runs.push(costed(target, load).await?);
            }
        }
        for (measured, runs) in measured.iter_mut().zip(&runs) {
            measured.push(summary(name, runs));
        }
    }
    Ok(measured)
}

async fn costed(target: &Target, load: Load) -> Result<(Outcome, Cost)> {
    put(target, load, LEAD).await?;
    let meter = Meter::start(&target.roles);
    let outcome = put(target, load, LENGTH).await?;
    let cost = meter.stop(outcome.latencies.len());
    Ok((outcome, cost))
}

async fn put(target: &Target, load: Load, length: Duration) -> Result<Outcome> {
    let Target { address, questions, .. } = target;
    match load {
        Load::Closed(connections) => load::closed(address, questions, connections, length).await,
        Load::Open(rate) => {
            let count = usize::try_from(u64::from(rate) * length.as_secs())?.min(questions.len());
            load::open(address, &questions[..count], rate).await
        }
    }
}

fn summary(load: &'static str, runs: &[(Outcome, Cost)]) -> Measured {
    let of = |value: &dyn Fn(&Outcome) -> f64| median(runs.iter().map(|(outcome, _)| value(outcome)).collect());
    Measured {
        load,
        rate: of(&Outcome::rate),
        p50: of(&|outcome| outcome.quantile(0.5)),
        p95: of(&|outcome| outcome.quantile(0.95)),
        p99: of(&|outcome| outcome.quantile(0.99)),
        errors: runs.iter().map(|(outcome, _)| outcome.errors).sum(),
        cost: Cost::median(&runs.iter().map(|(_, cost)| cost).collect::<Vec<_>>()),
    }
}

fn show(report: &mut Report, name: &str, loads: &[Measured]) -> Result<()> {
    let roles: Vec<&str> =
        loads.first().map(|load| load.cost.cpu.keys().map(String::as_str).collect()).unwrap_or_default();
    let cpu_columns: Vec<String> = roles.iter().map(|role| format!("CPU {role}")).collect();
    let mut columns = vec!["load", "answers/s", "p50", "p95", "p99", "errors"];
    columns.extend(cpu_columns.iter().map(String::as_str));
    columns.extend(["CPU all", "cores of others"]);
    let rows: Vec<Vec<String>> = loads
        .iter()
        .map(|load| {
            let mut row = vec![
                load.load.to_owned(),
                format!("{:.0}", load.rate),
                format!("{:.1}", load.p50),
                format!("{:.1}", load.p95),
                format!("{:.1}", load.p99),
                load.errors.to_string(),
            ];
            row.extend(load.cost.cpu.values().map(|seconds| format!("{seconds:.2}")));
            row.push(format!("{:.2}", load.cost.all()));
            row.push(format!("{:.2}", load.cost.others));
            row
        })
        .collect();
    report.say(&format!("### {name}\n"))?;
    report.table(&columns, &rows)
}
