//! The processes of one app: itself and its sidecar.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::Error;
use crate::home::Home;
use crate::plan::App;
use crate::ready::Ready;
use crate::resources::installed;
use crate::secrets::Tokens;
use crate::spawner::AsUser;
use crate::supervisor::ChildSpec;
use crate::tools::Tools;

/// What all apps of a run share.
pub(crate) struct Services<'a> {
    pub(crate) root: &'a Path,
    pub(crate) home: &'a Home,
    pub(crate) tools: &'a Tools,
    pub(crate) tokens: &'a Tokens,
    pub(crate) kafka_brokers: &'a str,
    pub(crate) redis_address: &'a str,
    /// Where websocket-service listens: the gateway passes sockets on to it.
    pub(crate) websocket_port: u16,
    /// Where the services' binaries are, when not where `dapr.yaml` says.
    pub(crate) binaries: Option<&'a Path>,
    /// Further variables, by app.
    pub(crate) extra_env: &'a BTreeMap<String, BTreeMap<String, String>>,
}

impl Services<'_> {
    /// The sidecar of an app. It counts as ready when the app's calls are served, or, with `app_runs`, when the app
    /// was found and its subscriptions started.
    pub(crate) fn sidecar(&self, app: &App, app_runs: bool) -> ChildSpec {
        let loopback = "127.0.0.1".to_owned();
        let mut args = Vec::new();
        let mut flag = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        flag("app-id", app.id.clone());
        flag("app-port", app.port.to_string());
        flag("app-protocol", app.protocol.clone());
        flag("dapr-http-port", app.http_port.to_string());
        flag("dapr-grpc-port", app.grpc_port.to_string());
        flag("dapr-internal-grpc-port", app.internal_port.to_string());
        flag("metrics-port", app.metrics_port.to_string());
        flag("dapr-listen-addresses", app.listen_addresses.clone());
        flag("dapr-internal-grpc-listen-address", loopback.clone());
        flag("metrics-listen-address", loopback);
        flag("placement-host-address", app.placement.clone());
        flag("scheduler-host-address", app.scheduler.clone());
        flag("config", self.configuration(app).display().to_string());
        for path in &app.resources {
            flag("resources-path", installed(self.home, path).display().to_string());
        }
        flag("log-level", app.log_level.clone());
        flag("dapr-graceful-shutdown-seconds", "2".into());
        if app.health_check {
            flag("app-health-probe-interval", app.probe_interval.to_string());
            flag("app-health-threshold", app.probe_threshold.to_string());
            args.push("--enable-app-health-check".into());
        }
        args.push("--log-as-json".into());
        let health = if app_runs { "healthz" } else { "healthz/outbound" };
        ChildSpec {
            name: app.sidecar(),
            program: self.tools.daprd.clone(),
            args,
            env: app.env.clone().into_iter().chain(self.common_env(app)).collect(),
            folder: self.home.path.clone(),
            as_user: AsUser::Same,
            stop_signal: Signal::SIGTERM,
            stop_limit: Duration::from_secs(4),
            last_word: Signal::SIGKILL,
            ready: Ready::Http { url: format!("http://127.0.0.1:{}/v1.0/{health}", app.http_port) },
        }
    }

    fn configuration(&self, app: &App) -> PathBuf {
        let folder = installed(self.home, app.config.parent().unwrap_or(Path::new("")));
        folder.join(app.config.file_name().unwrap_or_default())
    }

    /// The app itself.
    pub(crate) fn app(&self, app: &App) -> Result<ChildSpec, Error> {
        let folder = self.root.join(&app.dir);
        let mut command = app.command.iter();
        let program = command.next().ok_or_else(|| Error::step(app.id.clone(), "dapr.yaml gives no command"))?;
        let program = match self.binaries {
            Some(binaries) => binaries.join(&app.id),
            None => folder.join(program),
        };
        let program: PathBuf = program.components().collect();
        if !program.is_file() {
            return Err(Error::Missing { path: program, hint: "make build".into() });
        }
        let mut env: Vec<_> = app.env.clone().into_iter().collect();
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        set("APP_ID", app.id.clone());
        set("APP_PORT", app.port.to_string());
        set("DAPR_GRPC_PORT", app.grpc_port.to_string());
        set("DAPR_GRPC_ENDPOINT", format!("http://127.0.0.1:{}", app.grpc_port));
        set("DAPR_HTTP_PORT", app.http_port.to_string());
        set("WEBSOCKET_ADDRESSES", format!("127.0.0.1:{}", self.websocket_port));
        set("NSJAIL", self.tools.nsjail.display().to_string());
        env.extend(self.common_env(app));
        env.extend(self.extra_env.get(&app.id).cloned().unwrap_or_default());
        Ok(ChildSpec {
            name: app.id.clone(),
            program,
            args: command.cloned().collect(),
            env,
            folder,
            as_user: AsUser::Same,
            stop_signal: Signal::SIGTERM,
            stop_limit: Duration::from_secs(6),
            last_word: Signal::SIGKILL,
            ready: Ready::Http { url: format!("http://127.0.0.1:{}/ready", app.port) },
        })
    }

    fn common_env(&self, app: &App) -> Vec<(String, String)> {
        let pairs = [
            ("DAPR_API_TOKEN", self.tokens.dapr(&app.id)),
            ("APP_API_TOKEN", self.tokens.app(&app.id)),
            ("KAFKA_BROKERS", self.kafka_brokers),
            ("REDIS_ADDRESS", self.redis_address),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }
}
