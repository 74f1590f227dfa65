//! PostgreSQL: a pool that finds its server again by itself, also under a new password.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::{Connect, GenericClient, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config as Address, NoTls, Row, types::ToSql};

mod error;
mod migrate;
pub mod partitions;
mod slow;

pub use error::DatabaseError;
pub use migrate::MigrationError;

use crate::{config::DatabaseConfig, vault::Vault};

/// Reads the database's URL from where it is kept; again whenever the database cannot be reached with the last one.
pub type ReadUrl = Arc<dyn Fn() -> BoxFuture<'static, Result<SecretString, String>> + Send + Sync>;

/// How long to wait for a free connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(2);
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How often the watch asks the database whether it is there, and how soon again after it did not answer.
const WATCH: Duration = Duration::from_secs(1);
const WATCH_CLOSELY: Duration = Duration::from_millis(200);
/// So many questions in a row without an answer, and the database counts as away: calls fail at once until it is back.
const BREAK_AFTER: u32 = 5;
/// Longest pause between two attempts to reach the database at start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A statement with a name for metrics and logs.
#[derive(Clone, Copy)]
pub struct Statement {
    /// For example `users.get`.
    pub name: &'static str,
    /// SQL; values only as parameters.
    pub sql: &'static str,
}

/// The database. Cheap to clone; usable before the server is: every call fails until it is there.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    address: Arc<RwLock<Address>>,
    read_url: ReadUrl,
    config: DatabaseConfig,
    slow: slow::SlowLog,
    vault: Vault,
    /// The schema is the one this build knows.
    migrated: AtomicBool,
    /// The last look of the watch found the database well.
    available: AtomicBool,
}

impl Database {
    /// Prepares the pool; nothing is connected yet.
    ///
    /// # Errors
    /// [`DatabaseError`] when the pool cannot be made.
    pub fn new(config: DatabaseConfig, read_url: ReadUrl) -> Result<Self, DatabaseError> {
        let address = Arc::new(RwLock::new(Address::new()));
        let manager = Manager::from_connect(
            Address::new(),
            Connector { address: address.clone() },
            // One round trip per checkout buys that no caller ever meets a connection that died while it rested.
            ManagerConfig { recycling_method: RecyclingMethod::Verified },
        );
        let pool = Pool::builder(manager)
            .max_size(config.pool_max)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(Duration::from_secs(1)))
            .build()
            .map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        slow::set_threshold(config.slow);
        let (slow, vault, migrated, available) = Default::default();
        Ok(Self { inner: Arc::new(Inner { pool, address, read_url, config, slow, vault, migrated, available }) })
    }

    /// Waits until the database answers, however long that takes, then brings its schema up to date.
    ///
    /// # Errors
    /// [`MigrationError`] when the schema is not one this build can work with: then the service must not start.
    pub async fn start(&self) -> Result<(), MigrationError> {
        let mut pause = Duration::from_millis(100);
        loop {
            let result = match self.refresh().await {
                Ok(()) => migrate::migrate(self, None).await,
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(count) => {
                    tracing::info!(applied = count, "the schema is up to date");
                    self.inner.migrated.store(true, Ordering::Release);
                    self.inner.available.store(true, Ordering::Release);
                    return Ok(());
                }
                Err(MigrationError::Database(
                    error @ (DatabaseError::Unavailable(_) | DatabaseError::Credentials(_)),
                )) => {
                    tracing::warn!(%error, "waiting for the database");
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks every second whether the database is there, and for where it has gone when it is not. Never returns.
    pub async fn watch(&self) {
        let mut failures = 0;
        loop {
            match self.check().await {
                Ok(()) => {
                    failures = 0;
                    if !self.inner.available.swap(true, Ordering::AcqRel) {
                        tracing::info!("the database is back");
                    }
                }
                Err(error) => {
                    failures += 1;
                    if failures == BREAK_AFTER {
                        tracing::warn!(%error, "the database is away");
                        self.inner.available.store(false, Ordering::Release);
                    }
                    if failures >= BREAK_AFTER
                        && let Err(error) = self.refresh().await
                    {
                        tracing::debug!(%error, "the database's URL could not be read again");
                    }
                }
            }
            metrics::gauge!("database_available").set(if self.is_available() { 1.0 } else { 0.0 });
            self.measure_pool();
            self.inner.slow.log_noted(self);
            tokio::time::sleep(if (1..BREAK_AFTER).contains(&failures) { WATCH_CLOSELY } else { WATCH }).await;
        }
    }

    fn measure_pool(&self) {
        let status = self.inner.pool.status();
        let gauge = |state: &'static str, count: usize| {
            let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            metrics::gauge!("database_pool", "state" => state).set(count);
        };
        gauge("most", status.max_size);
        gauge("idle", status.available);
        gauge("used", status.size.saturating_sub(status.available));
        gauge("waiting", status.waiting);
    }

    /// Whether the database is there, by what the watch last saw.
    pub fn is_available(&self) -> bool {
        self.inner.available.load(Ordering::Acquire)
    }

    /// What seals texts about people.
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// Whether the schema has been brought up to date: from then on what is cached can be served without the database.
    pub fn is_migrated(&self) -> bool {
        self.inner.migrated.load(Ordering::Acquire)
    }

    /// As [`Database::start`], but only up to a version of the schema, and without serving: for tests of migrations.
    ///
    /// # Errors
    /// As [`Database::start`].
    pub async fn migrate_to(&self, version: i32) -> Result<usize, MigrationError> {
        self.refresh().await?;
        migrate::migrate(self, Some(version)).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is none, or the schema is not up to date yet.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        self.check_migrated()?;
        let client = self.raw().await?;
        self.run(client, &Statement { name: "check", sql: "SELECT 1" }, &[]).await.map(drop)
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// [`DatabaseError`] says whether the same call may succeed later.
    pub async fn query(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DatabaseError> {
        let client = self.client().await?;
        self.run(client, statement, parameters).await
    }

    async fn run(
        &self,
        client: Object,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DatabaseError> {
        let started = Instant::now();
        let run = async {
            let prepared = client.prepare_cached(statement.sql).await?;
            client.query(&prepared, parameters).await
        };
        // The server's own limit comes first; this one is for a server that has stopped answering at all.
        let limit = self.inner.config.statement_timeout + Duration::from_secs(1);
        let result = tokio::time::timeout(limit, run).await;
        let elapsed = started.elapsed();
        metrics::histogram!("database_statement_seconds", "statement" => statement.name).record(elapsed);
        if elapsed >= self.inner.config.slow {
            self.inner.slow.log(self, statement, parameters.len(), elapsed);
        }
        match result {
            Ok(rows) => Ok(rows?),
            Err(_) => Err(DatabaseError::Unavailable(format!("no answer to {} within {limit:?}", statement.name))),
        }
    }

    /// Runs a statement that finds one row or none.
    ///
    /// # Errors
    /// As [`Database::query`].
    pub async fn find(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(statement, parameters).await?.pop())
    }

    /// The plan of a statement with so many parameters, without any values. To be awaited to its end: it opens a
    /// transaction.
    ///
    /// # Errors
    /// As [`Database::query`].
    pub async fn explain(&self, statement: &Statement, parameters: usize) -> Result<String, DatabaseError> {
        slow::plan(&self.client().await?, statement.sql, parameters).await
    }

    /// A connection for a transaction.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when none can be had.
    pub async fn client(&self) -> Result<Object, DatabaseError> {
        self.check_migrated()?;
        if !self.is_available() {
            return Err(DatabaseError::Unavailable("it did not answer when last asked".to_owned()));
        }
        self.raw().await
    }

    fn check_migrated(&self) -> Result<(), DatabaseError> {
        if self.is_migrated() {
            return Ok(());
        }
        Err(DatabaseError::Unavailable("the schema is not up to date yet".to_owned()))
    }

    /// A connection whatever the state of the schema; with credentials read again when the last were refused.
    async fn raw(&self) -> Result<Object, DatabaseError> {
        let begun = Instant::now();
        let connection = self.inner.pool.get().await.map_err(DatabaseError::from);
        metrics::histogram!("database_pool_wait_seconds").record(begun.elapsed());
        match connection {
            Err(DatabaseError::Credentials(reason)) => {
                tracing::info!(reason, "reading the database's credentials again");
                self.refresh().await?;
                Ok(self.inner.pool.get().await?)
            }
            result => result,
        }
    }

    /// Reads the URL again; connections made from now on use it.
    async fn refresh(&self) -> Result<(), DatabaseError> {
        let unusable = |reason: String| DatabaseError::Unavailable(format!("cannot read the database's URL: {reason}"));
        let url = (self.inner.read_url)().await.map_err(unusable)?;
        // The parser's error is not shown: it could quote the password.
        let mut address: Address =
            url.expose_secret().parse().map_err(|_| unusable("it is not a postgres:// URL".to_owned()))?;
        let timeout = self.inner.config.statement_timeout.as_millis();
        let options = format!("{} -c statement_timeout={timeout}", address.get_options().unwrap_or_default());
        address
            .options(options.trim())
            .application_name("progress-service")
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(30))
            .tcp_user_timeout(Duration::from_secs(10));
        *self.inner.address.write().unwrap_or_else(PoisonError::into_inner) = address;
        Ok(())
    }
}

/// Runs a statement inside a transaction (or on a connection that is in one) and returns its rows.
///
/// # Errors
/// As [`Database::query`].
pub async fn query_in(
    transaction: &impl GenericClient,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, DatabaseError> {
    let started = Instant::now();
    let prepared = transaction.prepare_cached(statement.sql).await?;
    let rows = transaction.query(&prepared, parameters).await?;
    let elapsed = started.elapsed();
    metrics::histogram!("database_statement_seconds", "statement" => statement.name).record(elapsed);
    slow::note(statement, parameters.len(), elapsed);
    Ok(rows)
}

/// Connects to where the database is now, not to where it was when the pool was made.
struct Connector {
    address: Arc<RwLock<Address>>,
}

impl Connect for Connector {
    fn connect(&self, _: &Address) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let address = self.address.read().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let (client, connection) = address.connect(NoTls).await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "database connection lost");
                }
            });
            Ok((client, task))
        })
    }
}
