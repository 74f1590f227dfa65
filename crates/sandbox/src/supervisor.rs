//! The two threads behind a sandbox: one starts jails, one clears them away.
//!
//! Starting has a thread of its own because a jail dies with the thread that started it (that is
//! how nothing survives a killed service), and because forking blocks.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::cgroup::Cgroups;
use crate::error::SandboxError;
use crate::image::JailImage;
use crate::jail::{Jail, Remains};

/// How often a jail that is ending is looked at.
const COLLECT_EVERY: Duration = Duration::from_millis(2);

struct StartRequest {
    slot: OwnedSemaphorePermit,
    reply: oneshot::Sender<Result<Jail, SandboxError>>,
}

/// Starts and clears away jails. Dropping it waits until none is left.
#[derive(Debug)]
pub(crate) struct Supervisor {
    requests: Option<mpsc::Sender<StartRequest>>,
    starter: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the threads, and one jail to see that it works. Blocks for tens of milliseconds.
    pub(crate) fn start(image: JailImage, cgroups: Cgroups) -> Result<Self, SandboxError> {
        let (requests, incoming) = mpsc::channel::<StartRequest>();
        let (collector, remains) = mpsc::channel();
        let (verdict, checked) = mpsc::channel();
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let failed = || SandboxError::host("start a thread");
        let collecting = thread("jail-collector").spawn(move || collect_all(&remains)).map_err(failed())?;
        let starting = thread("jail-starter")
            .spawn(move || {
                let check = Jail::start(&image, &cgroups, None, collector.clone()).and_then(Jail::check);
                drop(verdict.send(check));
                for request in incoming {
                    let jail = Jail::start(&image, &cgroups, Some(request.slot), collector.clone());
                    // If nobody waits any more, the jail comes back here and is dropped.
                    drop(request.reply.send(jail));
                }
                // The groups' common parents are removed last, when the runs' own are gone.
                drop(collector);
                let _ = collecting.join();
            })
            .map_err(failed())?;
        let supervisor = Self { requests: Some(requests), starter: Some(starting) };
        checked.recv().unwrap_or_else(|_| Err(starter_gone()))?;
        Ok(supervisor)
    }

    /// Starts a jail, which keeps the slot until it is gone.
    pub(crate) async fn start_jail(&self, slot: OwnedSemaphorePermit) -> Result<Jail, SandboxError> {
        let (reply, answer) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // If the thread is gone, so is the reply, and the receiver says so.
            let _ = requests.send(StartRequest { slot, reply });
        }
        answer.await.map_err(|_| starter_gone())?
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(starter) = self.starter.take() {
            let _ = starter.join();
        }
    }
}

fn starter_gone() -> SandboxError {
    SandboxError::Start("the thread that starts jails has ended".to_owned())
}

/// Takes in what is left of jails and clears it away, until no jail can come any more.
fn collect_all(incoming: &mpsc::Receiver<Remains>) {
    let mut pending: Vec<Remains> = Vec::new();
    let mut more = true;
    while more || !pending.is_empty() {
        if pending.is_empty() {
            match incoming.recv() {
                Ok(remains) => pending.push(remains),
                Err(_) => more = false,
            }
        } else {
            match incoming.recv_timeout(COLLECT_EVERY) {
                Ok(remains) => pending.push(remains),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    more = false;
                    thread::sleep(COLLECT_EVERY);
                }
            }
        }
        pending.extend(incoming.try_iter());
        pending.retain_mut(|remains| !remains.collect());
    }
}
