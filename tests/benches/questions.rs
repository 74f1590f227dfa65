use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use learnflow_stack::Stack;
use learnflow_tests::{
    cpu::{self, Roles},
    load::{self, Outcome, Question},
    student::Issuer,
};
use serde_json::json;

use crate::{
    peer::Peer,
    report::{Report, median},
};

/// How often each load is repeated.
const REPEATS: usize = 3;
/// How long a closed loop lasts.
const LENGTH: Duration = Duration::from_secs(8);
/// Students, each with a question of their own.
pub const STUDENTS: usize = 1_000;

/// A system under load: where, with what questions, and which processes it is made of.
pub struct Target {
    pub name: &'static str,
    pub address: String,
    pub questions: Vec<Question>,
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
    cpu: BTreeMap<String, f64>,
    others: f64,
}

pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    report.say(
        "## Questions\n\n`POST /api/v1/query` to its answer: gateway (token, validation, request record), Kafka, triage, Kafka, \
         concepts-agent (built-in tutor), Kafka, gateway, each hop through a Dapr sidecar; beside it two audit events per \
         question go to PostgreSQL. Latencies in ms; CPU in seconds per 1000 questions.\n",
    )?;
    let target = learnflow(stack).await?;
    let ours = run(&target).await?;
    show(report, target.name, &ours)?;
    if let Some(peer) = Peer::start().await? {
        let target = peer.target()?;
        let theirs = run(&target).await?;
        show(report, target.name, &theirs)?;
        peer.stop().await;
        let rows = ours
            .iter()
            .zip(&theirs)
            .map(|(ours, theirs)| {
                let ratio = |ours: f64, theirs: f64| format!("{:.2}", ours / theirs);
                let cpu = |measured: &Measured| measured.cpu.values().sum::<f64>();
                vec![
                    ours.load.to_owned(),
                    ratio(ours.rate, theirs.rate),
                    ratio(ours.p50, theirs.p50),
                    ratio(ours.p99, theirs.p99),
                    ratio(cpu(ours), cpu(theirs)),
                ]
            })
            .collect::<Vec<_>>();
        report.say("### LearnFlow against the peer (ratios)\n")?;
        report.table(&["load", "answers/s", "p50", "p99", "CPU"], &rows)?;
    }
    Ok(())
}

async fn learnflow(stack: &Stack) -> Result<Target> {
    let issuer = Issuer::of(stack).await?;
    let mut roles = Roles::new();
    for name in stack.names() {
        let role = match name.as_str() {
            "kafka" | "redis" => name.clone(),
            "postgres" | "postgresql" => "postgresql".to_owned(),
            name if name.ends_with("-daprd") => "sidecars".to_owned(),
            _ => "services".to_owned(),
        };
        roles.entry(role).or_default().extend(stack.pid(&name));
    }
    let address = format!("127.0.0.1:{}", stack.port("api-gateway").unwrap_or_default());
    Ok(Target { name: "LearnFlow", address, questions: questions(&issuer)?, roles })
}

/// One question each of a thousand students, over the curriculum.
pub fn questions(issuer: &Issuer) -> Result<Vec<Question>> {
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

async fn run(target: &Target) -> Result<Vec<Measured>> {
    // Connections, caches, the broker's compiler.
    load::closed(&target.address, &target.questions, 32, LENGTH).await?;
    let mut loads = Vec::new();
    for connections in [1, 32, 100] {
        let name = ["closed, 1 connection", "closed, 32 connections", "closed, 100 connections"][connections / 32 % 3];
        let name = if connections == 100 { "closed, 100 connections" } else { name };
        let mut outcomes = Vec::new();
        for _ in 0..REPEATS {
            outcomes.push(
                costed(target, async || load::closed(&target.address, &target.questions, connections, LENGTH).await)
                    .await?,
            );
        }
        loads.push(summary(name, &outcomes));
    }
    let mut outcomes = Vec::new();
    for _ in 0..REPEATS {
        outcomes.push(costed(target, async || load::open(&target.address, &target.questions, 100).await).await?);
    }
    loads.push(summary("open, 100/s, 1000 students", &outcomes));
    Ok(loads)
}

/// A load with the CPU seconds per 1000 requests of each role, and the cores others used meanwhile.
struct Costed {
    outcome: Outcome,
    cpu: BTreeMap<String, f64>,
    others: f64,
}

#[allow(clippy::cast_precision_loss, reason = "counts of a load are small")]
async fn costed(target: &Target, load: impl AsyncFn() -> Result<Outcome>) -> Result<Costed> {
    let (before, machine, own) = (cpu::seconds(&target.roles), cpu::machine(), cpu::seconds(&generator()));
    let outcome = load().await?;
    let (after, own_after) = (cpu::seconds(&target.roles), cpu::seconds(&generator()));
    let used: BTreeMap<String, f64> =
        after.iter().map(|(role, seconds)| (role.clone(), seconds - before[role])).collect();
    let ours: f64 = used.values().sum::<f64>() + own_after["generator"] - own["generator"];
    let others = (cpu::machine() - machine - ours) / outcome.seconds;
    let thousands = outcome.latencies.len() as f64 / 1_000.0;
    let cpu = used.into_iter().map(|(role, seconds)| (role, seconds / thousands)).collect();
    Ok(Costed { outcome, cpu, others })
}

fn generator() -> Roles {
    Roles::from([("generator".to_owned(), vec![nix::unistd::getpid().as_raw()])])
}

fn summary(load: &'static str, runs: &[Costed]) -> Measured {
    let of = |value: &dyn Fn(&Costed) -> f64| median(runs.iter().map(value).collect());
    let roles: Vec<String> = runs.first().map(|run| run.cpu.keys().cloned().collect()).unwrap_or_default();
    Measured {
        load,
        rate: of(&|run| run.outcome.rate()),
        p50: of(&|run| run.outcome.quantile(0.5)),
        p95: of(&|run| run.outcome.quantile(0.95)),
        p99: of(&|run| run.outcome.quantile(0.99)),
        errors: runs.iter().map(|run| run.outcome.errors).sum(),
        cpu: roles.into_iter().map(|role| (role.clone(), of(&|run| run.cpu[&role]))).collect(),
        others: of(&|run| run.others),
    }
}

fn show(report: &mut Report, name: &str, loads: &[Measured]) -> Result<()> {
    let roles: Vec<&str> = loads.first().map(|load| load.cpu.keys().map(String::as_str).collect()).unwrap_or_default();
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
            row.extend(load.cpu.values().map(|seconds| format!("{seconds:.2}")));
            row.push(format!("{:.2}", load.cpu.values().sum::<f64>()));
            row.push(format!("{:.2}", load.others));
            row
        })
        .collect();
    report.say(&format!("### {name}\n"))?;
    report.table(&columns, &rows)
}
