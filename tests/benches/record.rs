use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use learnflow_proto::{
    events::{ProgramRan, ProgressRecorded, progress_recorded::Fact},
    now,
    topics::{PROGRESS_EVENTS, PUBSUB},
    v1::{GetProgressRequest, ListEventsRequest, progress_service_client::ProgressServiceClient},
};
use learnflow_sidecar::{API_TOKEN_KEY, Concurrency, Sidecar, SidecarConfig};
use learnflow_stack::Stack;
use learnflow_tests::load::Outcome;
use tokio::time::{sleep, sleep_until};
use tokio_postgres::{Client, NoTls};
use tonic::{Request, transport::Channel};
use uuid::Uuid;

use crate::{
    histogram::Histogram,
    report::Report,
    roles::{self, Meter},
};

const SERVICE: &str = "progress-service";
/// May publish facts.
const PUBLISHER: &str = "triage";
const STUDENTS: usize = 10_000;
const EVENTS: usize = 5_000_000;
/// Students who practise, and how much each has done before.
const ACTIVE: usize = 1_000;
const HISTORY: usize = 600;
/// Facts offered in a second, and for how long.
const OFFERED: usize = 5_000;
const OFFERING: Duration = Duration::from_mins(1);
/// Publications under way at a time; more wait, as they would in a service.
const IN_FLIGHT: usize = 512;

/// Ids that can be told from a number, here and in SQL.
const PERSON: &str = "CREATE OR REPLACE FUNCTION bench_person(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$";

fn person(number: usize) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// Progress-service as its sidecar would call it.
struct Service {
    client: ProgressServiceClient<Channel>,
    token: String,
    metrics: String,
}

impl Service {
    async fn of(stack: &Stack) -> Result<Self> {
        let port = stack.port(SERVICE).with_context(|| format!("the stack has no {SERVICE}"))?;
        let url = format!("http://127.0.0.1:{port}");
        let client = ProgressServiceClient::connect(url.clone()).await?;
        Ok(Self { client, token: stack.app_api_token(SERVICE).to_owned(), metrics: format!("{url}/metrics") })
    }

    /// A call on behalf of a student.
    fn call<T>(&self, message: T, student: &str) -> Result<Request<T>> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(API_TOKEN_KEY, self.token.parse()?);
        metadata.insert("x-learnflow-user", student.parse()?);
        metadata.insert("x-learnflow-role", "student".parse()?);
        Ok(request)
    }

    /// The facts handled so far, and how old they were.
    async fn handled(&self) -> Result<(f64, Histogram)> {
        let text = reqwest::get(&self.metrics).await?.text().await?;
        let count = Histogram::read(&text, "event_handler_seconds", PROGRESS_EVENTS).count();
        Ok((count, Histogram::read(&text, "event_delivery_seconds", PROGRESS_EVENTS)))
    }
}

async fn database(stack: &Stack) -> Result<Client> {
    let secrets = stack.secrets().await;
    let url = secrets.get("database", "url").context("the stack has no database")?;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sends so many of something a second, however long each takes, counted from the moment it was due.
async fn open_loop<F>(rate: usize, seconds: usize, send: impl Fn(usize) -> F) -> Result<Outcome>
where
    F: Future<Output = Result<()>>,
{
    let begun = tokio::time::Instant::now();
    let count = rate * seconds;
    let timed = |number: usize| {
        let send = &send;
        async move {
            let due =
                begun + Duration::from_secs_f64(f64::from(u32::try_from(number)?) / f64::from(u32::try_from(rate)?));
            sleep_until(due).await;
            send(number).await?;
            anyhow::Ok(due.elapsed().as_secs_f64() * 1e3)
        }
    };
    let mut latencies: Vec<f64> = stream::iter(0..count).map(timed).buffer_unordered(count).try_collect().await?;
    latencies.sort_by(f64::total_cmp);
    Ok(Outcome { latencies, seconds: begun.elapsed().as_secs_f64(), ..Outcome::default() })
}

pub async fn measure(stack: &Stack, report: &mut Report) -> Result<()> {
    let (sql, service) = (database(stack).await?, Service::of(stack).await?);
    report.say(&format!(
        "## The learner's record\n\nThe database of the stack with {STUDENTS} students and {EVENTS} events of theirs; PostgreSQL writes \
         through to the disk. Calls go to {SERVICE} over gRPC, state and facts through sidecars.\n"
    ))?;
    let seconds = fill(&sql).await?;
    report.say(&format!("Filling the tables took {seconds:.0} s.\n"))?;
    let rows = vec![
        row("a page of 50 events of a student, 8 at a time", "p99 < 50 ms", &events(&service).await?),
        row("progress from the cache, 1000/s", "p95 < 5 ms", &progress(&service).await?),
        row("a write of state, 500/s", "p95 < 10 ms", &writes(stack).await?),
    ];
    report.table(&["what", "wanted", "a second", "p50 ms", "p95 ms", "p99 ms"], &rows)?;
    facts(stack, &sql, &service, report).await
}

fn row(what: &str, wanted: &str, outcome: &Outcome) -> Vec<String> {
    let quantile = |quantile| format!("{:.2}", outcome.quantile(quantile));
    let cells = [format!("{:.0}", outcome.rate()), quantile(0.5), quantile(0.95), quantile(0.99)];
    [what.to_owned(), wanted.to_owned()].into_iter().chain(cells).collect()
}

/// Students with a history, and events: as many in each of twelve months. The index is made after the rows.
async fn fill(sql: &Client) -> Result<f64> {
    let begun = Instant::now();
    sql.batch_execute(PERSON).await?;
    sql.batch_execute(&format!(
        "SET synchronous_commit = off;
         INSERT INTO users (id, email, name) SELECT bench_person(n), 'bench' || n || '@example.org', 'A'
             FROM generate_series(0, {STUDENTS} - 1) n ON CONFLICT DO NOTHING;
         INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, outcome, source)
             SELECT gen_random_uuid(), bench_person(n % {ACTIVE}), (ARRAY['lists', 'tuples', 'sets', 'strings'])[n % 4 + 1], 'code_run',
                    now() - n * interval '20 seconds', 'passed', 's' FROM generate_series(1, {ACTIVE} * {HISTORY}) n;
         DROP INDEX events_by_student;
         INSERT INTO events (id, student_id, kind, source, occurred_at)
             SELECT (substr(event_id_at(t)::text, 1, 18) || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                    bench_person(n % {STUDENTS}), 'code.run', 'bench', t
             FROM (SELECT n, now() - n * interval '6 seconds' AS t FROM generate_series(1, {EVENTS}) n) moments;
         CREATE INDEX events_by_student ON events (student_id, occurred_at DESC, id DESC);
         ANALYZE; RESET synchronous_commit"
    ))
    .await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Pages from anywhere in the history of any student.
async fn events(service: &Service) -> Result<Outcome> {
    let read = |number: usize| async move {
        let student = person(number * 7_919 % STUDENTS);
        let mut token = None;
        let begun = Instant::now();
        // Every fourth reader turns the page.
        for _ in 0..=usize::from(number.is_multiple_of(4)) {
            let message = ListEventsRequest { user_id: student.clone(), page_size: Some(50), page_token: token };
            let page = service.client.clone().list_events(service.call(message, &student)?).await?.into_inner();
            ensure!(page.events.len() == 50, "{} events", page.events.len());
            token = Some(page.next_page_token);
        }
        anyhow::Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    let begun = Instant::now();
    let mut latencies: Vec<f64> = stream::iter(0..6_000).map(read).buffer_unordered(8).try_collect().await?;
    latencies.sort_by(f64::total_cmp);
    Ok(Outcome { latencies, seconds: begun.elapsed().as_secs_f64(), ..Outcome::default() })
}

async fn progress(service: &Service) -> Result<Outcome> {
    let read = |number: usize| async move {
        let student = person(number % ACTIVE);
        let message = GetProgressRequest { user_id: student.clone() };
        service.client.clone().get_progress(service.call(message, &student)?).await?;
        Ok(())
    };
    // Once, so that the caches know them.
    try_join_all((0..ACTIVE).map(read)).await?;
    open_loop(1_000, 20, read).await
}

fn sidecar(stack: &Stack, app: &str) -> Result<Sidecar> {
    let port = stack.sidecar_port(app).with_context(|| format!("the stack has no {app}"))?;
    Ok(Sidecar::connect(SidecarConfig {
        endpoint: format!("http://127.0.0.1:{port}"),
        api_token: Some(stack.dapr_api_token(app).to_owned()),
        app_token: None,
        app_id: app.to_owned(),
        timeout: Duration::from_secs(5),
    })?)
}

async fn writes(stack: &Stack) -> Result<Outcome> {
    let sidecar = &sidecar(stack, SERVICE)?;
    let value = "x".repeat(500);
    let (value, ttl) = (&value, Some(Duration::from_mins(5)));
    open_loop(500, 20, |number| async move {
        let key = format!("bench:{}", number % 2_000);
        Ok(sidecar.set(&key, value, ttl, Concurrency::LastWrite).await?)
    })
    .await
}

/// Offers facts for a minute, then waits until all are handled, and counts what became of them.
async fn facts(stack: &Stack, sql: &Client, service: &Service, report: &mut Report) -> Result<()> {
    let sidecar = &sidecar(stack, PUBLISHER)?;
    let stored = async || anyhow::Ok(sql.query_one("SELECT count(*) FROM facts", &[]).await?.get::<_, i64>(0));
    let (before, (handled_before, _)) = (stored().await?, service.handled().await?);
    let roles = roles::of(stack);
    let (meter, begun) = (Meter::start(&roles), tokio::time::Instant::now());
    let publish = |number: usize| async move {
        let due =
            begun + Duration::from_secs_f64(f64::from(u32::try_from(number)?) / f64::from(u32::try_from(OFFERED)?));
        sleep_until(due).await;
        // What could not be begun within the minute is not offered.
        if begun.elapsed() >= OFFERING {
            return Ok(false);
        }
        let error = if number.is_multiple_of(2) { "NameError" } else { "TypeError" };
        let ran = ProgramRan {
            status: "runtime_error".into(),
            error_type: error.into(),
            run_id: Uuid::now_v7().to_string(),
            ..ProgramRan::default()
        };
        let event = ProgressRecorded {
            student_id: person(number % ACTIVE),
            topic: "lists".into(),
            occurred_at: Some(now()),
            fact: Some(Fact::ProgramRan(ran)),
        };
        while sidecar.publish(PUBSUB, PROGRESS_EVENTS, &event.student_id, &event).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(true)
    };
    let most = OFFERED * usize::try_from(OFFERING.as_secs())?;
    let offered: Vec<bool> = stream::iter(0..most).map(publish).buffer_unordered(IN_FLIGHT).try_collect().await?;
    let published = offered.into_iter().filter(|published| *published).count();
    let minute = begun.elapsed().as_secs_f64();
    let (handled_meanwhile, _) = service.handled().await?;
    let cost = meter.stop(published.max(1));
    let mut last = f64::NAN;
    let handled = loop {
        let (handled, _) = service.handled().await?;
        if (handled - last).abs() < 0.5 {
            break handled - handled_before;
        }
        last = handled;
        sleep(Duration::from_secs(2)).await;
        ensure!(begun.elapsed() < Duration::from_mins(10), "the facts are not handled in ten minutes");
    };
    let seconds = begun.elapsed().as_secs_f64();
    let after = stored().await?;
    let in_minute = (handled_meanwhile - handled_before) / minute;
    report.say(&format!(
        "### Facts\n\n{OFFERED} facts a second offered for a minute, of {ACTIVE} students with {HISTORY} facts each, through Kafka in 8 \
         partitions and two sidecars; each is handled when the record that follows from it is committed.\n"
    ))?;
    #[allow(clippy::cast_precision_loss, reason = "counts of a load are small")]
    let rate = published as f64 / minute;
    report.table(
        &["published/s", "handled/s in the minute", "published", "stored", "handled", "until all were handled, s"],
        &[vec![
            format!("{rate:.0}"),
            format!("{in_minute:.0}"),
            published.to_string(),
            (after - before).to_string(),
            format!("{handled:.0}"),
            format!("{seconds:.0}"),
        ]],
    )?;
    let mut columns: Vec<String> = cost.cpu.keys().map(|role| format!("CPU {role}")).collect();
    columns.extend(["CPU publisher".to_owned(), "cores of others".to_owned()]);
    let mut cells: Vec<String> = cost.cpu.values().map(|seconds| format!("{seconds:.3}")).collect();
    cells.extend([format!("{:.3}", cost.generator), format!("{:.2}", cost.others)]);
    report.say("CPU in seconds per 1000 facts published, in the minute:\n")?;
    report.table(&columns.iter().map(String::as_str).collect::<Vec<_>>(), &[cells])
}
