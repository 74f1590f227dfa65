use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// Work that several callers want at the same time and that is done once.
pub(crate) struct Flights<T> {
    under_way: Arc<Mutex<HashMap<String, Flight<T>>>>,
}

/// What callers see of the work: how far the text has come, and its end.
pub(crate) struct Flight<T> {
    pub draft: watch::Receiver<String>,
    end: watch::Receiver<Option<T>>,
}

impl<T> Clone for Flight<T> {
    fn clone(&self) -> Self {
        Self { draft: self.draft.clone(), end: self.end.clone() }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new() -> Self {
        Self { under_way: Arc::default() }
    }

    /// Joins the work on `key`, or begins it. It goes on when its callers leave. True: this caller began it.
    pub(crate) fn join<F, W>(&self, key: &str, work: W) -> (Flight<T>, bool)
    where
        W: FnOnce(watch::Sender<String>) -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some(flight) = under_way.get(key) {
            return (flight.clone(), false);
        }
        let (writer, draft) = watch::channel(String::new());
        let (ending, end) = watch::channel(None);
        let flight = Flight { draft, end };
        under_way.insert(key.to_owned(), flight.clone());
        let landing = Landing { under_way: self.under_way.clone(), key: key.to_owned() };
        let work = work(writer);
        tokio::spawn(async move {
            let result = work.await;
            // Whoever comes from here on begins anew, and finds what the work has left behind.
            drop(landing);
            let _ = ending.send(Some(result));
        });
        (flight, true)
    }
}

impl<T: Clone> Flight<T> {
    /// Waits for the end; none if the work has panicked.
    pub(crate) async fn end(mut self) -> Option<T> {
        self.end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone())
    }
}

/// Takes the flight off the list, however it ends.
struct Landing<T> {
    under_way: Arc<Mutex<HashMap<String, Flight<T>>>>,
    key: String,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.key);
    }
}

fn lock<T>(under_way: &Mutex<HashMap<String, Flight<T>>>) -> MutexGuard<'_, HashMap<String, Flight<T>>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
