//! The way of a program: admission, wait, hand-over, run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use learnflow_proto::{Kind, Struct, Value, events::LearningEvent, now, topics, v1::ExecuteResponse};
use learnflow_sandbox::{Mode, Outcome, Program, Run, Sandbox, SandboxError};
use learnflow_sidecar::{Context, Sidecar};
use tokio::sync::OnceCell;
use tonic::Status;
use tracing::{Instrument as _, info_span};

use crate::{
    admission::{Admission, Limits, Permit, Student},
    program::{not_admitted, refusal},
};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Execution {
    inner: Arc<Inner>,
}

struct Inner {
    sidecar: Sidecar,
    sandbox: Sandbox,
    /// Programs with all their input.
    runs: Admission,
    /// Programs that talk with a student: they mostly wait, so they must not take the others' slots.
    sessions: Admission,
    /// The interpreter's version, once somebody has asked.
    version: OnceCell<String>,
    /// What the sandbox itself last failed with, if nothing has run since.
    failure: Mutex<Option<String>>,
}

impl Execution {
    /// `sandbox` must be able to run as many programs as both limits have slots.
    pub fn new(sidecar: Sidecar, sandbox: Sandbox, runs: Limits, sessions: Limits) -> Self {
        let inner = Inner {
            sidecar,
            sandbox,
            runs: Admission::new(runs),
            sessions: Admission::new(sessions),
            version: OnceCell::new(),
            failure: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.inner.sandbox
    }

    pub(crate) fn sidecar(&self) -> &Sidecar {
        &self.inner.sidecar
    }

    /// Who runs, and who waits.
    pub fn runs(&self) -> &Admission {
        &self.inner.runs
    }

    pub(crate) fn sessions(&self) -> &Admission {
        &self.inner.sessions
    }

    /// Waits for the right to run.
    pub(crate) async fn admit(
        &self,
        admission: &Admission,
        student: Student,
        patience: Duration,
    ) -> Result<Permit, Status> {
        let begun = Instant::now();
        let admitted = admission.acquire(student, patience).instrument(info_span!("wait")).await;
        metrics::histogram!("execution_wait_seconds").record(begun.elapsed());
        admitted.map_err(|reason| {
            metrics::counter!("execution_refused_total", "reason" => reason.as_str()).increment(1);
            not_admitted(reason)
        })
    }

    /// Runs a program to its end.
    pub(crate) async fn run(&self, program: Program, student: Student, patience: Duration) -> Result<Outcome, Status> {
        let _permit = self.admit(self.runs(), student, patience).await?;
        let begun = Instant::now();
        let outcome = self.sandbox().run(program).instrument(info_span!("run")).await;
        let outcome = outcome.map_err(|error| self.failed(error))?;
        metrics::histogram!("execution_handover_seconds").record(begun.elapsed().saturating_sub(outcome.duration));
        self.note_outcome(&outcome);
        Ok(outcome)
    }

    /// Starts a program whose output is watched.
    pub(crate) async fn start(&self, program: Program) -> Result<Run, Status> {
        self.sandbox().start(program).await.map_err(|error| self.failed(error))
    }

    /// Remembers that the sandbox works, and counts.
    pub(crate) fn note_outcome(&self, outcome: &Outcome) {
        self.works();
        metrics::histogram!("execution_seconds", "status" => outcome.status.as_str()).record(outcome.duration);
        if let Some(limit) = outcome.limit {
            metrics::counter!("execution_limits_total", "limit" => limit.as_str()).increment(1);
        }
    }

    pub(crate) fn works(&self) {
        *self.inner.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The status for an error of the sandbox. One that is no fault of the program is remembered.
    pub(crate) fn failed(&self, error: SandboxError) -> Status {
        if !matches!(error, SandboxError::Invalid(_) | SandboxError::Busy { .. } | SandboxError::Draining) {
            *self.inner.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        refusal(error)
    }

    /// The version of the interpreter in the jails, asked there.
    pub(crate) async fn python_version(&self) -> Result<String, Status> {
        let ask = || async {
            let program = Program::new("import sys\nprint('.'.join(map(str, sys.version_info[:3])))");
            let outcome = self.run(program, None, Duration::from_secs(2)).await?;
            match outcome.stdout.trim() {
                "" => Err(Status::internal("the interpreter does not tell its version")),
                version => Ok(version.to_owned()),
            }
        };
        self.inner.version.get_or_try_init(ask).await.cloned()
    }

    /// Whether programs can run: what `/ready` says. After a failure of the sandbox a program of ours tries.
    ///
    /// # Errors
    /// What the sandbox failed with.
    pub async fn check(&self) -> Result<(), String> {
        let failure = self.inner.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(failure) = failure else { return Ok(()) };
        match self.run(Program::new("pass"), None, Duration::from_millis(500)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(failure),
        }
    }

    /// The name of that check, which says how the sandbox limits resources.
    pub fn check_name(&self) -> &'static str {
        match self.sandbox().mode() {
            Mode::CgroupV1 => "sandbox (cgroup v1)",
            Mode::CgroupV2 => "sandbox (cgroup v2)",
            Mode::NoCgroup => "sandbox (no cgroup)",
        }
    }

    /// Runs nothing new, and waits for what runs.
    pub async fn drain(&self) {
        self.runs().stop();
        self.sessions().stop();
        self.sandbox().drain().await;
    }

    /// Puts a run into the audit stream, beside the work: nobody waits for it.
    pub(crate) fn note_run(&self, student_id: String, result: &ExecuteResponse) {
        let status = Value { kind: Some(Kind::StringValue(result.status.clone())) };
        let duration = Value { kind: Some(Kind::NumberValue(result.duration_ms.into())) };
        let fields = HashMap::from([("status".to_owned(), status), ("duration_ms".to_owned(), duration)]);
        let event = LearningEvent {
            student_id,
            kind: "code.executed".to_owned(),
            occurred_at: Some(now()),
            detail: Some(Struct { fields }),
        };
        let sidecar = self.sidecar().unhurried();
        tokio::spawn(Context::current().scope(async move {
            let publication = sidecar.publish(topics::PUBSUB, topics::LEARNING_EVENTS, &event.student_id, &event);
            if let Err(error) = publication.await {
                tracing::warn!(%error, "run not audited");
            }
        }));
    }
}
