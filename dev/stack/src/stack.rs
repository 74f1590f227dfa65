//! A running stack.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::Flock;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::home::Home;
use crate::infra::kafka::{self, Kafka};
use crate::infra::postgres::{self, Postgres};
use crate::infra::{External, redis};
use crate::options::{HomeFolder, Parts, StackOptions, decide_ports};
use crate::plan::{KAFKA_PORT, Plan, REDIS_PORT};
use crate::progress::say;
use crate::secrets::{Secrets, Tokens, random_password};
use crate::services::Services;
use crate::supervisor::Supervisor;
use crate::tools::Tools;
use crate::{Error, demo, resources};

/// The app the gateway passes chat sockets on to.
const WEBSOCKETS: &str = "websocket-service";
const INFRASTRUCTURE_LIMIT: Duration = Duration::from_mins(1);
const SERVICES_LIMIT: Duration = Duration::from_mins(2);
/// How long sidecars take to read a changed secret store.
const RELOAD: Duration = Duration::from_secs(1);

/// Infrastructure, sidecars and services of one run. Call [`Stack::stop`] for an orderly end; when dropped, its
/// processes are killed. Processes are named: `kafka`, `postgres`, `redis`, an app's id, and the id with `-daprd`.
#[derive(Debug)]
pub struct Stack {
    supervisor: Supervisor,
    plan: Plan,
    secrets: Mutex<Secrets>,
    tokens: Tokens,
    kafka_brokers: String,
    options: StackOptions,
    home: Home,
    temporary: Option<TempDir>,
    _ports: Option<Flock<std::fs::File>>,
}

impl Stack {
    /// Starts a stack and waits until all of it is ready.
    ///
    /// # Errors
    /// When a tool is missing, a port is taken, the home is in use, or a process does not get ready; whatever had been
    /// started is stopped, and a temporary home is kept for a look at its logs.
    pub async fn start(options: StackOptions) -> Result<Self, Error> {
        let began = Instant::now();
        let tools = Tools::find()?;
        // First the home: that another stack has it says more than that its ports are taken.
        let (home, temporary) = open_home(&options.home)?;
        let (plan, ports) = decide_ports(&options)?;
        let external = External::from_env();
        let secrets = ensure_secrets(&home, &tools, &plan, &external)?;
        let tokens = Tokens::ensure(&home.join("secrets/tokens.json"), plan.apps.iter().map(|app| app.id.as_str()))?;
        let kafka_brokers = external.kafka.clone().unwrap_or_else(|| format!("127.0.0.1:{}", plan.shifted(KAFKA_PORT)));
        let supervisor = Supervisor::new(&home.join("log"), options.on_crash)?;
        let secrets = Mutex::new(secrets);
        let kept = options.clone();
        let stack =
            Self { supervisor, plan, secrets, tokens, kafka_brokers, options: kept, home, temporary, _ports: ports };
        match stack.bring_up(&options, &tools, &external).await {
            Ok(()) => {
                say(&format!("everything ready after {:.1} s", began.elapsed().as_secs_f32()));
                Ok(stack)
            }
            Err(error) => {
                stack.halt().await;
                stack.keep_home();
                Err(error)
            }
        }
    }

    async fn bring_up(&self, options: &StackOptions, tools: &Tools, external: &External) -> Result<(), Error> {
        tokio::select! {
            done = self.steps(options, tools, external) => done,
            // Nobody needs to wait for the rest once a child was given up.
            reason = self.supervisor.failed() => Err(Error::step("start", format!("{reason}; logs are in {}/log", self.home.path.display()))),
        }
    }

    async fn steps(&self, options: &StackOptions, tools: &Tools, external: &External) -> Result<(), Error> {
        tokio::try_join!(
            self.start_redis(tools, external),
            self.start_postgres(tools, external),
            self.start_kafka(&options.root, tools, external),
        )?;
        if options.parts == Parts::Infrastructure {
            return Ok(());
        }
        self.start_services(options, tools, external).await?;
        if options.demo_accounts && options.parts == Parts::All && options.apps.is_none() {
            let secrets = self.secrets.lock().await.clone();
            demo::create_accounts(&self.gateway_url(), &secrets, &self.home.join("demo.env")).await?;
        }
        Ok(())
    }

    async fn start_redis(&self, tools: &Tools, external: &External) -> Result<(), Error> {
        if external.redis.is_some() {
            return Ok(());
        }
        let password = self.secret("redis", "password").await;
        self.supervisor.start(redis::spec(&self.home, tools, self.plan.shifted(REDIS_PORT), &password)?);
        self.supervisor.wait_ready(redis::NAME, INFRASTRUCTURE_LIMIT).await
    }

    async fn start_postgres(&self, tools: &Tools, external: &External) -> Result<(), Error> {
        if external.database.is_some() {
            return Ok(());
        }
        let postgres = Postgres::new(&self.home, tools, &self.plan);
        postgres.initialize().await?;
        self.supervisor.start(postgres.spec());
        self.supervisor.wait_ready(postgres::NAME, INFRASTRUCTURE_LIMIT).await?;
        let url = self.secret("database", "url").await;
        postgres.prepare(Postgres::password_in(&url).unwrap_or_default()).await
    }

    async fn start_kafka(&self, root: &Path, tools: &Tools, external: &External) -> Result<(), Error> {
        let kafka = Kafka::new(root, &self.home, tools, &self.plan);
        if external.kafka.is_none() {
            kafka.initialize().await?;
            self.supervisor.start(kafka.spec());
            self.supervisor.wait_ready(kafka::NAME, INFRASTRUCTURE_LIMIT).await?;
        }
        kafka.create_topics(root, &self.kafka_brokers).await
    }

    async fn start_services(&self, options: &StackOptions, tools: &Tools, external: &External) -> Result<(), Error> {
        let file_name = self.secrets.lock().await.file_name();
        resources::install(&options.root, &self.home, &self.plan, &file_name)?;
        self.forget_names()?;
        let redis_address = self.redis_address(external);
        let services = self.services(options, tools, &redis_address);
        let chosen = |id: &String| options.apps.as_ref().is_none_or(|apps| apps.contains(id));
        let apps: Vec<_> = self.plan.apps.iter().filter(|app| chosen(&app.id)).collect();
        let with_apps = options.parts == Parts::All;
        let mut specs = Vec::new();
        for app in apps {
            specs.push(services.sidecar(app, with_apps));
            if with_apps {
                specs.push(services.app(app)?);
            }
        }
        let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
        for spec in specs {
            self.supervisor.start(spec);
        }
        for name in names {
            self.supervisor.wait_ready(&name, SERVICES_LIMIT).await?;
        }
        Ok(())
    }

    fn services<'a>(&'a self, options: &'a StackOptions, tools: &'a Tools, redis_address: &'a str) -> Services<'a> {
        Services {
            root: &options.root,
            home: &self.home,
            tools,
            tokens: &self.tokens,
            kafka_brokers: &self.kafka_brokers,
            redis_address,
            websocket_port: self.port(WEBSOCKETS).unwrap_or_default(),
            binaries: options.binaries.as_deref(),
            extra_env: &options.extra_env,
        }
    }

    fn redis_address(&self, external: &External) -> String {
        let own = || format!("127.0.0.1:{}", self.plan.shifted(REDIS_PORT));
        external.redis.as_ref().map_or_else(own, |(address, _)| address.clone())
    }

    /// Starts a second replica of an app, with a sidecar of its own, and waits until both are ready. Their names are the
    /// first one's with "-2" behind the app's id. Returns the port the replica listens on.
    ///
    /// # Errors
    /// When there is no such app, or the replica does not get ready.
    pub async fn start_replica(&self, app: &str) -> Result<u16, Error> {
        let app = self.plan.app(app).ok_or_else(|| Error::step(app, "dapr.yaml has no such app"))?;
        let (tools, external) = (Tools::find()?, External::from_env());
        let redis_address = self.redis_address(&external);
        let services = self.services(&self.options, &tools, &redis_address);
        let app = app.replica();
        let named = |name: String| name.replacen(&app.id, &format!("{}-2", app.id), 1);
        for mut spec in [services.sidecar(&app, true), services.app(&app)?] {
            spec.name = named(spec.name);
            self.supervisor.start(spec);
        }
        for name in [app.sidecar(), app.id.clone()] {
            self.supervisor.wait_ready(&named(name), SERVICES_LIMIT).await?;
        }
        Ok(app.port)
    }

    /// The addresses in the name database are those of the last run.
    fn forget_names(&self) -> Result<(), Error> {
        let folder = self.home.join("dapr");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(Error::writing(&folder))
    }

    async fn secret(&self, name: &str, field: &str) -> String {
        self.secrets.lock().await.get(name, field).unwrap_or_default().to_owned()
    }

    /// Where the gateway (and the web page) is served.
    pub fn gateway_url(&self) -> String {
        format!("http://localhost:{}", self.port("api-gateway").unwrap_or_default())
    }

    /// The port an app listens on.
    pub fn port(&self, app: &str) -> Option<u16> {
        self.plan.app(app).map(|app| app.port)
    }

    /// The port an app's sidecar serves gRPC on.
    pub fn sidecar_port(&self, app: &str) -> Option<u16> {
        self.plan.app(app).map(|app| app.grpc_port)
    }

    /// The port an app's sidecar serves HTTP on.
    pub fn sidecar_http_port(&self, app: &str) -> Option<u16> {
        self.plan.app(app).map(|app| app.http_port)
    }

    /// The port an app's sidecar serves its Prometheus metrics on.
    pub fn metrics_port(&self, app: &str) -> Option<u16> {
        self.plan.app(app).map(|app| app.metrics_port)
    }

    /// The token an app's sidecar expects as metadata `dapr-api-token`.
    pub fn dapr_api_token(&self, app: &str) -> &str {
        self.tokens.dapr(app)
    }

    /// The token an app expects of its sidecar as metadata `dapr-api-token`.
    pub fn app_api_token(&self, app: &str) -> &str {
        self.tokens.app(app)
    }

    /// The brokers, as `host:port` with commas between.
    pub fn kafka_brokers(&self) -> &str {
        &self.kafka_brokers
    }

    /// The secrets as they are now.
    pub async fn secrets(&self) -> Secrets {
        self.secrets.lock().await.clone()
    }

    /// Changes fields of a secret the way an operator would: the sidecars read the new value, nothing restarts.
    ///
    /// # Errors
    /// When the home cannot be written.
    pub async fn rotate_secret(&self, name: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        let mut secrets = self.secrets.lock().await;
        let old = secrets.file_name();
        secrets.rotate(name, fields)?;
        resources::point_at_secrets(&self.home, &old, &secrets.file_name())?;
        sleep(RELOAD).await;
        resources::reread_referring(&self.home, name)
    }

    /// The process id of a child that runs.
    pub fn pid(&self, name: &str) -> Option<i32> {
        self.supervisor.pid(name)
    }

    /// The names of all children.
    pub fn names(&self) -> Vec<String> {
        self.supervisor.names()
    }

    /// A child's log: standard output and standard error.
    pub fn log_path(&self, name: &str) -> PathBuf {
        self.supervisor.log(name)
    }

    /// The folder of this run's data, secrets and logs.
    pub fn home(&self) -> &Path {
        &self.home.path
    }

    /// Kills a child (SIGKILL) and returns when it is gone; it is then started again.
    ///
    /// # Errors
    /// When no child has this name.
    pub async fn kill9(&self, name: &str) -> Result<(), Error> {
        self.supervisor.kill9(name).await
    }

    /// Ends a child in an orderly way; it stays away until [`Stack::start_child`].
    ///
    /// # Errors
    /// When no child has this name.
    pub async fn stop_child(&self, name: &str) -> Result<(), Error> {
        self.supervisor.stop(name).await
    }

    /// Starts a stopped child and waits until it is ready.
    ///
    /// # Errors
    /// When no child has this name, or it does not get ready.
    pub async fn start_child(&self, name: &str) -> Result<(), Error> {
        self.supervisor.resume(name)?;
        self.wait_ready(name).await
    }

    /// Waits until a child is ready, for example after [`Stack::kill9`].
    ///
    /// # Errors
    /// When no child has this name, or it does not get ready.
    pub async fn wait_ready(&self, name: &str) -> Result<(), Error> {
        self.supervisor.wait_ready(name, SERVICES_LIMIT).await
    }

    /// Resolves when the run has failed: a child crashed too often, or at all with [`crate::OnCrash::Fail`].
    pub async fn failed(&self) -> String {
        self.supervisor.failed().await
    }

    /// Stops everything: apps, then sidecars, then infrastructure. A temporary home is removed, unless the calling
    /// thread is panicking.
    pub async fn stop(self) {
        self.halt().await;
        if std::thread::panicking() {
            self.keep_home();
        }
    }

    /// Stops everything and keeps the home, also a temporary one. Returns its path.
    pub async fn stop_keeping_home(self) -> PathBuf {
        self.halt().await;
        let path = self.home.path.clone();
        self.keep_home();
        path
    }

    async fn halt(&self) {
        let is_app = |name: &str| self.plan.app(name).is_some();
        self.supervisor.stop_all(is_app).await;
        self.supervisor.stop_all(|name| name.ends_with("-daprd")).await;
        self.supervisor.stop_all(|_| true).await;
    }

    fn keep_home(mut self) {
        if let Some(folder) = self.temporary.take() {
            say(&format!("the logs of this run are in {}", folder.keep().join("log").display()));
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A test that panics drops the stack without stopping it: what it left behind tells why.
        if std::thread::panicking()
            && let Some(folder) = self.temporary.take()
        {
            say(&format!("the logs of this run are in {}", folder.keep().join("log").display()));
        }
    }
}

fn open_home(folder: &HomeFolder) -> Result<(Home, Option<TempDir>), Error> {
    match folder {
        HomeFolder::Kept(path) => Ok((Home::open(path)?, None)),
        HomeFolder::Temporary => {
            let folder = tempfile::Builder::new()
                .prefix("learnflow-")
                .tempdir()
                .map_err(Error::io("cannot make a temporary folder"))?;
            Ok((Home::open(folder.path())?, Some(folder)))
        }
    }
}

/// Reads or makes the secrets; addresses and passwords of external infrastructure win over generated ones.
fn ensure_secrets(home: &Home, tools: &Tools, plan: &Plan, external: &External) -> Result<Secrets, Error> {
    let folder = home.join("secrets");
    let before = Secrets::ensure(&folder, &[])?;
    let url = if let Some(url) = &external.database {
        url.clone()
    } else {
        let old = before.get("database", "url").and_then(Postgres::password_in).map(str::to_owned);
        Postgres::new(home, tools, plan).url(&old.map_or_else(random_password, Ok)?)
    };
    let mut fixed = vec![("database", "url", url)];
    if let Some((_, password)) = &external.redis {
        fixed.push(("redis", "password", password.clone()));
    }
    Secrets::ensure(&folder, &fixed)
}
