use http::{HeaderMap, HeaderValue};
use learnflow_proto::v1::{
    CreateAccountRequest, GetUserRequest, ListUsersRequest, UpdateUserRequest, User, VerifyPasswordRequest,
    account_service_server::AccountService as _, user_service_server::UserService as _,
};
use learnflow_sidecar::Context;
use progress_service::{
    accounts::Accounts,
    bootstrap,
    database::Database,
    passwords::Passwords,
    privacy::erase::Erasures,
    record::{audit::Audit, outbox},
    users::Users,
};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    postgres::{Postgres, open},
    record::no_sidecar,
};

const PASSWORD: &str = "correct horse battery";

async fn register(accounts: &Accounts, email: &str) -> Result<User, Status> {
    let request = CreateAccountRequest { email: email.into(), password: PASSWORD.into(), name: "Maya".into() };
    Ok(accounts.create_account(Request::new(request)).await?.into_inner().user.unwrap())
}

async fn sign_in(accounts: &Accounts, email: &str, password: &str) -> Result<User, Status> {
    let request = VerifyPasswordRequest { email: email.into(), password: password.into() };
    Ok(accounts.verify_password(Request::new(request)).await?.into_inner().user.unwrap())
}

async fn setup() -> (Database, Accounts, Users) {
    let database = Postgres::shared().database().await;
    let accounts = Accounts::new(database.clone(), Passwords::new().unwrap());
    let (audit, erasures) = (
        Audit::new(database.clone(), no_sidecar()),
        Erasures::new(database.clone(), no_sidecar(), outbox::Bell::default()),
    );
    (database.clone(), accounts, Users::new(database, audit, erasures))
}

/// The context of a call on behalf of a user, as the gateway sets it.
pub(crate) fn calling(id: &str, role: &str) -> Context {
    let mut headers = HeaderMap::new();
    headers.insert("x-learnflow-user", HeaderValue::from_str(id).unwrap());
    headers.insert("x-learnflow-role", HeaderValue::from_str(role).unwrap());
    Context::from_headers(&headers)
}

/// FR-002a: who registered can sign in, in any case of their e-mail; nobody else, and nobody learns which e-mails exist.
#[tokio::test]
async fn accounts_are_made_once_and_checked() {
    let (_, accounts, _) = setup().await;
    let maya = register(&accounts, "Maya@Example.org").await.unwrap();
    assert_eq!((maya.email.as_str(), maya.role.as_str()), ("maya@example.org", "student"));
    assert_eq!(sign_in(&accounts, "MAYA@example.org", PASSWORD).await.unwrap(), maya);

    let taken = register(&accounts, "maya@example.ORG").await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    assert_eq!(taken.get_details_error_info().unwrap().reason, "EMAIL_TAKEN");

    let wrong = sign_in(&accounts, "maya@example.org", "incorrect horse").await.unwrap_err();
    let unknown = sign_in(&accounts, "nobody@example.org", PASSWORD).await.unwrap_err();
    assert_eq!(wrong.code(), Code::Unauthenticated);
    assert_eq!((wrong.code(), wrong.message()), (unknown.code(), unknown.message()));
}

/// FR-002a: a request that is wrong in several ways hears of all of them.
#[tokio::test]
async fn bad_accounts_are_refused() {
    let (_, accounts, _) = setup().await;
    let request = CreateAccountRequest { email: "maya".into(), password: "123456789".into(), name: " ".into() };
    let status = accounts.create_account(Request::new(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["email", "password", "name"]);
}

/// FR-002b: a student reads and names only themselves; an admin manages users; the last admin stays.
#[tokio::test]
async fn roles_bound_what_a_caller_may_do() {
    let (database, accounts, users) = setup().await;
    let maya = register(&accounts, "maya@example.org").await.unwrap();
    let omar = register(&accounts, "omar@example.org").await.unwrap();
    assert!(!bootstrap::has_admin(&database).await.unwrap());
    bootstrap::create(&accounts, "admin@example.org", PASSWORD.into()).await.unwrap();
    assert!(bootstrap::has_admin(&database).await.unwrap());
    let admin = sign_in(&accounts, "admin@example.org", PASSWORD).await.unwrap();
    let as_maya = || calling(&maya.id, "student");
    let as_admin = || calling(&admin.id, "admin");

    let get = |id: &str| users.get_user(Request::new(GetUserRequest { id: id.into() }));
    assert_eq!(get(&maya.id).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(as_maya().scope(get(&maya.id)).await.unwrap().into_inner().user.unwrap(), maya);
    assert_eq!(as_maya().scope(get(&omar.id)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(as_admin().scope(get(&omar.id)).await.unwrap().into_inner().user.unwrap(), omar);

    let set = |id: &str, role: Option<&str>, name: Option<&str>| {
        let (role, name) = (role.map(Into::into), name.map(Into::into));
        users.update_user(Request::new(UpdateUserRequest { id: id.into(), role, name }))
    };
    let renamed = as_maya().scope(set(&maya.id, None, Some(" Maya K. "))).await.unwrap().into_inner().user.unwrap();
    assert_eq!(renamed.name, "Maya K.");
    let promoted = as_maya().scope(set(&maya.id, Some("admin"), None)).await;
    assert_eq!(promoted.unwrap_err().code(), Code::PermissionDenied);
    let unknown = as_admin().scope(set(&maya.id, Some("owner"), None)).await;
    assert_eq!(unknown.unwrap_err().code(), Code::InvalidArgument);
    let last = as_admin().scope(set(&admin.id, Some("student"), None)).await;
    assert_eq!(last.unwrap_err().code(), Code::FailedPrecondition);

    // Two admins who demote each other at once: one of them stays. Several rounds, for chance is part of it.
    for _ in 0..10 {
        as_admin().scope(set(&omar.id, Some("admin"), None)).await.unwrap();
        as_admin().scope(set(&admin.id, Some("admin"), None)).await.unwrap();
        let (one, two) = tokio::join!(
            as_admin().scope(set(&omar.id, Some("teacher"), None)),
            calling(&omar.id, "admin").scope(set(&admin.id, Some("teacher"), None)),
        );
        assert!(one.is_ok() != two.is_ok());
        assert!(bootstrap::has_admin(&database).await.unwrap());
    }
}

/// FR-002b: an admin lists users page by page, each once.
#[tokio::test]
async fn users_are_listed_in_pages() {
    let (_, accounts, users) = setup().await;
    bootstrap::create(&accounts, "admin@example.org", PASSWORD.into()).await.unwrap();
    let mut wanted = Vec::new();
    for number in 0..5 {
        wanted.push(register(&accounts, &format!("student{number}@example.org")).await.unwrap());
    }
    let list = |token: Option<String>, size| {
        let request = ListUsersRequest { page_size: Some(size), page_token: token, role: Some("student".into()) };
        users.list_users(Request::new(request))
    };
    let denied = calling(&wanted[0].id, "student").scope(list(None, 2)).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    let as_admin = || calling("018f0000-0000-7000-8000-000000000000", "admin");
    for (size, token) in [(0, None), (201, None), (2, Some("what".into()))] {
        let refused = as_admin().scope(list(token, size)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    let (mut listed, mut token, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = as_admin().scope(list(token, 2)).await.unwrap().into_inner();
        listed.extend(page.users);
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        token = Some(page.next_page_token);
    }
    assert_eq!((listed, pages), (wanted, 3));
}

/// Faults: while the database is away calls answer UNAVAILABLE with a time to try again, not an error of their own.
#[tokio::test]
async fn calls_without_a_database_are_unavailable() {
    let database = open("postgres://postgres@127.0.0.1:1/none");
    let accounts = Accounts::new(database, Passwords::new().unwrap());
    let status = sign_in(&accounts, "maya@example.org", PASSWORD).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_retry_info().is_some());
}
