use std::{future::Future, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::waiting::gather;

/// Items waiting behind the call in flight; more callers wait for room.
const QUEUE: usize = 4_096;
/// Most items of one call: well under the request limits of Dapr and Kafka at LearnFlow's sizes.
const LIMIT: usize = 128;
/// For each item of a call, the next one begins this much later…
const PACE: Duration = Duration::from_millis(4);
/// …but not later than this.
const LONGEST_PACE: Duration = Duration::from_millis(30);

/// Group commit: concurrent callers share one call, and the next group gathers while a call is in flight.
///
/// Most of the cost of a small call is waking up the processes on its way, so a busy group also waits a moment for
/// company: the more items the last call had, the longer, unless those it served and those who came meanwhile are all there
/// before. An item that comes alone is sent at once.
pub(crate) struct Group<T, R> {
    queue: mpsc::Sender<(T, oneshot::Sender<R>)>,
}

impl<T, R> Clone for Group<T, R> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<T: Send + 'static, R: Send + 'static> Group<T, R> {
    /// `call` gets the items in the order in which they came and returns a result for each.
    pub(crate) fn start<F, Fut>(call: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + 'static,
        Fut: Future<Output = Vec<R>> + Send + 'static,
    {
        Self::start_patient(Duration::ZERO, call)
    }

    /// As [`Group::start`], for items that nobody waits for: also one that comes alone is held for so long.
    pub(crate) fn start_patient<F, Fut>(patience: Duration, call: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + 'static,
        Fut: Future<Output = Vec<R>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(waiting, patience, call));
        Self { queue }
    }

    /// Takes a place in the queue; the result comes with the call. `None` when the process is shutting down.
    pub(crate) async fn enter(&self, item: T) -> Option<oneshot::Receiver<R>> {
        let (done, result) = oneshot::channel();
        self.queue.send((item, done)).await.ok()?;
        Some(result)
    }

    /// [`Group::enter`], and waits for the result.
    pub(crate) async fn join(&self, item: T) -> Option<R> {
        self.enter(item).await?.await.ok()
    }
}

async fn run<T, R, F, Fut>(mut waiting: mpsc::Receiver<(T, oneshot::Sender<R>)>, patience: Duration, call: F)
where
    F: Fn(Vec<T>) -> Fut,
    Fut: Future<Output = Vec<R>>,
{
    let (mut company, mut next) = (1, Instant::now());
    let mut gathered = Vec::new();
    while waiting.recv_many(&mut gathered, LIMIT).await > 0 {
        let (company_wanted, until) =
            if patience.is_zero() { (company, next) } else { (LIMIT, Instant::now() + patience) };
        gather(&mut waiting, &mut gathered, LIMIT, company_wanted, until).await;
        next = Instant::now() + pace(gathered.len());
        let served = gathered.len();
        let (items, callers): (Vec<T>, Vec<_>) = gathered.drain(..).unzip();
        for (caller, result) in callers.into_iter().zip(call(items).await) {
            // A caller that is gone has given up on its deadline.
            let _ = caller.send(result);
        }
        company = (served + waiting.len()).min(LIMIT);
    }
}

/// From the start of a call with so many items to the start of the next.
fn pace(items: usize) -> Duration {
    match u32::try_from(items) {
        Ok(0 | 1) => Duration::ZERO,
        Ok(items) => LONGEST_PACE.min(PACE * items),
        Err(_) => LONGEST_PACE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::future::join_all;
    use proptest::prelude::*;

    use super::*;

    /// Doubles numbers, each call taking a millisecond, and notes the groups.
    fn doubling(groups: &Arc<Mutex<Vec<Vec<u32>>>>) -> Group<u32, u32> {
        let groups = groups.clone();
        Group::start(move |items: Vec<u32>| {
            let groups = groups.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let results = items.iter().map(|item| item * 2).collect();
                groups.lock().unwrap().push(items);
                results
            }
        })
    }

    /// SC-004: an item that comes alone isn't held up, and no wait is long.
    #[test]
    fn only_company_is_waited_for() {
        assert_eq!(pace(1), Duration::ZERO);
        assert!((0..300).all(|items| pace(items) <= pace(items + 1) && pace(items) <= LONGEST_PACE));
    }

    /// SC-004: callers who all come back at once are not held up either, and still share their calls.
    #[tokio::test]
    async fn who_is_complete_does_not_wait() {
        let groups = Arc::default();
        let group = doubling(&groups);
        let begun = Instant::now();
        join_all((0..64).map(|caller| {
            let group = group.clone();
            async move {
                for _ in 0..20 {
                    assert_eq!(group.join(caller).await, Some(2 * caller));
                }
            }
        }))
        .await;
        assert!(begun.elapsed() < LONGEST_PACE * 20, "{:?}", begun.elapsed());
        let calls = groups.lock().unwrap().len();
        assert!(calls < 40, "{calls} calls for 20 rounds");
    }

    /// Who is held for company shares a call with those who come meanwhile, and is not held longer than was said.
    #[tokio::test]
    async fn the_patient_share_a_call() {
        let groups: Arc<Mutex<Vec<Vec<u32>>>> = Arc::default();
        let noted = groups.clone();
        let patience = Duration::from_millis(500);
        let group = Group::start_patient(patience, move |items: Vec<u32>| {
            noted.lock().unwrap().push(items.clone());
            std::future::ready(items)
        });
        let begun = Instant::now();
        join_all((0..5_u32).map(|item| {
            let group = group.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(2) * item).await;
                assert_eq!(group.join(item).await, Some(item));
            }
        }))
        .await;
        assert!(begun.elapsed() >= patience, "{:?}", begun.elapsed());
        assert_eq!(*groups.lock().unwrap(), [[0, 1, 2, 3, 4]]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// SC-003: whoever comes when, everybody gets their own result once, items keep their order, and no call is
        /// larger than allowed.
        #[test]
        fn everybody_gets_their_own_result(pauses in prop::collection::vec(0_u8..20, 1..400)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let groups: Arc<Mutex<Vec<Vec<u32>>>> = Arc::default();
            let results = runtime.block_on(async {
                let group = doubling(&groups);
                let mut callers = Vec::new();
                for (number, pause) in (0_u32..).zip(&pauses) {
                    // Most come together, some after a while.
                    for _ in 0..pause.saturating_sub(15) {
                        tokio::task::yield_now().await;
                    }
                    callers.push(group.enter(number).await.unwrap());
                }
                join_all(callers).await
            });
            let results: Vec<u32> = results.into_iter().map(Result::unwrap).collect();
            let numbers: Vec<u32> = (0..).take(pauses.len()).collect();
            prop_assert_eq!(results, numbers.iter().map(|number| number * 2).collect::<Vec<_>>());
            let groups = groups.lock().unwrap();
            prop_assert!(groups.iter().all(|group| (1..=LIMIT).contains(&group.len())));
            prop_assert_eq!(groups.concat(), numbers);
        }
    }
}
