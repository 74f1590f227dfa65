//! progress-service: accounts, the learner's record and the audit stream, kept in PostgreSQL.

use std::{future::pending, sync::Arc};

use learnflow_proto::{
    topics::LEARNING_EVENTS,
    v1::{
        account_service_server::AccountServiceServer, alert_service_server::AlertServiceServer,
        class_service_server::ClassServiceServer, progress_service_server::ProgressServiceServer,
        quiz_service_server::QuizServiceServer, user_service_server::UserServiceServer,
    },
};
use learnflow_service::{App, Service};
use learnflow_sidecar::{Callback, Sidecar};
use progress_service::{
    accounts::Accounts,
    batch::EventStore,
    bootstrap,
    config::Config,
    database::{Database, ReadUrl},
    events::EventHandler,
    passwords::Passwords,
    progress::Progress,
    unbuilt::Unbuilt,
    users::Users,
};
use secrecy::SecretString;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("progress-service", 8106)?;
    let config = Config::from_env()?;
    let sidecar = service.sidecar().clone();
    let database = Database::new(config.database, read_url(config.database_url, sidecar.clone()))?;
    let accounts = Accounts::new(database.clone(), Passwords::new()?);
    let events = EventHandler::new(EventStore::start(database.clone()), service.stopping());

    let check = database.clone();
    service.readiness().add("postgresql", move || {
        let database = check.clone();
        async move { database.check().await.map_err(|error| error.to_string()) }
    });

    // Where Dapr asks for it: while the database is away nobody could store its events.
    let (readiness, probe) = (service.readiness().clone(), database.clone());
    let healthy = move || !readiness.is_draining() && probe.is_available();
    let callback = Callback::new(service.sidecar().app_token(), healthy)
        .on(LEARNING_EVENTS, move |event| events.clone().handle(event));
    let app = App::new(callback)
        .grpc(AccountServiceServer::new(accounts.clone()))
        .grpc(UserServiceServer::new(Users::new(database.clone())))
        .grpc(ProgressServiceServer::new(Progress::new(database.clone())))
        .grpc(ClassServiceServer::new(Unbuilt))
        .grpc(AlertServiceServer::new(Unbuilt))
        .grpc(QuizServiceServer::new(Unbuilt));

    // The service answers /health from the beginning; the database may take its time.
    let run_database = async {
        database.start().await?;
        tokio::join!(bootstrap::run(&database, &accounts, &sidecar), database.watch());
        pending::<anyhow::Result<()>>().await
    };
    tokio::select! {
        result = service.serve(app) => Ok(result?),
        result = run_database => result.inspect_err(|error| tracing::error!(%error, "cannot start")),
    }
}

/// Where the database's URL is kept: in the environment for a developer, in the secret `database` otherwise.
fn read_url(fixed: Option<SecretString>, sidecar: Sidecar) -> ReadUrl {
    Arc::new(move || {
        let (fixed, sidecar) = (fixed.clone(), sidecar.clone());
        Box::pin(async move {
            if let Some(url) = fixed {
                return Ok(url);
            }
            let secret = sidecar.secret("database").await.map_err(|error| error.to_string())?;
            secret.get("url").map(SecretString::from).map_err(|error| error.to_string())
        })
    })
}
