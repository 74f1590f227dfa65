//! What runs: the root `dapr.yaml`, with every port shifted by the offset of this run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Error;

/// Ports of the infrastructure before the shift.
pub(crate) const POSTGRES_PORT: u16 = 15432;
pub(crate) const REDIS_PORT: u16 = 16379;
pub(crate) const KAFKA_PORT: u16 = 19092;
pub(crate) const CONTROLLER_PORT: u16 = 19093;

/// By how much a second replica's ports are shifted: those of the apps lie closer together, those of stacks further apart.
const REPLICA: u16 = 10;

/// The apps of `dapr.yaml`, in its order.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) apps: Vec<App>,
    pub(crate) offset: u16,
}

/// One app and its sidecar.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    pub(crate) command: Vec<String>,
    pub(crate) resources: Vec<PathBuf>,
    pub(crate) config: PathBuf,
    pub(crate) protocol: String,
    pub(crate) listen_addresses: String,
    pub(crate) placement: String,
    pub(crate) scheduler: String,
    pub(crate) log_level: String,
    pub(crate) probe_interval: u32,
    pub(crate) probe_threshold: u32,
    pub(crate) health_check: bool,
    pub(crate) port: u16,
    pub(crate) http_port: u16,
    pub(crate) grpc_port: u16,
    pub(crate) metrics_port: u16,
    pub(crate) internal_port: u16,
    pub(crate) env: BTreeMap<String, String>,
}

impl App {
    pub(crate) fn sidecar(&self) -> String {
        sidecar_name(&self.id)
    }

    /// The same app on other ports.
    pub(crate) fn replica(&self) -> Self {
        let shift = |port: u16| port + REPLICA;
        Self {
            port: shift(self.port),
            http_port: shift(self.http_port),
            grpc_port: shift(self.grpc_port),
            metrics_port: shift(self.metrics_port),
            internal_port: shift(self.internal_port),
            ..self.clone()
        }
    }

    fn ports(&self) -> [u16; 5] {
        [self.port, self.http_port, self.grpc_port, self.metrics_port, self.internal_port]
    }
}

pub(crate) fn sidecar_name(app: &str) -> String {
    format!("{app}-daprd")
}

impl Plan {
    /// Reads `<root>/dapr.yaml`; paths in the result are relative to `root` as in the file.
    pub(crate) fn read(root: &Path, offset: u16) -> Result<Self, Error> {
        let path = root.join("dapr.yaml");
        let text = std::fs::read_to_string(&path).map_err(Error::reading(&path))?;
        Self::parse(&text, offset).map_err(|message| Error::file(&path, message))
    }

    fn parse(text: &str, offset: u16) -> Result<Self, String> {
        let file: RunFile = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        if file.version != 1 {
            return Err(format!("version {} is unknown, expected 1", file.version));
        }
        let common = file.common;
        let shift = |port: u16| port.checked_add(offset).ok_or(format!("port {port} + {offset} is too high"));
        let app = |app: AppEntry| {
            let mut env = common.env.clone();
            env.extend(app.env);
            Ok(App {
                dir: app.app_dir_path,
                command: app.command,
                resources: common.resources_paths.clone(),
                config: app.config_file_path,
                protocol: common.app_protocol.clone(),
                listen_addresses: common.api_listen_addresses.clone(),
                placement: common.placement_host_address.clone(),
                scheduler: common.scheduler_host_address.clone(),
                log_level: common.log_level.clone(),
                probe_interval: common.app_health_probe_interval,
                probe_threshold: common.app_health_threshold,
                health_check: common.enable_app_health_check,
                port: shift(app.app_port)?,
                http_port: shift(app.http_port)?,
                grpc_port: shift(app.grpc_port)?,
                metrics_port: shift(app.metrics_port)?,
                internal_port: shift(app.internal_port)?,
                id: app.app_id,
                env,
            })
        };
        let apps = file.apps.into_iter().map(app).collect::<Result<Vec<_>, String>>()?;
        let plan = Self { apps, offset };
        let mut ports = plan.ports();
        ports.sort_unstable();
        match ports.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("port {} is used twice", pair[0])),
            None => Ok(plan),
        }
    }

    pub(crate) fn app(&self, id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    /// The port of a piece of infrastructure in this run.
    pub(crate) fn shifted(&self, port: u16) -> u16 {
        port + self.offset
    }

    /// Every port the run listens on.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let infrastructure = [POSTGRES_PORT, REDIS_PORT, KAFKA_PORT, CONTROLLER_PORT].map(|port| self.shifted(port));
        self.apps.iter().flat_map(App::ports).chain(infrastructure).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunFile {
    version: u32,
    common: Common,
    apps: Vec<AppEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Common {
    resources_paths: Vec<PathBuf>,
    app_protocol: String,
    api_listen_addresses: String,
    placement_host_address: String,
    scheduler_host_address: String,
    enable_app_health_check: bool,
    app_health_probe_interval: u32,
    app_health_threshold: u32,
    log_level: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AppEntry {
    #[serde(rename = "appID")]
    app_id: String,
    app_dir_path: PathBuf,
    command: Vec<String>,
    config_file_path: PathBuf,
    app_port: u16,
    #[serde(rename = "daprHTTPPort")]
    http_port: u16,
    metrics_port: u16,
    #[serde(rename = "daprGRPCPort")]
    grpc_port: u16,
    #[serde(rename = "daprInternalGRPCPort")]
    internal_port: u16,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../dapr.yaml");

    #[test]
    fn ports_follow_the_services_table_and_the_offset() {
        let plan = Plan::parse(FILE, 100).unwrap();
        let ports: Vec<_> = plan.apps.iter().map(|app| (app.id.as_str(), app.port)).collect();
        assert_eq!(ports.len(), 10);
        assert!(ports.contains(&("api-gateway", 8280)) && ports.contains(&("notification-service", 8209)));
        assert_eq!(plan.shifted(KAFKA_PORT), 19192);
        // Outgoing connections take their ports from 32768 on: a listener there could find its port taken.
        assert!(Plan::parse(FILE, 3500).unwrap().ports().iter().all(|port| *port < 32768));
    }

    #[test]
    fn a_port_used_twice_is_refused() {
        let twice = FILE.replace("appPort: 8101", "appPort: 8100");
        assert_eq!(Plan::parse(&twice, 0).unwrap_err(), "port 8100 is used twice");
    }
}
