//! Group commit: what comes while a transaction is under way goes into the next one together.
//!
//! Calls of the sidecar are grouped too, but for other reasons and otherwise: there a call that fails is its callers' to
//! repeat. Here a group waits for a database that is away, and one that is refused is taken apart to find whose fault it is.
//!
//! Under load the callers are the partitions of a topic, each with its next event as soon as the last one is committed. Were
//! the next commit begun at once, it would have only those that the one before left waiting: two groups of half the size
//! would take turns, at nearly twice the cost. So behind a commit the next one waits a moment for those who have just been
//! served. Who comes alone never waits.

use std::{future::Future, time::Duration};

use learnflow_sidecar::gather;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::database::DatabaseError;

/// Items waiting behind the commit under way; more callers wait for room.
const QUEUE: usize = 1_024;
/// Longest wait for those whom the last commit served; and no longer than half of what that took.
const LONGEST_WAIT: Duration = Duration::from_millis(3);
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
    let (mut company, mut until) = (1, Instant::now());
    while waiting.recv_many(&mut group, C::LIMIT).await > 0 {
        gather(&mut waiting, &mut group, C::LIMIT, company, until).await;
        let (served, begun) = (group.len(), Instant::now());
        settle(&mut commit, std::mem::take(&mut group)).await;
        company = (served + waiting.len()).min(C::LIMIT);
        until = Instant::now() + LONGEST_WAIT.min(begun.elapsed() / 2);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::future::join_all;

    use super::*;

    /// Takes ten milliseconds, and notes the groups.
    struct Slow(Arc<Mutex<Vec<usize>>>);

    impl Commit for Slow {
        type Item = usize;
        type Done = usize;
        const ITEMS: &'static str = "numbers";
        const LIMIT: usize = 6;

        async fn commit(&mut self, items: &[usize]) -> Result<Vec<usize>, DatabaseError> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.0.lock().unwrap().push(items.len());
            Ok(items.to_vec())
        }
    }

    /// SC-004, FR-033..035: partitions that come back with their next event share one commit, and not two by turns; groups have a
    /// limit; everybody gets their own result; who comes alone is not held up.
    #[tokio::test]
    async fn those_who_come_back_share_a_commit() {
        for (callers, wanted) in [(1, 1), (4, 4), (9, 6)] {
            let groups = Arc::<Mutex<Vec<usize>>>::default();
            let group = Group::start(Slow(groups.clone()));
            let begun = Instant::now();
            join_all((0..callers).map(|caller| {
                let group = group.clone();
                async move {
                    for number in 0..20 {
                        // As long as a sidecar takes to bring the next one.
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        assert_eq!(group.join(100 * caller + number).await.unwrap(), 100 * caller + number);
                    }
                }
            }))
            .await;
            let groups = groups.lock().unwrap();
            assert_eq!(groups.iter().sum::<usize>(), 20 * callers);
            assert!(groups.iter().all(|size| *size <= 6));
            let full = groups.iter().filter(|size| **size >= wanted).count();
            assert!(2 * full > groups.len(), "{callers} callers: {groups:?}");
            assert!(callers > 1 || begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        }
    }
}
