mod facts;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use learnflow_proto::v1::{GetProgressRequest, ListEventsRequest, progress_service_client::ProgressServiceClient};
use learnflow_sidecar::{API_TOKEN_KEY, Concurrency, Sidecar, SidecarConfig};
use learnflow_stack::Stack;
use learnflow_tests::load::Outcome;
use tokio::time::sleep_until;
use tokio_postgres::{Client, NoTls};
use tonic::{Request, transport::Channel};

use crate::report::Report;

const SERVICE: &str = "progress-service";
const STUDENTS: usize = 10_000;
const EVENTS: usize = 5_000_000;
/// Students who practise, and how much each has done before.
const ACTIVE: usize = 1_000;
const HISTORY: usize = 600;

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
    facts::measure(stack, &sql, &service.metrics, report).await
}

fn row(what: &str, wanted: &str, outcome: &Outcome) -> Vec<String> {
    let quantile = |quantile| format!("{:.2}", outcome.quantile(quantile));
    let cells = [format!("{:.0}", outcome.rate()), quantile(0.5), quantile(0.95), quantile(0.99)];
    [what.to_owned(), wanted.to_owned()].into_iter().chain(cells).collect()
}

/// Students with a history, and events of a year, the oldest first as they would have come. The index is made after the
/// rows; what the database would tidy up later, during the measurements, it does now.
async fn fill(sql: &Client) -> Result<f64> {
    let begun = Instant::now();
    // Each by itself: in one transaction they would keep the service from its tables until the last is done.
    for step in [
        PERSON.to_owned(),
        "SET synchronous_commit = off".to_owned(),
        format!(
            "INSERT INTO users (id, email, name) SELECT bench_person(n), 'bench' || n || '@example.org', 'A'
             FROM generate_series(0, {STUDENTS} - 1) n ON CONFLICT DO NOTHING"
        ),
        format!(
            "INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, outcome, source)
             SELECT gen_random_uuid(), bench_person(n % {ACTIVE}), (ARRAY['lists', 'tuples', 'sets', 'strings'])[n % 4 + 1], 'code_run',
                    now() - n * interval '20 seconds', 'passed', 's' FROM generate_series(1, {ACTIVE} * {HISTORY}) n"
        ),
        "DROP INDEX events_by_student".to_owned(),
        format!(
            "INSERT INTO events (id, student_id, kind, source, occurred_at)
             SELECT (substr(event_id_at(t)::text, 1, 18) || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                    bench_person(n % {STUDENTS}), 'code.run', 'bench', t
             FROM (SELECT n, now() - n * interval '6 seconds' AS t FROM generate_series({EVENTS}, 1, -1) n) moments"
        ),
        "CREATE INDEX events_by_student ON events (student_id, occurred_at DESC, id DESC)".to_owned(),
        "VACUUM (ANALYZE) users, facts, events".to_owned(),
        "RESET synchronous_commit".to_owned(),
    ] {
        sql.batch_execute(&step).await.with_context(|| format!("filling the tables: {step}"))?;
    }
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
