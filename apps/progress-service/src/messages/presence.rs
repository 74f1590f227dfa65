//! Tells the replicas of websocket-service that a record has changed, for students who have a socket open: those who have
//! none are most, and nobody would listen.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use learnflow_proto::{
    events::ProgressChanged,
    topics::{ANSWERS, LEARNING_RESPONSES},
};
use learnflow_sidecar::Sidecar;
use uuid::Uuid;

/// Changes of one student within this time are told as one.
const PAUSE: Duration = Duration::from_millis(250);
/// Students looked up at a time.
const BATCH: usize = 128;

/// Whose record has changed, and to which version. Cheap to clone.
#[derive(Clone, Default)]
pub struct Changes {
    students: Arc<Mutex<HashMap<Uuid, i64>>>,
}

impl Changes {
    /// A record has changed.
    pub fn note(&self, student: Uuid, version: i64) {
        self.students.lock().unwrap_or_else(PoisonError::into_inner).insert(student, version);
    }

    /// Tells of changes. Never returns. What cannot be told is not told: the next change is, and a page that is loaded
    /// reads the record anyway.
    pub async fn tell(&self, sidecar: &Sidecar) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let changed = std::mem::take(&mut *self.students.lock().unwrap_or_else(PoisonError::into_inner));
            let changed: Vec<(Uuid, i64)> = changed.into_iter().collect();
            for students in changed.chunks(BATCH) {
                join_all(students.iter().map(|(student, version)| tell(sidecar, *student, *version))).await;
            }
        }
    }
}

async fn tell(sidecar: &Sidecar, student: Uuid, version: i64) {
    let student_id = student.to_string();
    let told = async {
        // websocket-service keeps it while there is a socket.
        if sidecar.get::<bool>(&format!("student:{student_id}:online")).await?.is_none() {
            return Ok(());
        }
        let event = ProgressChanged { student_id: student_id.clone(), version };
        sidecar.publish(ANSWERS, LEARNING_RESPONSES, &student_id, &event).await
    };
    if let Err(error) = told.await {
        tracing::debug!(%error, "a change of progress was not told");
    }
}
