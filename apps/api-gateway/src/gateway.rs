use std::sync::Arc;

use learnflow_auth::erased::{self, Erased};
use learnflow_proto::v1::{
    account_service_client::AccountServiceClient, alert_service_client::AlertServiceClient,
    chat_service_client::ChatServiceClient, class_service_client::ClassServiceClient,
    concept_service_client::ConceptServiceClient, debug_service_client::DebugServiceClient,
    execution_service_client::ExecutionServiceClient, exercise_service_client::ExerciseServiceClient,
    notification_service_client::NotificationServiceClient, progress_service_client::ProgressServiceClient,
    quiz_service_client::QuizServiceClient, review_service_client::ReviewServiceClient,
    user_service_client::UserServiceClient,
};
use learnflow_questions::Questions;
use learnflow_service::{Fresh, Readiness, Service};
use learnflow_sidecar::{AppChannel, Sidecar};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, keys::KeyStore};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    sidecar: Sidecar,
    questions: Questions,
    keys: KeyStore,
    erased: Fresh<Erased, learnflow_sidecar::Error>,
    readiness: Readiness,
    stopping: CancellationToken,
}

/// A client of another service, through the sidecars.
macro_rules! clients {
    ($($name:ident: $client:ident at $app:literal),* $(,)?) => {
        $(pub fn $name(&self) -> $client<AppChannel> {
            $client::new(self.inner.sidecar.app($app))
        })*
    };
}

impl Gateway {
    pub fn new(service: &Service, config: Config) -> anyhow::Result<Self> {
        anyhow::ensure!(
            service.sidecar().app_token().is_some() || cfg!(test),
            "APP_API_TOKEN must be set: without it anybody could send the gateway events"
        );
        let sidecar = service.sidecar().clone();
        let keys = KeyStore::new(sidecar.clone());
        tokio::spawn(keys.clone().keep_fresh());
        let erased = Fresh::of_state(sidecar.clone(), erased::KEY);
        tokio::spawn(erased.clone().keep(erased::MAX_AGE));
        let check = keys.clone();
        service.readiness().add("signing keys", move || {
            let keys = check.clone();
            async move { keys.keys().await.map(drop).map_err(|error| format!("{error:#}")) }
        });
        let inner = Inner {
            questions: Questions::new(sidecar.clone(), "", config.republish_after, service.stopping()),
            config,
            keys,
            erased,
            readiness: service.readiness().clone(),
            stopping: service.stopping(),
            sidecar,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub fn sidecar(&self) -> &Sidecar {
        &self.inner.sidecar
    }

    pub fn questions(&self) -> &Questions {
        &self.inner.questions
    }

    pub fn keys(&self) -> &KeyStore {
        &self.inner.keys
    }

    /// Whether a user's tokens are refused since the account was erased.
    pub fn is_erased(&self, user_id: &str) -> bool {
        self.inner.erased.known().is_some_and(|erased| erased.contains(user_id))
    }

    pub fn readiness(&self) -> &Readiness {
        &self.inner.readiness
    }

    pub fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    clients! {
        accounts: AccountServiceClient at "progress-service",
        alerts: AlertServiceClient at "progress-service",
        chats: ChatServiceClient at "websocket-service",
        classes: ClassServiceClient at "progress-service",
        concepts: ConceptServiceClient at "concepts-agent",
        debug: DebugServiceClient at "debug-agent",
        execution: ExecutionServiceClient at "code-execution",
        exercises: ExerciseServiceClient at "exercise-agent",
        notifications: NotificationServiceClient at "notification-service",
        progress: ProgressServiceClient at "progress-service",
        quizzes: QuizServiceClient at "exercise-agent",
        reviews: ReviewServiceClient at "code-review-agent",
        users: UserServiceClient at "progress-service",
    }
}
