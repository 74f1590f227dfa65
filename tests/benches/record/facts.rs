//! Facts through Kafka and sidecars: how many a second, at what cost, and what keeps it from being more.

use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_proto::{
    events::{ProgramRan, ProgressRecorded, progress_recorded::Fact},
    now,
    topics::{PROGRESS_EVENTS, PUBSUB},
};
use learnflow_sidecar::Sidecar;
use learnflow_stack::Stack;
use learnflow_tests::cpu::Roles;
use tokio::time::{sleep, sleep_until};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{ACTIVE, HISTORY, SERVICE, person, sidecar};
use crate::{
    report::Report,
    roles::{Cost, Meter},
};

/// May publish facts.
const PUBLISHER: &str = "triage";
/// Facts offered in a second, and for how long.
const OFFERED: u32 = 5_000;
const OFFERING: Duration = Duration::from_mins(1);
/// Publications under way at a time; more wait, as they would in a service.
const IN_FLIGHT: usize = 512;
/// How long what waits in Kafka after the minute may take.
const DRAINING: Duration = Duration::from_mins(2);
/// Of the topic: so many events are in delivery at a time, one per partition.
const PARTITIONS: f64 = 8.0;
/// From this share on something counts as fully used.
const FULL: f64 = 0.9;

/// What progress-service has counted up to a moment.
#[derive(Clone, Copy)]
struct Counts {
    at: Instant,
    /// Facts handled, and the seconds they spent in the handler, the wait for their transaction included.
    handled: f64,
    handling: f64,
    /// Transactions of the record, the facts in them, and their seconds.
    transactions: f64,
    written: f64,
    writing: f64,
}

impl Counts {
    async fn read(metrics: &str) -> Result<Self> {
        let text = reqwest::get(metrics).await?.text().await?;
        let sum = |name: &str, label: &str| {
            let values = text.lines().filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
            });
            values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Ok(Self {
            at: Instant::now(),
            handled: sum("event_handler_seconds_count", PROGRESS_EVENTS),
            handling: sum("event_handler_seconds_sum", PROGRESS_EVENTS),
            transactions: sum("record_batch_size_count", ""),
            written: sum("record_batch_size_sum", ""),
            writing: sum("record_batch_seconds_sum", ""),
        })
    }

    /// What was counted between two moments.
    fn until(self, later: Self, cost: impl FnOnce(usize) -> Cost) -> Window {
        let handled = later.handled - self.handled;
        let transactions = later.transactions - self.transactions;
        let seconds = (later.at - self.at).as_secs_f64();
        Window {
            seconds,
            handled,
            transactions: transactions / seconds,
            batch: (later.written - self.written) / transactions,
            writing: (later.writing - self.writing) / seconds,
            delivering: (later.handling - self.handling) / seconds,
            cost: cost(count(handled).max(1)),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn count(number: f64) -> usize {
    number.round() as usize
}

/// A stretch of time.
struct Window {
    seconds: f64,
    handled: f64,
    /// A second.
    transactions: f64,
    /// Facts in one transaction.
    batch: f64,
    /// The share of the time in which a transaction was under way: there is one at a time.
    writing: f64,
    /// Facts at the handler at a time.
    delivering: f64,
    /// Per 1000 facts handled.
    cost: Cost,
}

impl Window {
    fn rate(&self) -> f64 {
        self.handled / self.seconds
    }

    /// Cores that something used, from its seconds per 1000 facts.
    fn cores(&self, seconds: f64) -> f64 {
        seconds * self.rate() / 1_000.0
    }

    /// What there was no more of.
    fn bottleneck(&self) -> Result<String> {
        let cores = f64::from(u32::try_from(available_parallelism()?.get())?);
        let Cost { cpu, generator, others } = &self.cost;
        let busy = self.cores(cpu.values().sum::<f64>() + generator) + others;
        let mut users: Vec<(&str, f64)> = cpu.iter().map(|(role, cpu)| (role.as_str(), self.cores(*cpu))).collect();
        users.push(("the publisher", self.cores(*generator)));
        users.sort_by(|one, other| other.1.total_cmp(&one.1));
        let most: Vec<String> = users.iter().take(3).map(|(role, cores)| format!("{role} {cores:.2}")).collect();
        let most = most.join(", ");
        Ok(if busy >= FULL * cores {
            format!(
                "the processors: {busy:.2} of {cores} cores were busy, {others:.2} of them with other programs than these, most of the rest for {most}"
            )
        } else if self.writing >= FULL {
            format!(
                "the transactions of the record, one at a time: one was under way {:.0} % of the time, with {:.1} facts on average",
                self.writing * 100.0,
                self.batch
            )
        } else if self.delivering >= FULL * PARTITIONS {
            format!(
                "the handler: all {PARTITIONS} partitions had an event there, for other reasons than transactions or processors"
            )
        } else {
            format!(
                "delivery: {:.1} of {PARTITIONS} partitions had an event at the handler; the others were between sidecar and Kafka, with \
                 {busy:.2} of {cores} cores busy ({most})",
                self.delivering
            )
        })
    }

    fn row(&self, name: &str) -> Vec<String> {
        let figures = [self.seconds, self.handled, self.rate(), self.transactions];
        let mut cells = vec![name.to_owned()];
        cells.extend(figures.iter().map(|figure| format!("{figure:.0}")));
        cells.extend([format!("{:.1}", self.batch), format!("{:.0} %", self.writing * 100.0)]);
        cells.push(format!("{:.1}", self.delivering));
        cells
    }

    fn costs(&self, name: &str) -> Vec<String> {
        let mut cells = vec![name.to_owned()];
        cells.extend(self.cost.cpu.values().map(|seconds| format!("{seconds:.3}")));
        cells.extend([format!("{:.3}", self.cost.generator), format!("{:.2}", self.cost.others)]);
        cells
    }
}

/// The processes that facts pass through, each by itself.
fn roles(stack: &Stack) -> Roles {
    let mut roles = Roles::new();
    for name in stack.names() {
        let role = match name.as_str() {
            "postgres" => "postgresql",
            "kafka" => "kafka",
            SERVICE => SERVICE,
            "progress-service-daprd" => "its sidecar",
            "triage-daprd" => "publishing sidecar",
            _ => "rest of the stack",
        };
        roles.entry(role.to_owned()).or_default().extend(stack.pid(&name));
    }
    roles
}

fn fact(number: usize) -> ProgressRecorded {
    let error = if number.is_multiple_of(2) { "NameError" } else { "TypeError" };
    let ran = ProgramRan {
        status: "runtime_error".into(),
        error_type: error.into(),
        run_id: Uuid::now_v7().to_string(),
        ..ProgramRan::default()
    };
    ProgressRecorded {
        student_id: person(number % ACTIVE),
        topic: "lists".into(),
        occurred_at: Some(now()),
        fact: Some(Fact::ProgramRan(ran)),
    }
}

/// Publishes for a minute; what could not be begun within it is not offered. How many were published.
async fn offer(sidecar: &Sidecar) -> Result<usize> {
    let begun = tokio::time::Instant::now();
    let publish = |number: u32| async move {
        sleep_until(begun + Duration::from_secs(1) * number / OFFERED).await;
        if begun.elapsed() >= OFFERING {
            return Ok(0);
        }
        let event = fact(usize::try_from(number)?);
        while let Err(error) = sidecar.publish(PUBSUB, PROGRESS_EVENTS, &event.student_id, &event).await {
            ensure!(begun.elapsed() < 2 * OFFERING, "facts cannot be published: {error}");
            sleep(Duration::from_millis(100)).await;
        }
        Ok(1)
    };
    let most = OFFERED * u32::try_from(OFFERING.as_secs())?;
    let published = stream::iter(0..most).map(publish).buffer_unordered(IN_FLIGHT);
    published.try_fold(0, |sum, one| async move { anyhow::Ok(sum + one) }).await
}

/// Offers facts for a minute, then waits until those that wait in Kafka are handled; none may be lost or counted twice.
pub async fn measure(stack: &Stack, sql: &Client, metrics: &str, report: &mut Report) -> Result<()> {
    let sidecar = sidecar(stack, PUBLISHER)?;
    let stored = async || anyhow::Ok(sql.query_one("SELECT count(*) FROM facts", &[]).await?.get::<_, i64>(0));
    let (before, start) = (stored().await?, Counts::read(metrics).await?);
    let roles = roles(stack);
    let meter = Meter::start(&roles);
    let published = offer(&sidecar).await?;
    let then = Counts::read(metrics).await?;
    let offered = start.until(then, |count| meter.stop(count));

    let meter = Meter::start(&roles);
    let all = f64::from(u32::try_from(published)?);
    let wanted = start.handled + all;
    let mut last = then;
    while last.handled < wanted && then.at.elapsed() < DRAINING {
        sleep(Duration::from_millis(500)).await;
        last = Counts::read(metrics).await?;
    }
    let drained = then.until(last, |count| meter.stop(count));
    let left = count(wanted - last.handled);
    let kept = usize::try_from(stored().await? - before)?;
    ensure!(left > 0 || kept == published, "{published} facts were published and handled, {kept} were kept");

    report.say(&format!(
        "### Facts\n\n{OFFERED} facts a second offered for a minute, of {ACTIVE} students with {HISTORY} facts each, through Kafka in 8 \
         partitions and two sidecars; each is handled when the record that follows from it is committed. {published} could be \
         published ({:.0}/s); what waited in Kafka after the minute was handled then, {}.\n",
        all / offered.seconds,
        if left == 0 {
            format!("and exactly {kept} facts were kept: none lost, none twice")
        } else {
            format!("except {left} that were left after {} s", DRAINING.as_secs())
        }
    ))?;
    let behind = drained.handled >= 1_000.0;
    let windows = || [("while offered", &offered), ("afterwards", &drained)].into_iter().take(1 + usize::from(behind));
    report.table(
        &["", "s", "handled", "handled/s", "transactions/s", "facts each", "writing", "at the handler"],
        &windows().map(|(name, window)| window.row(name)).collect::<Vec<_>>(),
    )?;
    report.say("CPU in seconds per 1000 facts handled:\n")?;
    let mut columns = vec![""];
    columns.extend(roles.keys().map(String::as_str));
    columns.extend(["publisher", "cores of others"]);
    report.table(&columns, &windows().map(|(name, window)| window.costs(name)).collect::<Vec<_>>())?;
    for (name, window) in windows() {
        report.say(&format!("Bottleneck {name}: {}.\n", window.bottleneck()?))?;
    }
    Ok(())
}
