//! Starts processes that cannot outlive the stack.

use std::io;
use std::path::Path;
use std::sync::mpsc;

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Request = (Command, oneshot::Sender<io::Result<Child>>);

/// A thread that starts all children. The kernel signals a child when the *thread* that started it ends, so this one
/// lives exactly as long as the stack: a stack dropped, panicked or killed takes its processes with it.
#[derive(Debug)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
}

impl Spawner {
    /// Starts the thread; must be called inside a tokio runtime.
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, queue) = mpsc::channel::<Request>();
        let runtime = Handle::current();
        std::thread::Builder::new().name("stack-spawner".into()).spawn(move || {
            let _context = runtime.enter();
            for (mut command, reply) in queue {
                let _ = reply.send(command.spawn());
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts a command made by [`command`].
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, child) = oneshot::channel();
        self.requests.send((command, reply)).map_err(|_| io::Error::other("the spawner thread ended"))?;
        child.await.map_err(|_| io::Error::other("the spawner thread ended"))?
    }
}

/// A command in a process group of its own that gets `last_word` when its parent is gone.
pub(crate) fn command(program: &Path, last_word: Signal, as_user: AsUser) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", last_word.as_str().trim_start_matches("SIG")]);
    // Two dozen servers share few cores, and one that is woken would interrupt another at once, whose work then leaves
    // the processor's caches: as batch work each ends its turn first, which saves a fifth of the machine under load.
    command.args(["chrt", "--batch", "0"]);
    if as_user == AsUser::NotRoot && nix::unistd::geteuid().is_root() {
        // A user namespace shows the process an ordinary user id, while files stay where and whose they are.
        command.args(["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]);
    }
    command.arg(program).process_group(0).kill_on_drop(true);
    command
}

/// Which user a child sees itself as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsUser {
    /// Whoever runs the stack.
    Same,
    /// Anybody but root: PostgreSQL refuses to run as root.
    NotRoot,
}
