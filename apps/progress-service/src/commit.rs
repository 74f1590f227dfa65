//! Group commit: what comes while a transaction is under way goes into the next one together.
//!
//! Calls of the sidecar are grouped too, but for other reasons and otherwise: there a busy group waits for company, and a
//! call that fails is its callers' to repeat. Here nobody waits longer than the commit before theirs takes, a group waits
//! for a database that is away, and one that is refused is taken apart to find whose fault it is.

use std::{future::Future, time::Duration};

use tokio::sync::{mpsc, oneshot};

use crate::database::DatabaseError;

/// Items waiting behind the commit under way; more callers wait for room.
const QUEUE: usize = 1_024;
/// Pauses while the database is away: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is committed in groups.
pub trait Commit: Send + 'static {
    /// One caller's part.
    type Item: Send + Sync + 'static;
    /// What became of it.
    type Done: Send + 'static;

    /// What the items are, for the log.
    const ITEMS: &'static str;
    /// Most items of one commit.
    const LIMIT: usize;

    /// Commits all items or none. Returns a result for each, in their order. Called again with the same items, or some of
    /// them, after an error.
    fn commit(&mut self, items: &[Self::Item]) -> impl Future<Output = Result<Vec<Self::Done>, DatabaseError>> + Send;
}

/// Why an item was not committed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database refuses it, and will refuse it again.
    #[error(transparent)]
    Refused(DatabaseError),
    /// The process is shutting down.
    #[error("the service is shutting down")]
    Stopped,
}

type Waiting<C> = (<C as Commit>::Item, oneshot::Sender<Result<<C as Commit>::Done, WriteError>>);

/// Commits items. Cheap to clone; all clones share one commit at a time.
pub struct Group<C: Commit> {
    queue: mpsc::Sender<Waiting<C>>,
}

impl<C: Commit> Clone for Group<C> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<C: Commit> Group<C> {
    /// Starts the task that commits.
    pub fn start(commit: C) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(commit, waiting));
        Self { queue }
    }

    /// Returns when the item is committed. While the database is away this waits, without limit: give up by dropping the
    /// future. The item may then be committed or not.
    ///
    /// # Errors
    /// [`WriteError::Refused`] when what the item says, or what is stored, can't be used.
    pub async fn join(&self, item: C::Item) -> Result<C::Done, WriteError> {
        let (done, result) = oneshot::channel();
        self.queue.send((item, done)).await.map_err(|_| WriteError::Stopped)?;
        result.await.map_err(|_| WriteError::Stopped)?
    }
}

async fn run<C: Commit>(mut commit: C, mut waiting: mpsc::Receiver<Waiting<C>>) {
    let mut group = Vec::with_capacity(C::LIMIT);
    while waiting.recv_many(&mut group, C::LIMIT).await > 0 {
        settle(&mut commit, std::mem::take(&mut group)).await;
    }
}

/// Commits a group and tells each caller.
async fn settle<C: Commit>(commit: &mut C, group: Vec<Waiting<C>>) {
    let mut work = vec![group];
    let mut pause = FIRST_PAUSE;
    while let Some(group) = work.pop() {
        let (items, mut callers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let error = match commit.commit(&items).await {
            Ok(results) => {
                for (caller, done) in callers.into_iter().zip(results) {
                    // A caller that is gone tries again, and finds it done.
                    let _ = caller.send(Ok(done));
                }
                pause = FIRST_PAUSE;
                continue;
            }
            Err(error) => error,
        };
        if !error.is_final() {
            let left: Vec<_> = items.into_iter().zip(callers).filter(|(_, caller)| !caller.is_closed()).collect();
            if !left.is_empty() {
                tracing::warn!(waiting = left.len(), what = C::ITEMS, %error, "waiting for the database");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                work.push(left);
            }
        } else if items.len() > 1 {
            work.extend(items.into_iter().zip(callers).rev().map(|one| vec![one]));
        } else if let Some(caller) = callers.pop() {
            let _ = caller.send(Err(WriteError::Refused(error)));
        }
    }
}
