use std::{sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use learnflow_proto::v1::{
    CreateAccountRequest, EraseUserRequest, ExportUserRequest, StreamUserExportRequest, UpdateUserRequest,
    VerifyPasswordRequest, account_service_server::AccountService as _, user_service_server::UserService as _,
};
use progress_service::{
    accounts::Accounts,
    database::Database,
    passwords::Passwords,
    privacy::{
        erase::{Erasures, Forget},
        reseal,
    },
    record::{audit::Audit, outbox},
    users::Users,
};
use serde_json::Value;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::{
    accounts::calling,
    postgres::{Postgres, count, execute, keys, open, text},
    record::no_sidecar,
};

const PASSWORD: &str = "correct horse battery";

struct Service {
    database: Database,
    url: String,
    accounts: Accounts,
    users: Users,
}

async fn service() -> Service {
    let url = Postgres::shared().empty().await;
    let database = open(&url);
    database.start().await.unwrap();
    let audit = Audit::new(database.clone(), no_sidecar());
    let erasures = Erasures::new(database.clone(), no_sidecar(), outbox::Bell::default());
    let accounts = Accounts::new(database.clone(), Passwords::new().unwrap());
    Service { users: Users::new(database.clone(), audit, erasures), database, url, accounts }
}

impl Service {
    async fn register(&self, email: &str) -> Result<String, Status> {
        let request =
            CreateAccountRequest { email: email.into(), password: PASSWORD.into(), name: "Maya Ünlü".into() };
        Ok(self.accounts.create_account(Request::new(request)).await?.into_inner().user.unwrap().id)
    }

    async fn sign_in(&self, email: &str) -> Result<(String, String), Status> {
        let request = VerifyPasswordRequest { email: email.into(), password: PASSWORD.into() };
        let user = self.accounts.verify_password(Request::new(request)).await?.into_inner().user.unwrap();
        Ok((user.id, user.name))
    }

    async fn export(&self, caller: &str, role: &str, id: &str) -> Result<Vec<(String, Vec<Value>)>, Status> {
        let request = Request::new(StreamUserExportRequest { id: id.to_owned() });
        let pieces = calling(caller, role).scope(self.users.stream_user_export(request)).await?.into_inner();
        let pieces: Vec<_> = pieces.try_collect().await?;
        let read = |rows: Vec<String>| rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        Ok(pieces.into_iter().map(|piece| (piece.table, read(piece.rows))).collect())
    }
}

/// FR-041: names, addresses and what was said in the chat are nowhere in the database in clear; an account is found all
/// the same. Rows from before are sealed by the service; with a new key all are sealed again, and until then both are
/// needed, after that only the new one.
#[tokio::test(flavor = "multi_thread")]
async fn texts_are_sealed_and_keys_change() {
    let service = service().await;
    let new = service.register("maya@example.org").await.unwrap();
    let old = Uuid::now_v7();
    execute(
        &service.url,
        &format!(
            "INSERT INTO users (id, email, name, password_hash)
             SELECT '{old}', 'ben@example.org', 'Ben', password_hash FROM users;
             INSERT INTO chat_messages (id, user_id, request_id, author, text)
             SELECT gen_random_uuid(), '{old}', gen_random_uuid(), 'student', 'What is a list? ' || n
             FROM generate_series(1, 450) n"
        ),
    )
    .await;
    let clear = "SELECT count(*) FROM (SELECT to_jsonb(u)::text AS row FROM users u
                 UNION ALL SELECT to_jsonb(c)::text FROM chat_messages c) rows
                 WHERE row ~* '(maya|ben)@|Maya|Ben|What is'";
    assert_eq!(count(&service.url, clear).await, 451, "what was there before is plain at first");
    // An account from before is found, and its address is taken.
    assert_eq!(service.sign_in("Ben@example.org").await.unwrap(), (old.to_string(), "Ben".to_owned()));
    assert_eq!(service.register("ben@example.org").await.unwrap_err().code(), Code::AlreadyExists);

    assert_eq!(reseal::all(&service.database, Duration::ZERO).await.unwrap(), 451);
    assert_eq!(count(&service.url, clear).await, 0);
    assert_eq!(service.sign_in("ben@example.org").await.unwrap(), (old.to_string(), "Ben".to_owned()));
    assert_eq!(service.register("ben@example.org").await.unwrap_err().code(), Code::AlreadyExists);

    // Both keys, the new one seals.
    service.database.vault().set(keys("2", &["1", "2"]));
    assert_eq!(service.sign_in("maya@example.org").await.unwrap().1, "Maya Ünlü");
    let rename = UpdateUserRequest { id: old.to_string(), role: None, name: Some("Benedikt".into()) };
    calling(&old.to_string(), "student").scope(service.users.update_user(Request::new(rename))).await.unwrap();
    // The new one alone: what is still sealed under the old one can't be read, and is not lost.
    service.database.vault().set(keys("2", &["2"]));
    assert_eq!(service.sign_in("ben@example.org").await.unwrap().1, "Benedikt");
    assert_eq!(service.sign_in("maya@example.org").await.unwrap_err().code(), Code::Unavailable);
    service.database.vault().set(keys("2", &["1", "2"]));
    assert_eq!(reseal::all(&service.database, Duration::ZERO).await.unwrap(), 451, "Maya and the messages");
    assert_eq!(reseal::all(&service.database, Duration::ZERO).await.unwrap(), 0);
    service.database.vault().set(keys("2", &["2"]));
    assert_eq!(service.sign_in("maya@example.org").await.unwrap(), (new, "Maya Ünlü".to_owned()));
    let messages = service.export(&old.to_string(), "student", &old.to_string()).await.unwrap();
    let said = messages.iter().filter(|(table, _)| table == "chat_messages").flat_map(|(_, rows)| rows);
    assert_eq!(said.filter(|row| row["text"].as_str().unwrap().starts_with("What is a list?")).count(), 450);
}

/// FR-041: the export has every table that holds something on somebody, in clear and without the service's own secrets;
/// nobody but the user and administrators gets it, and who does is noted.
#[tokio::test(flavor = "multi_thread")]
async fn everything_held_is_exported() {
    let service = service().await;
    let id = service.register("maya@example.org").await.unwrap();
    let other = service.register("ben@example.org").await.unwrap();
    execute(
        &service.url,
        &format!(
            "INSERT INTO events (id, student_id, kind, source, occurred_at)
             SELECT gen_random_uuid(), id, 'k', 's', now() FROM users, generate_series(1, 450);
             INSERT INTO notifications (id, user_id, kind, title, source_id)
             SELECT gen_random_uuid(), id, 'k', 't', gen_random_uuid() FROM users;
             INSERT INTO classes (id, teacher_id, name, join_code) VALUES (gen_random_uuid(), '{other}', 'C', 'ABCDEFGH');
             INSERT INTO class_members (class_id, student_id) SELECT id, '{id}' FROM classes"
        ),
    )
    .await;
    for (caller, role) in [(&other, "student"), (&other, "teacher")] {
        assert_eq!(service.export(caller, role, &id).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let nobody = Uuid::now_v7().to_string();
    assert_eq!(service.export(&other, "admin", &nobody).await.unwrap_err().code(), Code::NotFound);

    let pieces = service.export(&id, "student", &id).await.unwrap();
    let rows = |table: &str| {
        let of_table = pieces.iter().filter(|(name, _)| name == table);
        assert!(of_table.clone().count() > 0, "{table} is missing");
        of_table.flat_map(|(_, rows)| rows.clone()).collect::<Vec<_>>()
    };
    let [user] = &rows("users")[..] else { panic!("{:?}", rows("users")) };
    assert_eq!((user["email"].as_str(), user["name"].as_str()), (Some("maya@example.org"), Some("Maya Ünlü")));
    for secret in ["password_hash", "email_digest", "email_sealed", "name_sealed", "data_key"] {
        assert!(user.get(secret).is_none(), "{secret}: {user}");
    }
    assert_eq!((rows("events").len(), rows("notifications").len(), rows("class_members").len()), (450, 1, 1));
    assert_eq!((rows("classes").len(), rows("audit").len()), (0, 0));
    assert!(pieces.iter().all(|(_, rows)| rows.iter().all(|row| !row.to_string().contains(&other))));
    // A column that names a user is in the export, or it says whom else the row is about.
    let known = "SELECT string_agg(DISTINCT c.table_name::text, ' ') FROM information_schema.columns c
        JOIN pg_class t ON t.relname = c.table_name AND NOT t.relispartition
        WHERE c.table_schema = 'public' AND c.column_name IN ('user_id', 'student_id', 'teacher_id', 'subject_id')";
    for table in text(&service.url, known).await.split(' ').filter(|table| *table != "erasures") {
        rows(table);
    }

    let request = Request::new(ExportUserRequest { id: id.clone() });
    let whole = calling(&other, "admin").scope(service.users.export_user(request)).await.unwrap().into_inner();
    assert_eq!(serde_json::to_value(whole.data).unwrap()["events"].as_array().unwrap().len(), 450);
    let noted = format!("SELECT count(*) FROM audit WHERE action = 'user.export' AND subject_id = '{id}'");
    assert_eq!(count(&service.url, &noted).await, 1, "one's own export is not noted, another's is");
}

/// FR-041: whoever asks to be erased cannot sign in from then on, and asking again changes nothing; the last administrator
/// stays. While the state store is away the rest waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_holds_from_its_request_on() {
    let service = service().await;
    let id = service.register("maya@example.org").await.unwrap();
    let admin = service.register("eva@example.org").await.unwrap();
    execute(&service.url, &format!("UPDATE users SET role = 'admin' WHERE id = '{admin}'")).await;
    let erase = async |caller: &str, role: &str, id: &str| {
        let request = Request::new(EraseUserRequest { id: id.to_owned() });
        let erased = calling(caller, role).scope(service.users.erase_user(request)).await;
        erased.map(|response| response.into_inner().status)
    };
    let other = Uuid::now_v7().to_string();
    assert_eq!(erase(&other, "teacher", &id).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(erase(&admin, "admin", &other).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(erase(&admin, "admin", &admin).await.unwrap_err().code(), Code::FailedPrecondition);
    service.sign_in("maya@example.org").await.unwrap();
    for _ in 0..2 {
        assert_eq!(erase(&id, "student", &id).await.unwrap(), "erasing");
    }
    assert_eq!(service.sign_in("maya@example.org").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(count(&service.url, "SELECT count(*) FROM erasures WHERE erased_at IS NULL").await, 1);
    let erasures = Erasures::new(service.database.clone(), no_sidecar(), outbox::Bell::default());
    let forget: Forget = Arc::new(|user| assert_eq!(user, Uuid::nil(), "nobody is erased yet"));
    erasures.once(&forget).await.unwrap();
    assert_eq!(count(&service.url, "SELECT count(*) FROM erasures WHERE erased_at IS NULL").await, 1);
}
