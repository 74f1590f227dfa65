//! Who runs next. Students take turns, so that one with many programs delays nobody else, and whoever would wait too
//! long is sent away at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

/// What a run is guessed to take before any has ended.
const FIRST_GUESS: f64 = 0.05;
/// The weight of the latest run in the mean.
const WEIGHT: f64 = 0.1;

/// How much is admitted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Programs that run at a time.
    pub slots: usize,
    /// Of these, those of one student.
    pub slots_per_student: usize,
    /// Programs that wait.
    pub waiting: usize,
    /// Of these, those of one student.
    pub waiting_per_student: usize,
    /// The longest wait that is admitted.
    pub longest_wait: Duration,
}

impl Limits {
    /// The limits of so many slots and waiting places: a student gets at most three quarters of the slots, and two thirds
    /// of the places.
    pub fn new(slots: usize, waiting: usize, longest_wait: Duration) -> Self {
        let slots = slots.max(1);
        Self {
            slots,
            slots_per_student: (slots - slots.div_ceil(4)).max(1),
            waiting,
            waiting_per_student: (waiting * 2 / 3).max(1),
            longest_wait,
        }
    }
}

/// Why a program is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All places are taken; there may be one after this time.
    Full(Duration),
    /// All places for one student are taken.
    StudentFull(Duration),
    /// The wait would be, or was, too long.
    TooLong(Duration),
    /// The service is stopping.
    Stopping,
}

impl Refusal {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full(_) => "full",
            Self::StudentFull(_) => "student_full",
            Self::TooLong(_) => "too_long",
            Self::Stopping => "stopping",
        }
    }
}

/// Lets programs run. Cheap to clone.
#[derive(Clone)]
pub struct Admission {
    limits: Limits,
    state: Arc<Mutex<State>>,
}

/// The right to run. Dropping it lets the next one run.
pub struct Permit {
    admission: Admission,
    student: Student,
    number: u64,
}

/// A student's id; runs on nobody's behalf, those of other services, have none and no limit of their own.
pub type Student = Option<Arc<str>>;

#[derive(Default)]
struct State {
    lines: HashMap<Student, Line>,
    /// Students with waiting programs; whoever is first is next.
    turns: VecDeque<Student>,
    /// When each running program began.
    running: HashMap<u64, Instant>,
    waiting: usize,
    /// Mean seconds that a program holds its slot.
    mean: Option<f64>,
    numbers: u64,
    stopping: bool,
}

/// One student's programs.
#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Admission {
    /// Nobody runs or waits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: Arc::default() }
    }

    /// Waits for a slot, at most `patience` (and never longer than the limits say).
    ///
    /// # Errors
    /// [`Refusal`] at once when the wait can be foreseen to be too long, and later when it was.
    pub async fn acquire(&self, student: Student, patience: Duration) -> Result<Permit, Refusal> {
        let patience = patience.min(self.limits.longest_wait);
        let (mut place, expected) = {
            let mut state = self.state();
            if state.stopping {
                return Err(Refusal::Stopping);
            }
            state.numbers += 1;
            let number = state.numbers;
            // With a slot free, nobody waits who might take it.
            if state.running.len() < self.limits.slots && self.may_run(&state, &student) {
                state.begin(&student, number);
                return Ok(Permit { admission: self.clone(), student, number });
            }
            let expected = state.expected_wait(&student, self.limits);
            let own = state.lines.get(&student).map_or(0, |line| line.waiting.len());
            if state.waiting >= self.limits.waiting {
                return Err(Refusal::Full(expected));
            }
            if student.is_some() && own >= self.limits.waiting_per_student {
                return Err(Refusal::StudentFull(expected));
            }
            if expected > patience {
                return Err(Refusal::TooLong(expected));
            }
            let (sender, turn) = oneshot::channel();
            state.waiting += 1;
            state.lines.entry(student.clone()).or_default().waiting.push_back((number, sender));
            if own == 0 {
                state.turns.push_back(student.clone());
            }
            (Place { admission: self.clone(), student, number, turn: Some(turn) }, expected)
        };
        let Some(turn) = place.turn.as_mut() else { return Err(Refusal::Stopping) };
        match tokio::time::timeout(patience, turn).await {
            Ok(Ok(())) => Ok(place.take()),
            Ok(Err(_)) => Err(Refusal::Stopping),
            Err(_) => Err(Refusal::TooLong(expected)),
        }
    }

    /// Admits nobody from now on, and sends away those who wait.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        state.waiting = 0;
        state.turns.clear();
        // Their senders are dropped, which they notice.
        for line in state.lines.values_mut() {
            line.waiting.clear();
        }
    }

    /// Programs that run, and programs that wait.
    pub fn level(&self) -> (usize, usize) {
        let state = self.state();
        (state.running.len(), state.waiting)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_run(&self, state: &State, student: &Student) -> bool {
        student.is_none() || state.lines.get(student).is_none_or(|line| line.running < self.limits.slots_per_student)
    }

    /// Gives free slots to those whose turn it is.
    fn let_run(&self, state: &mut State) {
        while state.running.len() < self.limits.slots {
            let Some(next) = state.turns.iter().position(|student| self.may_run(state, student)) else { return };
            let Some(student) = state.turns.remove(next) else { return };
            let Some(line) = state.lines.get_mut(&student) else { continue };
            let Some((number, sender)) = line.waiting.pop_front() else { continue };
            if !line.waiting.is_empty() {
                state.turns.push_back(student.clone());
            }
            state.waiting -= 1;
            state.begin(&student, number);
            // The receiver lives as long as its place, which gives the slot back if nobody takes it.
            let _ = sender.send(());
        }
    }

    fn end(&self, student: &Student, number: u64) {
        let mut state = self.state();
        if let Some(begun) = state.running.remove(&number) {
            let held = begun.elapsed().as_secs_f64();
            state.mean = Some(state.mean.map_or(held, |mean| mean + WEIGHT * (held - mean)));
        }
        if let Some(line) = state.lines.get_mut(student) {
            line.running = line.running.saturating_sub(1);
        }
        state.forget(student);
        self.let_run(&mut state);
    }
}

impl State {
    fn begin(&mut self, student: &Student, number: u64) {
        self.running.insert(number, Instant::now());
        self.lines.entry(student.clone()).or_default().running += 1;
    }

    /// Drops the line of a student who has nothing here any more.
    fn forget(&mut self, student: &Student) {
        if self.lines.get(student).is_some_and(|line| line.running == 0 && line.waiting.is_empty()) {
            self.lines.remove(student);
        }
    }

    /// How long one more program of a student would wait: as long as it takes all slots to work off what comes before it,
    /// and the student's own slots what is the student's own.
    #[allow(clippy::cast_precision_loss, reason = "counts of programs")]
    fn expected_wait(&self, student: &Student, limits: Limits) -> Duration {
        let own = self.lines.get(student).map_or(0, |line| line.waiting.len());
        let others = self.lines.iter().filter(|(other, _)| *other != student);
        let before: usize = others.map(|(_, line)| line.waiting.len().min(own + 1)).sum();
        // Programs that have run for long tell more about the next moments than those that were quick.
        let age: f64 = self.running.values().map(|begun| begun.elapsed().as_secs_f64()).sum();
        let age = age / self.running.len().max(1) as f64;
        let each = self.mean.unwrap_or(FIRST_GUESS).max(age);
        let own_slots = if student.is_some() { limits.slots_per_student } else { limits.slots };
        let turns = f64::max((own + before + 1) as f64 / limits.slots as f64, (own + 1) as f64 / own_slots as f64);
        Duration::try_from_secs_f64(each * turns).unwrap_or(Duration::MAX)
    }
}

/// A place in the queue. Dropping it leaves the queue.
struct Place {
    admission: Admission,
    student: Student,
    number: u64,
    turn: Option<oneshot::Receiver<()>>,
}

impl Place {
    fn take(mut self) -> Permit {
        self.turn = None;
        Permit { admission: self.admission.clone(), student: self.student.clone(), number: self.number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.turn.is_none() {
            return;
        }
        let mut state = self.admission.state();
        if state.running.contains_key(&self.number) {
            // Its turn came while it was leaving.
            drop(state);
            self.admission.end(&self.student, self.number);
            return;
        }
        let Some(line) = state.lines.get_mut(&self.student) else { return };
        let before = line.waiting.len();
        line.waiting.retain(|(number, _)| *number != self.number);
        let (left, is_empty) = (before - line.waiting.len(), line.waiting.is_empty());
        state.waiting -= left;
        if is_empty {
            state.turns.retain(|student| *student != self.student);
        }
        state.forget(&self.student);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.end(&self.student, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use futures::{FutureExt as _, future::join_all};

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn admission(slots: usize, waiting: usize) -> Admission {
        Admission::new(Limits::new(slots, waiting, PATIENCE))
    }

    #[allow(clippy::unnecessary_wraps, reason = "what acquire takes")]
    fn student(name: &str) -> Student {
        Some(Arc::from(name))
    }

    /// Polls a future once: it joins the queue.
    fn begin<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        future.now_or_never()
    }

    /// FR-029: a student with thirty programs delays another by one program, not by thirty.
    #[tokio::test]
    async fn students_take_turns() {
        let admission = admission(1, 100);
        let first = admission.acquire(student("busy"), PATIENCE).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let wait = |name: &'static str| {
            let (admission, order) = (admission.clone(), order.clone());
            async move {
                let _permit = admission.acquire(student(name), PATIENCE).await.unwrap();
                order.lock().unwrap().push(name);
                tokio::task::yield_now().await;
            }
            .boxed()
        };
        let mut waiting: Vec<_> = std::iter::repeat_n("busy", 30).chain(["new", "new"]).map(wait).collect();
        for future in &mut waiting {
            assert!(begin(future).is_none());
        }
        assert_eq!(admission.level(), (1, 32));
        drop(first);
        join_all(waiting).await;
        let order = order.lock().unwrap();
        assert_eq!(order[..5], ["busy", "new", "busy", "new", "busy"]);
        assert_eq!(admission.level(), (0, 0));
        assert!(admission.state().lines.is_empty() && admission.state().turns.is_empty(), "nothing is kept");
    }

    /// FR-029: one student never holds all slots.
    #[tokio::test]
    async fn a_slot_is_left_for_others() {
        let admission = admission(4, 100);
        let held: Vec<_> = join_all((0..3).map(|_| admission.acquire(student("busy"), PATIENCE))).await;
        let mut fourth = admission.acquire(student("busy"), PATIENCE).boxed();
        assert!(begin(&mut fourth).is_none(), "the last slot is not for the same student");
        assert!(admission.acquire(student("new"), PATIENCE).now_or_never().is_some(), "but for another");
        drop(held);
        assert!(fourth.await.is_ok());
        let services: Vec<_> = join_all((0..4).map(|_| admission.acquire(None, PATIENCE))).await;
        assert!(services.iter().all(Result::is_ok), "other services have no such limit");
    }

    /// Overload: whoever would wait too long, or finds no place, is refused at once.
    #[tokio::test]
    async fn long_waits_are_refused_at_once() {
        let admission = admission(1, 4);
        let permit = admission.acquire(None, PATIENCE).await.unwrap();
        admission.state().mean = Some(0.05);
        let ms = Duration::from_millis;
        let mut places: Vec<_> = ["a", "b", "c"].map(|name| admission.acquire(student(name), PATIENCE).boxed()).into();
        for place in &mut places {
            assert!(begin(place).is_none());
        }
        // Three programs of 50 ms come first, and the one that runs.
        let refused = admission.acquire(student("d"), ms(199)).await;
        assert_eq!(refused.err(), Some(Refusal::TooLong(ms(200))));
        let mut last = admission.acquire(student("d"), ms(220)).boxed();
        assert!(begin(&mut last).is_none());
        let refused = admission.acquire(student("e"), PATIENCE).await;
        assert_eq!(refused.err(), Some(Refusal::Full(ms(250))));
        assert_eq!(last.await.err(), Some(Refusal::TooLong(ms(200))), "its patience ended");
        assert_eq!(admission.level(), (1, 3), "it left the queue");
        // The one that runs has taken longer than the mean by now.
        let refused = admission.acquire(student("d"), ms(210)).await;
        assert!(matches!(refused.err(), Some(Refusal::TooLong(wait)) if wait >= ms(800)));
        drop(places);
        drop(permit);
        assert_eq!(admission.level(), (0, 0));
    }

    /// FR-029: giving up at any moment loses no slot.
    #[tokio::test]
    async fn slots_come_back() {
        let admission = admission(1, 10);
        let permit = admission.acquire(student("a"), PATIENCE).await.unwrap();
        let mut waiting = admission.acquire(student("b"), PATIENCE).boxed();
        let mut behind = admission.acquire(student("c"), PATIENCE).boxed();
        assert!(begin(&mut waiting).is_none() && begin(&mut behind).is_none());
        drop(permit);
        // Its turn has come, and it is not told any more.
        drop(waiting);
        let permit = behind.await.unwrap();
        let mut left = admission.acquire(student("b"), PATIENCE).boxed();
        assert!(begin(&mut left).is_none());
        admission.stop();
        assert_eq!(left.await.err(), Some(Refusal::Stopping));
        assert_eq!(admission.acquire(None, PATIENCE).await.err(), Some(Refusal::Stopping));
        assert_eq!(admission.level(), (1, 0), "what runs goes on");
        drop(permit);
        assert_eq!(admission.level(), (0, 0));
    }
}
