use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

type Work<T> = Arc<dyn Fn(T) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A bounded queue that works the items of one key in order and those of different keys side by side.
pub(crate) struct Queue<T> {
    waiting: Arc<Mutex<HashMap<String, VecDeque<Item<T>>>>>,
    room: Arc<Semaphore>,
    running: Arc<Semaphore>,
    tasks: TaskTracker,
    work: Work<T>,
}

struct Item<T> {
    value: T,
    // Held until the item is worked: gives its room in the queue back.
    _room: OwnedSemaphorePermit,
}

impl<T: Send + 'static> Queue<T> {
    pub(crate) fn new<F, R>(capacity: usize, concurrency: usize, work: F) -> Self
    where
        F: Fn(T) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self {
            waiting: Arc::default(),
            room: Arc::new(Semaphore::new(capacity)),
            running: Arc::new(Semaphore::new(concurrency)),
            tasks: TaskTracker::new(),
            work: Arc::new(move |value| Box::pin(work(value))),
        }
    }

    /// Queues an item, waiting up to `patience` for room. Gives it back when there is none or the queue is closed.
    pub(crate) async fn push(&self, key: String, value: T, patience: Duration) -> Result<(), T> {
        let Ok(Ok(room)) = tokio::time::timeout(patience, self.room.clone().acquire_owned()).await else {
            return Err(value);
        };
        let item = Item { value, _room: room };
        let mut waiting = lock(&self.waiting);
        if let Some(line) = waiting.get_mut(&key) {
            line.push_back(item);
        } else {
            waiting.insert(key.clone(), VecDeque::from([item]));
            self.tasks.spawn(work_off(key, self.waiting.clone(), self.running.clone(), self.work.clone()));
        }
        Ok(())
    }

    /// Takes no more items, gives back those not begun, and waits up to `patience` for those under way.
    pub(crate) async fn close(&self, patience: Duration) -> Vec<T> {
        self.room.close();
        self.running.close();
        let unfinished =
            lock(&self.waiting).values_mut().flat_map(|line| line.drain(..)).map(|item| item.value).collect();
        self.tasks.close();
        let _ = tokio::time::timeout(patience, self.tasks.wait()).await;
        unfinished
    }
}

/// Works the items of one key until there are none, or the queue is closed.
async fn work_off<T: Send + 'static>(
    key: String,
    waiting: Arc<Mutex<HashMap<String, VecDeque<Item<T>>>>>,
    running: Arc<Semaphore>,
    work: Work<T>,
) {
    while let Ok(_running) = running.acquire().await {
        let next = {
            let mut waiting = lock(&waiting);
            let next = waiting.get_mut(&key).and_then(VecDeque::pop_front);
            if next.is_none() {
                waiting.remove(&key);
            }
            next
        };
        match next {
            Some(item) => work(item.value).await,
            None => return,
        }
    }
}

/// A panic elsewhere must not take the queue with it: its data is valid between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// FR-009, order of one student's questions: kept, while other students are not held up.
    #[tokio::test]
    async fn keeps_the_order_per_key_and_runs_keys_side_by_side() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let record = done.clone();
        let queue = Queue::new(100, 8, move |(key, number): (&'static str, u32)| {
            let record = record.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(if key == "slow" { 30 } else { 1 })).await;
                lock(&record).push((key, number));
            }
        });
        for number in 0..5 {
            for key in ["slow", "quick"] {
                assert!(queue.push(key.to_owned(), (key, number), Duration::ZERO).await.is_ok());
            }
        }
        while lock(&done).len() < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let done = lock(&done).clone();
        for wanted in ["slow", "quick"] {
            let numbers: Vec<_> = done.iter().filter(|(key, _)| *key == wanted).map(|(_, number)| *number).collect();
            assert_eq!(numbers, [0, 1, 2, 3, 4]);
        }
        assert_eq!(done.iter().take(5).filter(|(key, _)| *key == "quick").count(), 5, "{done:?}");
    }

    /// Backpressure and shutdown: a full queue refuses, and what was not begun is given back.
    #[tokio::test]
    async fn refuses_when_full_and_gives_back_what_was_not_begun() {
        let queue = Queue::new(3, 1, |_: u32| tokio::time::sleep(Duration::from_millis(50)));
        for number in 0..3 {
            assert!(queue.push(number.to_string(), number, Duration::ZERO).await.is_ok());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(queue.push("more".to_owned(), 9, Duration::from_millis(1)).await, Err(9));
        let started = Instant::now();
        assert_eq!(queue.close(Duration::from_secs(5)).await.len(), 2);
        assert!(started.elapsed() >= Duration::from_millis(20), "the item under way is finished first");
        assert!(queue.push("late".to_owned(), 9, Duration::ZERO).await.is_err());
    }
}
