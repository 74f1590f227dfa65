//! A PostgreSQL of the stack's own, in the home.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::run;
use crate::Error;
use crate::home::{Home, write_private};
use crate::plan::{POSTGRES_PORT, Plan};
use crate::progress::say;
use crate::ready::Ready;
use crate::secrets::random_password;
use crate::spawner::{AsUser, command};
use crate::supervisor::ChildSpec;
use crate::tools::Tools;

pub(crate) const NAME: &str = "postgres";
const DATABASE: &str = "learnflow";

/// Settings beyond the defaults. Nothing listens but the loopback port; slow statements are logged with their plan.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=64MB",
    "password_encryption=scram-sha-256",
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=50ms",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] %q%u@%d ",
];

pub(crate) struct Postgres<'a> {
    pub(crate) home: &'a Home,
    pub(crate) tools: &'a Tools,
    pub(crate) port: u16,
}

impl<'a> Postgres<'a> {
    pub(crate) fn new(home: &'a Home, tools: &'a Tools, plan: &Plan) -> Self {
        Self { home, tools, port: plan.shifted(POSTGRES_PORT) }
    }

    fn data(&self) -> PathBuf {
        self.home.join("postgres")
    }

    fn superuser_password(&self) -> PathBuf {
        self.home.join("secrets/postgres-superuser")
    }

    fn prepared(&self) -> PathBuf {
        self.home.join("postgres/.learnflow-prepared")
    }

    /// The address services use, for the password in it.
    pub(crate) fn url(&self, password: &str) -> String {
        format!("postgres://{DATABASE}:{password}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// The password in an address of this database, so that it survives a change of port.
    pub(crate) fn password_in(url: &str) -> Option<&str> {
        url.strip_prefix(&format!("postgres://{DATABASE}:"))?.split_once("@127.0.0.1:").map(|(password, _)| password)
    }

    /// Makes the data folder on the first start.
    pub(crate) async fn initialize(&self) -> Result<(), Error> {
        let data = self.data();
        if data.join("PG_VERSION").exists() && self.superuser_password().exists() {
            return Ok(());
        }
        say("postgres: making a database cluster");
        // What an interrupted first start left is worth nothing.
        let _ = fs::remove_dir_all(&data);
        let fresh = self.home.join("postgres.new");
        let _ = fs::remove_dir_all(&fresh);
        write_private(&self.superuser_password(), &random_password()?)?;
        let mut initdb = command(&self.tools.postgres_bin.join("initdb"), Signal::SIGKILL, AsUser::NotRoot);
        initdb.args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        initdb.arg("--pgdata").arg(&fresh).arg("--pwfile").arg(self.superuser_password());
        run("postgres", initdb, "").await.map_err(|error| match error {
            Error::Step { step, message } if message.contains("unshare") => Error::Step {
                step,
                message: format!("{message}\nPostgreSQL will not run as root, and this kernel allows no user namespaces: run as an ordinary user"),
            },
            error => error,
        })?;
        fs::rename(&fresh, &data).map_err(Error::writing(&data))
    }

    pub(crate) fn spec(&self) -> ChildSpec {
        let mut args = vec!["-D".to_owned(), self.data().display().to_string(), "-p".into(), self.port.to_string()];
        args.extend(SETTINGS.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        ChildSpec {
            name: NAME.into(),
            program: self.tools.postgres_bin.join("postgres"),
            args,
            env: Vec::new(),
            folder: self.home.path.clone(),
            as_user: AsUser::NotRoot,
            // SIGINT: ends sessions and writes everything; SIGTERM would wait for clients.
            stop_signal: Signal::SIGINT,
            stop_limit: Duration::from_secs(5),
            last_word: Signal::SIGINT,
            ready: Ready::Postgres { pg_isready: self.tools.postgres_bin.join("pg_isready"), port: self.port },
        }
    }

    /// Makes the services' role and database, once, in the running server.
    pub(crate) async fn prepare(&self, password: &str) -> Result<(), Error> {
        if self.prepared().exists() {
            return Ok(());
        }
        let superuser =
            fs::read_to_string(self.superuser_password()).map_err(Error::reading(&self.superuser_password()))?;
        let mut psql = command(&self.tools.postgres_bin.join("psql"), Signal::SIGKILL, AsUser::Same);
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--host=127.0.0.1", "--username=postgres"]);
        psql.args(["--port", &self.port.to_string(), "--dbname=postgres"]).env("PGPASSWORD", superuser.trim());
        // The password is base64url: nothing in it needs quoting.
        let sql = format!(
            "DROP DATABASE IF EXISTS {DATABASE};\nDROP ROLE IF EXISTS {DATABASE};\n\
             CREATE ROLE {DATABASE} LOGIN PASSWORD '{password}';\nCREATE DATABASE {DATABASE} OWNER {DATABASE};\n"
        );
        run("postgres", psql, &sql).await?;
        write_private(&self.prepared(), "")
    }
}
