//! progress-service: accounts, the learner's record and the audit stream, kept in PostgreSQL.

use std::{future::pending, sync::Arc};

use learnflow_curriculum::Curriculum;
use learnflow_proto::{
    events::LearningEvent,
    topics::{EXERCISE_GENERATED, LEARNING_EVENTS, PROGRESS_EVENTS},
    v1::{
        account_service_server::AccountServiceServer, alert_service_server::AlertServiceServer,
        class_service_server::ClassServiceServer, practice_record_service_server::PracticeRecordServiceServer,
        progress_service_server::ProgressServiceServer, user_service_server::UserServiceServer,
    },
};
use learnflow_service::{App, Service, env};
use learnflow_sidecar::{Callback, Event, Outcome, Sidecar};
use progress_service::{
    accounts::Accounts,
    batch::EventStore,
    bootstrap, catalogue,
    config::Config,
    database::{Database, ReadUrl},
    events::EventHandler,
    facts::FactHandler,
    passwords::Passwords,
    practice::PracticeRecord,
    progress::Progress,
    record::{alerts::Alerts, audit::Audit, handler::RecordHandler, outbox, read::Reader, refresh, writer::Writer},
    unbuilt::Unbuilt,
    users::Users,
};
use secrecy::SecretString;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("progress-service", 8106)?;
    let config = Config::from_env()?;
    let curriculum = Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?;
    let sidecar = service.sidecar().clone();
    let database = Database::new(config.database, read_url(config.database_url, sidecar.clone()))?;
    let accounts = Accounts::new(database.clone(), Passwords::new()?);
    let events = EventHandler::new(EventStore::start(database.clone()), service.stopping());
    let facts = FactHandler::new(database.clone(), service.stopping());
    let exercises = facts.clone();
    let reader = Reader::new(database.clone(), sidecar.clone(), &curriculum);
    let (bell, outdated) = (outbox::Bell::default(), reader.clone());
    let on_change = Arc::new(move |student, version| outdated.outdate(student, version));
    let writer = Writer::start(database.clone(), Arc::new(config.mastery), bell.clone(), on_change);
    let record = RecordHandler::new(facts, writer.clone(), &curriculum, service.stopping());
    let noticing = record.clone();
    let audit = Audit::new(database.clone(), sidecar.clone());

    let check = database.clone();
    service.readiness().add("postgresql", move || {
        let database = check.clone();
        async move { database.check().await.map_err(|error| error.to_string()) }
    });

    // Where Dapr asks for it: while the database is away nobody could store its events.
    let (readiness, probe) = (service.readiness().clone(), database.clone());
    let healthy = move || !readiness.is_draining() && probe.is_available();
    let callback = Callback::new(service.sidecar().app_token(), healthy)
        .on(LEARNING_EVENTS, move |event: Event<LearningEvent>| {
            let (events, record) = (events.clone(), noticing.clone());
            async move {
                match record.noticed(event.clone()).await {
                    Outcome::Done => events.handle(event).await,
                    other => other,
                }
            }
        })
        .on(EXERCISE_GENERATED, move |event| exercises.clone().generated(event))
        .on(PROGRESS_EVENTS, move |event| record.clone().handle(event));
    let app = App::new(callback)
        .grpc(AccountServiceServer::new(accounts.clone()))
        .grpc(UserServiceServer::new(Users::new(database.clone())))
        .grpc(ProgressServiceServer::new(Progress::new(
            database.clone(),
            sidecar.clone(),
            reader.clone(),
            writer.clone(),
        )))
        .grpc(ClassServiceServer::new(Unbuilt))
        .grpc(AlertServiceServer::new(Alerts::new(database.clone(), writer.clone(), audit)))
        .grpc(PracticeRecordServiceServer::new(PracticeRecord::new(database.clone())));

    // The service answers /health from the beginning; the database may take its time.
    let run_database = async {
        database.start().await?;
        tokio::join!(
            catalogue::run(&database, &curriculum),
            bootstrap::run(&database, &accounts, &sidecar),
            database.watch(),
            outbox::relay(&database, &sidecar, &bell),
            refresh::run(&database, &writer),
            reader.keep_state(),
        );
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
