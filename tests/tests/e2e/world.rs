use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use learnflow_stack::{Stack, StackOptions};
use learnflow_tests::student::{Issuer, User};
use tokio::{runtime::Handle, sync::RwLock, time::sleep};

use crate::model;

/// The stack under test and what belongs to it.
pub struct World {
    pub stack: Stack,
    pub issuer: Issuer,
    /// Where the agents look for the model.
    pub model_port: u16,
}

impl World {
    pub async fn start() -> Result<Self> {
        let (options, model_port) = model::prepare(StackOptions::for_tests()?)?;
        let stack = Stack::start(options).await?;
        let issuer = Issuer::of(&stack).await?;
        let world = Self { stack, issuer, model_port };
        // Consumer groups take a moment to settle: the first answer says that they have.
        let student = world.student()?;
        eventually("a first answer", Duration::from_mins(1), async || {
            let reply = student.post("/query", &serde_json::json!({ "text": "What is a list?" })).await?;
            Ok(reply.status == 200)
        })
        .await?;
        Ok(world)
    }

    /// A measure of an app: the sum of its series whose labels contain the text. `None` when there are none.
    pub async fn metric(&self, app: &str, name: &str, label: &str) -> Result<Option<f64>> {
        let metrics = reqwest::get(format!("http://{}/metrics", self.address(app)?)).await?.text().await?;
        let values = metrics.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_wanted = series.strip_prefix(name)?.strip_prefix('{')?.contains(label);
            is_wanted.then(|| value.parse::<f64>().ok())?
        });
        Ok(values.reduce(|sum, value| sum + value))
    }

    pub async fn end(self, failed: bool) {
        if failed {
            let home = self.stack.stop_keeping_home().await;
            #[allow(clippy::print_stderr, reason = "for whoever looks into the failure")]
            {
                eprintln!("the logs of the failed run are in {}", home.join("log").display());
            }
        } else {
            self.stack.stop().await;
        }
    }

    /// A new student.
    pub fn student(&self) -> Result<User> {
        User::new(&self.stack, &self.issuer, "student")
    }

    /// The address an app listens on.
    pub fn address(&self, app: &str) -> Result<String> {
        Ok(format!("127.0.0.1:{}", self.stack.port(app).with_context(|| format!("no app {app}"))?))
    }
}

/// Hands the world to the tests: to many at once, or to one alone.
#[derive(Clone)]
pub struct Shared {
    runtime: Handle,
    world: Arc<RwLock<Option<World>>>,
}

impl Shared {
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, world: Arc::default() }
    }

    pub fn open(&self, world: World) {
        *self.world.blocking_write() = Some(world);
    }

    pub fn close(&self) -> Option<World> {
        self.world.blocking_write().take()
    }

    pub fn beside(&self, test: &impl AsyncFn(&World) -> Result<()>) -> Result<()> {
        self.runtime.block_on(async {
            let world = self.world.read().await;
            test(world.as_ref().context("the stack is not up")?).await
        })
    }

    pub fn alone(&self, test: &impl AsyncFn(&World) -> Result<()>) -> Result<()> {
        self.runtime.block_on(async {
            let world = self.world.write().await;
            test(world.as_ref().context("the stack is not up")?).await
        })
    }
}

/// Tries until it is so; says what was waited for when it never is.
pub async fn eventually(what: &str, patience: Duration, condition: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let last = condition().await;
        if matches!(last, Ok(true)) {
            return Ok(());
        }
        if begun.elapsed() > patience {
            match last {
                Err(error) => return Err(error.context(format!("waited {patience:?} for {what}"))),
                Ok(_) => bail!("waited {patience:?} for {what}"),
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}
