//! progress-service: accounts, the learner's record and the audit stream, kept in PostgreSQL.

use std::{future::pending, sync::Arc};

use learnflow_curriculum::Curriculum;
use learnflow_proto::{
    events::{ChatWritten, LearningEvent},
    topics::{EXERCISE_GENERATED, LEARNING_EVENTS, PROGRESS_EVENTS},
    v1::{
        account_service_server::AccountServiceServer, alert_service_server::AlertServiceServer,
        class_service_server::ClassServiceServer, message_record_service_server::MessageRecordServiceServer,
        practice_record_service_server::PracticeRecordServiceServer, progress_service_server::ProgressServiceServer,
        user_service_server::UserServiceServer,
    },
};
use learnflow_service::{App, Service, env};
use learnflow_sidecar::{Callback, Event, Outcome, Sidecar};
use progress_service::{
    access::Access,
    accounts::Accounts,
    batch::EventStore,
    bootstrap, catalogue,
    classes::Classes,
    config::Config,
    database::{Database, ReadUrl, partitions},
    events::EventHandler,
    facts::FactHandler,
    messages::{chat::ChatHandler, presence::Changes, service::MessageRecord},
    passwords::Passwords,
    practice::PracticeRecord,
    privacy::{erase::Erasures, reseal},
    progress::Progress,
    record::{alerts::Alerts, audit::Audit, handler::RecordHandler, outbox, read::Reader, refresh, writer::Writer},
    users::Users,
    vault::{self, KeySecret, ReadKeys},
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
    let changes = Changes::default();
    let told = changes.clone();
    let on_change = Arc::new(move |student, version| {
        outdated.outdate(student, version);
        told.note(student, version);
    });
    let chat = ChatHandler::new(database.clone(), service.stopping());
    let mastery = Arc::new(config.mastery);
    let writer = Writer::start(database.clone(), mastery.clone(), bell.clone(), on_change);
    let record = RecordHandler::new(facts, writer.clone(), &curriculum, service.stopping());
    let noticing = record.clone();
    let audit = Audit::new(database.clone(), sidecar.clone());

    let erasures = Erasures::new(database.clone(), sidecar.clone(), bell.clone());
    let (forgetful, forgetting) = (reader.clone(), writer.clone());
    let forget = Arc::new(move |user| {
        forgetful.forget(user);
        let writer = forgetting.clone();
        tokio::spawn(async move { writer.forget(user).await });
    });

    // With PostgreSQL away records are still read, from caches, and facts wait in Kafka: that is ready, in read-only mode.
    // Before the schema has been looked at there is nothing that could be served.
    let check = database.clone();
    service.readiness().add("postgresql", move || {
        let migrated = check.is_migrated();
        async move { if migrated { Ok(()) } else { Err("the schema is not up to date yet".to_owned()) } }
    });
    let check = database.vault().clone();
    service.readiness().add("data keys", move || {
        let keys = check.check().map_err(|error| error.to_string());
        async move { keys }
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
        .on(PROGRESS_EVENTS, move |event| record.clone().handle(event))
        .on(PROGRESS_EVENTS, move |event: Event<ChatWritten>| chat.clone().written(event));
    let app = App::new(callback)
        .grpc(AccountServiceServer::new(accounts.clone()))
        .grpc(UserServiceServer::new(Users::new(database.clone(), audit.clone(), erasures.clone())))
        .grpc(ProgressServiceServer::new(Progress::new(
            database.clone(),
            sidecar.clone(),
            reader.clone(),
            writer.clone(),
            mastery.clone(),
        )))
        .grpc(ClassServiceServer::new(Classes::new(
            database.clone(),
            sidecar.clone(),
            Access::new(database.clone(), audit.clone()),
            reader.clone(),
            bell.clone(),
        )))
        .grpc(AlertServiceServer::new(Alerts::new(database.clone(), writer.clone(), audit)))
        .grpc(MessageRecordServiceServer::new(MessageRecord::new(database.clone())))
        .grpc(PracticeRecordServiceServer::new(PracticeRecord::new(database.clone())));

    let (vault, read_keys) = (database.vault().clone(), read_keys(sidecar.clone()));
    tokio::spawn(async move { vault.keep_fresh(read_keys).await });

    // The service answers /health from the beginning; the database may take its time.
    let run_database = async {
        database.start().await?;
        tokio::join!(
            catalogue::run(&database, &curriculum),
            bootstrap::run(&database, &accounts, &sidecar),
            database.watch(),
            partitions::run(&database, config.events_kept_months),
            reseal::run(&database),
            erasures.run(forget),
            outbox::relay(&database, &sidecar, &bell),
            refresh::run(&database, &writer),
            reader.keep_state(),
            changes.tell(&sidecar),
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

/// The keys that seal texts about people are kept in the secret `data-keys`.
fn read_keys(sidecar: Sidecar) -> ReadKeys {
    Arc::new(move || {
        let sidecar = sidecar.clone();
        Box::pin(async move {
            let secret = sidecar.secret(vault::SECRET).await.map_err(|error| error.to_string())?;
            let field = |name| secret.get(name).map_err(|error| error.to_string());
            Ok(KeySecret {
                current: field("current")?.to_owned(),
                keys: field("keys")?.into(),
                index: field("index")?.into(),
            })
        })
    })
}
