//! A PostgreSQL server of the tests' own, from the binaries on this machine.

use std::{
    env, fs,
    io::Read as _,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use progress_service::{
    config::DatabaseConfig,
    database::Database,
    vault::{KeySecret, Keys},
};
use tempfile::TempDir;
use tokio_postgres::Row;

const PASSWORD: &str = "postgres";
/// PostgreSQL refuses to run as root: it runs as nobody then.
const NOBODY: u32 = 65_534;

/// A server with its own data.
pub(crate) struct Postgres {
    folder: TempDir,
    removed_by_shell: bool,
    durable: bool,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    /// The server the tests share, each with a database of its own. It ends with the test process, however that ends.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        // Statics are not dropped: the shell that ends the server removes its folder too.
        SHARED.get_or_init(|| Self::create(true, false))
    }

    /// Starts a new server.
    pub(crate) fn start() -> Self {
        Self::create(false, false)
    }

    /// Starts a new server that loses nothing when the machine fails, as one in use: for measurements.
    pub(crate) fn durable() -> Self {
        Self::create(false, true)
    }

    fn create(removed_by_shell: bool, durable: bool) -> Self {
        let mut folder = tempfile::Builder::new().prefix("learnflow-postgres").tempdir().unwrap();
        folder.disable_cleanup(removed_by_shell);
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let password_file = folder.path().join("password");
        fs::write(&password_file, PASSWORD).unwrap();
        if is_root() {
            chown(&password_file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = as_user(&binaries().join("initdb"));
        initdb.arg("-D").arg(folder.path().join("data")).arg("--pwfile").arg(password_file);
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let output = initdb.current_dir("/").output().expect("initdb of PostgreSQL 15 or later");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut postgres = Self { folder, removed_by_shell, durable, port, process: None };
        postgres.run();
        postgres
    }

    /// Starts the server on its data.
    pub(crate) fn run(&mut self) {
        // The shell holds the other end of a pipe: when this process is gone, even by SIGKILL, it stops the server.
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(r#""$@" & cat >/dev/null; kill -INT $!; wait $!; rm -rf "$REMOVE""#).arg("sh");
        shell.env("REMOVE", if self.removed_by_shell { self.folder.path() } else { Path::new("") });
        let server = as_user(&binaries().join("postgres"));
        shell.arg(server.get_program()).args(server.get_args());
        shell.arg("-D").arg(self.folder.path().join("data"));
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            if self.durable { "fsync=on" } else { "fsync=off" },
            if self.durable { "shared_buffers=128MB" } else { "shared_buffers=32MB" },
            "max_connections=200",
        ] {
            shell.arg("-c").arg(setting);
        }
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        shell
            .arg("-p")
            .arg(self.port.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(shell.spawn().unwrap());
        self.wait();
    }

    fn wait(&self) {
        let started = Instant::now();
        loop {
            let mut log = String::new();
            fs::File::open(self.folder.path().join("log")).unwrap().read_to_string(&mut log).unwrap();
            if log.contains("ready to accept connections") {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "PostgreSQL does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server; its data stay.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    /// The URL of a database that need not exist.
    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and returns its URL.
    pub(crate) async fn empty(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        execute(&self.url("postgres", PASSWORD, "postgres"), &format!("CREATE DATABASE {name}")).await;
        self.url("postgres", PASSWORD, &name)
    }

    /// A fresh database, migrated.
    pub(crate) async fn database(&self) -> Database {
        let database = open(&self.empty().await);
        database.start().await.unwrap();
        database
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A database that has not been started.
pub(crate) fn open(url: &str) -> Database {
    let url = url.to_owned();
    let read = Arc::new(move || {
        let url = url.clone();
        Box::pin(async move { Ok(url.into()) }) as _
    });
    let database = Database::new(DatabaseConfig::default(), read).unwrap();
    database.vault().set(keys("1", &["1"]));
    database
}

/// Data keys of these ids; a key is the same wherever its id is.
pub(crate) fn keys(current: &str, ids: &[&str]) -> Keys {
    let key = |id: &str| STANDARD.encode([id.as_bytes()[0]; 32]);
    let keys = ids.iter().map(|id| format!("{id}={}", key(id))).collect::<Vec<_>>().join(" ");
    Keys::read(&KeySecret { current: current.to_owned(), keys: keys.into(), index: key("0").into() }).unwrap()
}

/// Runs SQL beside the pool.
pub(crate) async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

/// Runs SQL beside the pool and returns one number.
pub(crate) async fn count(url: &str, sql: &str) -> i64 {
    one(url, sql).await.get(0)
}

/// Runs SQL beside the pool and returns the first text.
pub(crate) async fn text(url: &str, sql: &str) -> String {
    one(url, sql).await.get(0)
}

async fn one(url: &str, sql: &str) -> Row {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query(sql, &[]).await.unwrap().swap_remove(0)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

/// `POSTGRES_BIN`, or the newest that Debian has installed.
fn binaries() -> PathBuf {
    if let Some(folder) = env::var_os("POSTGRES_BIN") {
        return folder.into();
    }
    let folders = fs::read_dir("/usr/lib/postgresql").expect("install PostgreSQL 15 or later, or set POSTGRES_BIN");
    let newest = folders.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()).max();
    PathBuf::from(format!("/usr/lib/postgresql/{}/bin", newest.expect("PostgreSQL below /usr/lib/postgresql")))
}
