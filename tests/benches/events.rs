use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use dapr::dapr::proto::runtime::v1::{PublishEventRequest, dapr_client::DaprClient};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_proto::{events::LearningEvent, now, topics};
use learnflow_sidecar::{API_TOKEN_KEY, Sidecar, SidecarConfig};
use learnflow_stack::Stack;
use learnflow_tests::load::Outcome;
use prost::Name as _;
use serde_json::json;
use tokio::time::{sleep, sleep_until};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use crate::{
    histogram::Histogram,
    report::{Report, median},
    roles::{self, Cost, Meter},
};

/// Publishes, and may publish to the topic.
const APP: &str = "triage";
/// Handles the topic: every event becomes a row of a table.
const HANDLER: &str = "progress-service";
const TOPIC: &str = topics::LEARNING_EVENTS;
const DEADLINE: Duration = Duration::from_secs(5);
/// How often each burst is repeated.
const REPEATS: usize = 3;
/// Callers that publish at the same time, and how many events they publish together.
const BURSTS: [(usize, usize); 2] = [(1, 1_000), (64, 8_000)];
/// Steady loads: events per second, and how many.
const STEADY: [(u32, usize); 3] = [(100, 1_000), (1_000, 5_000), (2_000, 6_000)];

/// Two ways to the same topic.
#[derive(Clone, Copy)]
enum Way {
    /// Concurrent calls leave as one `BulkPublishEvent` call.
    GroupCommit,
    /// One `PublishEvent` call per event.
    SingleCalls,
}

struct Publisher {
    sidecar: Sidecar,
    client: DaprClient<Channel>,
    token: String,
    students: Vec<String>,
}

impl Publisher {
    async fn of(stack: &Stack) -> Result<Self> {
        let port = stack.sidecar_port(APP).with_context(|| format!("the stack has no {APP}"))?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let token = stack.dapr_api_token(APP).to_owned();
        let sidecar = Sidecar::connect(SidecarConfig {
            endpoint: endpoint.clone(),
            api_token: Some(token.clone()),
            app_token: None,
            app_id: APP.to_owned(),
            timeout: DEADLINE,
        })?;
        let client = DaprClient::new(Endpoint::from_shared(endpoint)?.tcp_nodelay(true).connect().await?);
        let students = (0..1_000).map(|_| Uuid::now_v7().to_string()).collect();
        Ok(Self { sidecar, client, token, students })
    }

    /// Publishes an event; returns the milliseconds until it was acknowledged.
    async fn publish(&self, way: Way, number: usize) -> Result<f64> {
        let student_id = self.students[number % self.students.len()].clone();
        let event = LearningEvent { student_id, kind: "benchmark".into(), occurred_at: Some(now()), detail: None };
        let begun = Instant::now();
        match way {
            Way::GroupCommit => self.sidecar.publish(topics::PUBSUB, TOPIC, &event.student_id, &event).await?,
            Way::SingleCalls => {
                self.client.clone().publish_event(self.single(&event)?).await?;
            }
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// The same envelope as the sidecar crate's.
    fn single(&self, event: &LearningEvent) -> Result<Request<PublishEventRequest>> {
        let trace = format!("00-{}-{:016x}-01", Uuid::new_v4().simple(), 1);
        let envelope = json!({
            "specversion": "1.0", "id": Uuid::now_v7().to_string(), "type": LearningEvent::full_name(), "source": APP,
            "subject": event.student_id, "time": now(), "datacontenttype": "application/json", "traceparent": trace,
            "traceid": trace, "correlationid": "", "data": event,
        });
        let mut request = Request::new(PublishEventRequest {
            pubsub_name: topics::PUBSUB.to_owned(),
            topic: TOPIC.to_owned(),
            data: serde_json::to_vec(&envelope)?,
            data_content_type: "application/cloudevents+json".to_owned(),
            metadata: HashMap::from([("partitionKey".to_owned(), event.student_id.clone())]),
        });
        request.metadata_mut().insert(API_TOKEN_KEY, self.token.parse()?);
        request.set_timeout(DEADLINE);
        Ok(request)
    }
}

/// What the handling service counts.
struct Handler {
    metrics: String,
}

/// The two histograms of the topic at one moment.
struct Counted {
    delivery: Histogram,
    handled: f64,
}

impl Handler {
    fn of(stack: &Stack) -> Result<Self> {
        let port = stack.port(HANDLER).with_context(|| format!("the stack has no {HANDLER}"))?;
        Ok(Self { metrics: format!("http://127.0.0.1:{port}/metrics") })
    }

    async fn read(&self) -> Result<Counted> {
        let text = reqwest::get(&self.metrics).await?.text().await?;
        let handled = Histogram::read(&text, "event_handler_seconds", TOPIC).count();
        Ok(Counted { delivery: Histogram::read(&text, "event_delivery_seconds", TOPIC), handled })
    }

    /// Returns when nothing has been handled for a second.
    async fn quiet(&self) -> Result<Counted> {
        let mut last = self.read().await?;
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            let next = self.read().await?;
            if (next.handled - last.handled).abs() < 0.5 {
                return Ok(next);
            }
            last = next;
        }
        anyhow::bail!("{HANDLER} is still busy with {TOPIC} after a minute")
    }

    /// Returns when as many events more have been handled.
    async fn handled(&self, before: &Counted, events: usize) -> Result<Counted> {
        let begun = Instant::now();
        let wanted = before.handled + f64::from(u32::try_from(events)?);
        loop {
            let now = self.read().await?;
            if now.handled >= wanted {
                return Ok(now);
            }
            let missing = wanted - now.handled;
            ensure!(begun.elapsed() < Duration::from_mins(1), "{missing} events of {TOPIC} were not handled in time");
            sleep(Duration::from_millis(25)).await;
        }
    }
}

/// One burst, or one steady load.
struct Measured {
    /// Milliseconds to the acknowledgement.
    acknowledged: Outcome,
    /// From the first call until the last event was handled.
    seconds: f64,
    delivery: Histogram,
    cost: Cost,
}

struct Bench<'a> {
    stack: &'a Stack,
    publisher: Publisher,
    handler: Handler,
}

impl Bench<'_> {
    /// `callers` publish together, each the next event when its last was acknowledged.
    async fn burst(&self, way: Way, callers: usize, events: usize) -> Result<Measured> {
        let publish = |number| self.publisher.publish(way, number);
        self.measure(events, stream::iter(0..events).map(publish).buffer_unordered(callers).try_collect()).await
    }

    /// Publishes at a fixed rate, however long an acknowledgement takes.
    async fn steady(&self, rate: u32, events: usize) -> Result<Measured> {
        let begun = tokio::time::Instant::now();
        let publish = |number| async move {
            sleep_until(begun + Duration::from_secs(1) * u32::try_from(number)? / rate).await;
            self.publisher.publish(Way::GroupCommit, number).await
        };
        // All of them wait for their moment at once.
        self.measure(events, stream::iter(0..events).map(publish).buffer_unordered(events).try_collect()).await
    }

    async fn measure(&self, events: usize, load: impl Future<Output = Result<Vec<f64>>>) -> Result<Measured> {
        let roles = roles::of(self.stack);
        let before = self.handler.read().await?;
        let meter = Meter::start(&roles);
        let begun = Instant::now();
        let mut latencies = load.await?;
        let acknowledged = begun.elapsed().as_secs_f64();
        let after = self.handler.handled(&before, events).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let cost = meter.stop(events);
        latencies.sort_by(f64::total_cmp);
        Ok(Measured {
            acknowledged: Outcome { latencies, seconds: acknowledged, ..Outcome::default() },
            seconds,
            delivery: after.delivery.since(&before.delivery),
            cost,
        })
    }
}

pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    let bench = Bench { stack, publisher: Publisher::of(stack).await?, handler: Handler::of(stack)? };
    bench.handler.quiet().await?;
    for way in [Way::GroupCommit, Way::SingleCalls] {
        bench.burst(way, 64, 1_000).await?;
    }
    let mut bursts: Vec<(Way, usize, Vec<Measured>)> = Vec::new();
    for (callers, _) in BURSTS {
        bursts.extend([(Way::GroupCommit, callers, Vec::new()), (Way::SingleCalls, callers, Vec::new())]);
    }
    for _ in 0..REPEATS {
        for (index, (way, callers, runs)) in bursts.iter_mut().enumerate() {
            runs.push(bench.burst(*way, *callers, BURSTS[index / 2].1).await?);
        }
    }
    let bursts: Vec<Burst> = bursts.iter().map(|(way, callers, runs)| Burst::of(*way, *callers, runs)).collect();
    publishing(report, &bursts)?;
    let mut delivered = Vec::new();
    for (rate, events) in STEADY {
        let steady = bench.steady(rate, events).await?;
        delivered.push((format!("{rate}/s"), steady.delivery));
    }
    for burst in bursts.into_iter().filter(|burst| burst.callers > 1) {
        delivered.push((format!("full speed, {}", burst.name), burst.delivery));
    }
    delivery(report, &delivered)
}

/// The medians of repeated bursts.
struct Burst {
    name: String,
    callers: usize,
    rate: f64,
    p50: f64,
    p99: f64,
    handled: f64,
    cost: Cost,
    delivery: Histogram,
}

impl Burst {
    #[allow(clippy::cast_precision_loss, reason = "counts of a load are small")]
    fn of(way: Way, callers: usize, runs: &[Measured]) -> Self {
        let of = |value: &dyn Fn(&Measured) -> f64| median(runs.iter().map(value).collect());
        let way = match way {
            Way::GroupCommit => "group commit",
            Way::SingleCalls => "single calls",
        };
        let mut delivery = Histogram::default();
        for run in runs {
            delivery.add(&run.delivery);
        }
        Self {
            name: format!("{callers} {}, {way}", if callers == 1 { "caller" } else { "callers" }),
            callers,
            rate: of(&|run| run.acknowledged.rate()),
            p50: of(&|run| run.acknowledged.quantile(0.5)),
            p99: of(&|run| run.acknowledged.quantile(0.99)),
            handled: of(&|run| run.acknowledged.latencies.len() as f64 / run.seconds),
            cost: Cost::median(&runs.iter().map(|run| &run.cost).collect::<Vec<_>>()),
            delivery,
        }
    }
}

fn publishing(report: &mut Report, bursts: &[Burst]) -> Result<()> {
    report.say(&format!(
        "## Events\n\nEvents of {TOPIC} published through {APP}'s sidecar, acknowledged when Kafka has them, and stored by \
         {HANDLER}: as LearnFlow publishes (concurrent calls leave as one bulk call: group commit) beside its peer in \
         the same run, one `PublishEvent` call per event with the same envelope. Latencies to the acknowledgement in ms; \
         \"handled/s\" lasts until the last event is stored; CPU in seconds per 1000 events, from the publisher to \
         PostgreSQL.\n"
    ))?;
    let roles: Vec<String> =
        bursts.iter().take(1).flat_map(|burst| burst.cost.cpu.keys()).map(|role| format!("CPU {role}")).collect();
    let mut columns = vec!["load", "events/s", "p50", "p99", "handled/s", "CPU publisher"];
    columns.extend(roles.iter().map(String::as_str));
    columns.extend(["CPU all", "cores of others"]);
    let rows: Vec<Vec<String>> = bursts
        .iter()
        .map(|burst| {
            let mut row = vec![
                burst.name.clone(),
                format!("{:.0}", burst.rate),
                format!("{:.2}", burst.p50),
                format!("{:.2}", burst.p99),
                format!("{:.0}", burst.handled),
                format!("{:.3}", burst.cost.generator),
            ];
            row.extend(burst.cost.cpu.values().map(|seconds| format!("{seconds:.3}")));
            row.push(format!("{:.3}", burst.cost.all() + burst.cost.generator));
            row.push(format!("{:.2}", burst.cost.others));
            row
        })
        .collect();
    report.table(&columns, &rows)?;
    report.say(
        "### Group commit against single calls (ratios)\n\nAbove 1 is better for events, below 1 for the rest.\n",
    )?;
    let rows: Vec<Vec<String>> = bursts
        .chunks_exact(2)
        .map(|pair| {
            let ratio = |value: &dyn Fn(&Burst) -> f64| format!("{:.2}", value(&pair[0]) / value(&pair[1]));
            vec![
                pair[0].callers.to_string(),
                ratio(&|burst| burst.rate),
                ratio(&|burst| burst.handled),
                ratio(&|burst| burst.p50),
                ratio(&|burst| burst.p99),
                ratio(&|burst| burst.cost.all() + burst.cost.generator),
            ]
        })
        .collect();
    report.table(&["callers", "events/s", "handled/s", "p50", "p99", "CPU"], &rows)
}

fn delivery(report: &mut Report, loads: &[(String, Histogram)]) -> Result<()> {
    report.say(&format!(
        "### From publishing to the handler\n\nHow old an event is when {HANDLER}'s handler gets it, in ms, estimated from the \
         buckets of `event_delivery_seconds`; less than 100 ms is wanted (SC-004). At full speed a burst of {} events comes \
         faster than it is stored and waits in Kafka: these rows show how long.\n",
        BURSTS[1].1
    ))?;
    let rows: Vec<Vec<String>> = loads
        .iter()
        .map(|(name, delivery)| {
            vec![
                name.clone(),
                format!("{:.0}", delivery.count()),
                format!("{:.1}", delivery.quantile(0.5) * 1e3),
                format!("{:.1}", delivery.quantile(0.99) * 1e3),
                format!("{:.2} %", delivery.share_within(0.1) * 100.0),
            ]
        })
        .collect();
    report.table(&["load", "events", "p50", "p99", "within 100 ms"], &rows)
}
