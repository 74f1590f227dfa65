//! Users, for themselves and for administrators.

use std::str::FromStr as _;

use deadpool_postgres::Transaction;
use futures::stream::BoxStream;
use learnflow_proto::{
    Timestamp,
    v1::{
        EraseUserRequest, EraseUserResponse, ExportUserRequest, ExportUserResponse, GetUserRequest, GetUserResponse,
        ListUsersRequest, ListUsersResponse, StreamUserExportRequest, StreamUserExportResponse, UpdateUserRequest,
        UpdateUserResponse, User, user_service_server::UserService,
    },
};
use learnflow_service::Violations;
use learnflow_sidecar::{Caller, Context, Role};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    page::Page,
    privacy::{
        erase::{Erasures, Requested},
        export,
    },
    record::audit::Audit,
    vault::{EMAIL, NAME, Vault},
};

/// The words for roles, as the database knows them.
pub const ROLES: &[&str] = &["student", "teacher", "admin"];

const GET: Statement = Statement {
    name: "users.get",
    sql: "SELECT id, email, name, email_sealed, name_sealed, data_key, role, created_at FROM users WHERE id = $1",
};
const LIST: Statement = Statement {
    name: "users.list",
    sql: "SELECT id, email, name, email_sealed, name_sealed, data_key, role, created_at FROM users WHERE id > $1 ORDER BY id LIMIT $2",
};
const LIST_ROLE: Statement = Statement {
    name: "users.list_role",
    sql: "SELECT id, email, name, email_sealed, name_sealed, data_key, role, created_at FROM users WHERE role = $3 AND id > $1 ORDER BY id LIMIT $2",
};
// Locked in the order of their ids: two admins who demote or erase each other at the same moment wait for one another.
const LOCK_ADMINS: Statement = Statement {
    name: "users.lock_admins",
    sql: "SELECT id FROM users u WHERE role = 'admin' AND NOT EXISTS (SELECT FROM erasures WHERE user_id = u.id)
          ORDER BY id FOR UPDATE",
};
const LOCK: Statement = Statement {
    name: "users.lock",
    sql: "SELECT id, email, name, email_sealed, name_sealed, data_key, role, created_at FROM users WHERE id = $1
          FOR NO KEY UPDATE",
};
const UPDATE: Statement = Statement {
    name: "users.update",
    sql:
        "UPDATE users SET role = $2, email = NULL, name = NULL, email_digest = $3, email_sealed = $4, name_sealed = $5,
                           data_key = $6 WHERE id = $1",
};

/// Whether a user is the only admin who stays: somebody must. The answer holds until the transaction ends.
pub async fn is_last_admin(transaction: &Transaction<'_>, user: Uuid) -> Result<bool, DatabaseError> {
    let admins = query_in(transaction, &LOCK_ADMINS, &[]).await?;
    Ok(matches!(admins.as_slice(), [only] if only.get::<_, Uuid>("id") == user))
}

/// The user service.
#[derive(Clone)]
pub struct Users {
    database: Database,
    audit: Audit,
    erasures: Erasures,
}

impl Users {
    /// Serves the users of a database.
    pub fn new(database: Database, audit: Audit, erasures: Erasures) -> Self {
        Self { database, audit, erasures }
    }

    async fn update(&self, id: Uuid, role: Option<&str>, name: Option<&str>) -> Result<User, Status> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(DatabaseError::from)?;
        if role.is_some_and(|role| role != Role::Admin.as_str()) && is_last_admin(&transaction, id).await? {
            return Err(last_admin());
        }
        let row = query_in(&transaction, &LOCK, &[&id]).await?.pop().ok_or_else(no_such_user)?;
        let vault = self.database.vault();
        let mut user = user(vault, &row)?;
        user.role = role.map_or(user.role, ToOwned::to_owned);
        user.name = name.map_or(user.name, ToOwned::to_owned);
        let digest = vault.digest(EMAIL, &user.email)?;
        let (email, name) = (vault.seal(EMAIL, id, &user.email)?, vault.seal(NAME, id, &user.name)?);
        query_in(&transaction, &UPDATE, &[&id, &user.role, &digest, &email.bytes, &name.bytes, &email.key]).await?;
        transaction.commit().await.map_err(DatabaseError::from)?;
        Ok(user)
    }
}

#[tonic::async_trait]
impl UserService for Users {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let id = user_id(&request.get_ref().id, "id")?;
        let context = Context::current();
        let caller = context.caller()?;
        self_or_admin(caller, id)?;
        let row = self.database.find(&GET, &[&id]).await?.ok_or_else(no_such_user)?;
        self.audit.note(caller, "user.read", &[id]).await?;
        Ok(Response::new(GetUserResponse { user: Some(user(self.database.vault(), &row)?) }))
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Result<Response<ListUsersResponse>, Status> {
        let ListUsersRequest { page_size, page_token, role } = request.into_inner();
        let context = Context::current();
        let caller = context.caller()?;
        admin(caller)?;
        if let Some(role) = &role {
            Violations::default().one_of(role, "role", ROLES).finish()?;
        }
        let page = Page::read(page_size, page_token.as_deref(), |token| Uuid::from_str(token).ok())?;
        let after = page.after.unwrap_or(Uuid::nil());
        let rows = match &role {
            None => self.database.query(&LIST, &[&after, &page.limit()]).await?,
            Some(role) => self.database.query(&LIST_ROLE, &[&after, &page.limit(), role]).await?,
        };
        let vault = self.database.vault();
        let mut users: Vec<User> = rows.iter().map(|row| user(vault, row)).collect::<Result<_, _>>()?;
        let next_page_token = page.cut(&mut users, |user| user.id.clone());
        let listed: Vec<Uuid> = users.iter().filter_map(|user| user.id.parse().ok()).collect();
        self.audit.note(caller, "users.read", &listed).await?;
        Ok(Response::new(ListUsersResponse { users, next_page_token }))
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Result<Response<UpdateUserResponse>, Status> {
        let UpdateUserRequest { id, role, name } = request.into_inner();
        let context = Context::current();
        let caller = context.caller()?;
        let name = name.map(|name| name.trim().to_owned());
        let mut violations = Violations::default();
        violations.check(role.is_some() || name.is_some(), "role", || "give a role, a name, or both".to_owned());
        if let Some(role) = &role {
            violations.one_of(role, "role", ROLES);
        }
        if let Some(name) = &name {
            check_name(&mut violations, name);
        }
        violations.finish()?;
        let id = user_id(&id, "id")?;
        self_or_admin(caller, id)?;
        if role.is_some() {
            admin(caller)?;
        }
        self.audit.note(caller, "user.update", &[id]).await?;
        let user = self.update(id, role.as_deref(), name.as_deref()).await?;
        if let Some(role) = role {
            tracing::info!(user_id = %id, role, by = caller.id, "role set");
        }
        Ok(Response::new(UpdateUserResponse { user: Some(user) }))
    }

    async fn export_user(&self, request: Request<ExportUserRequest>) -> Result<Response<ExportUserResponse>, Status> {
        let rows = self.export(&request.into_inner().id).await?;
        Ok(Response::new(ExportUserResponse { data: Some(export::collect(rows).await?) }))
    }

    type StreamUserExportStream = BoxStream<'static, Result<StreamUserExportResponse, Status>>;

    async fn stream_user_export(
        &self,
        request: Request<StreamUserExportRequest>,
    ) -> Result<Response<Self::StreamUserExportStream>, Status> {
        Ok(Response::new(self.export(&request.into_inner().id).await?))
    }

    async fn erase_user(&self, request: Request<EraseUserRequest>) -> Result<Response<EraseUserResponse>, Status> {
        let id = user_id(&request.into_inner().id, "id")?;
        let context = Context::current();
        let caller = context.caller()?;
        self_or_admin(caller, id)?;
        self.audit.note(caller, "user.erase", &[id]).await?;
        let by = Uuid::from_str(&caller.id).map_err(|_| no_such_user())?;
        match self.erasures.request(id, by).await? {
            Requested::Unknown => Err(no_such_user()),
            Requested::LastAdmin => Err(last_admin()),
            Requested::Erasing => Ok(Response::new(EraseUserResponse { status: "erasing".to_owned() })),
            Requested::Erased => Ok(Response::new(EraseUserResponse { status: "erased".to_owned() })),
        }
    }
}

impl Users {
    async fn export(&self, id: &str) -> Result<BoxStream<'static, Result<StreamUserExportResponse, Status>>, Status> {
        let id = user_id(id, "id")?;
        let context = Context::current();
        let caller = context.caller()?;
        self_or_admin(caller, id)?;
        self.audit.known(id).await?;
        self.audit.note(caller, "user.export", &[id]).await?;
        Ok(export::rows(self.database.clone(), id))
    }
}

/// A user from a row of `id, email, name, email_sealed, name_sealed, data_key, role, created_at`.
pub(crate) fn user(vault: &Vault, row: &Row) -> Result<User, DatabaseError> {
    let id: Uuid = row.get("id");
    Ok(User {
        id: id.to_string(),
        email: vault.text(EMAIL, id, row)?,
        name: vault.text(NAME, id, row)?,
        role: row.get("role"),
        created_at: Some(timestamp(row.get("created_at"))),
    })
}

/// A moment as a protobuf timestamp.
pub(crate) fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: at.unix_timestamp(), nanos: i32::try_from(at.nanosecond()).unwrap_or_default() }
}

/// Reads a user id of a request.
pub(crate) fn user_id(text: &str, field: &str) -> Result<Uuid, Status> {
    some_id(text, field, "a user id")
}

/// Reads an id of a request; `what` it is, for the refusal.
pub(crate) fn some_id(text: &str, field: &str, what: &str) -> Result<Uuid, Status> {
    let id = Uuid::from_str(text);
    Violations::default().check(id.is_ok(), field, || format!("is not {what}")).finish()?;
    Ok(id.unwrap_or_default())
}

/// Notes a name that is empty or too long; it has been trimmed.
pub(crate) fn check_name(violations: &mut Violations, name: &str) {
    let length = name.chars().count();
    violations
        .check((1..=100).contains(&length), "name", || format!("has {length} characters: 1 to 100 are allowed"))
        .check(!name.chars().any(char::is_control), "name", || "must not contain control characters".to_owned());
}

/// Nothing, for the user and for administrators.
pub(crate) fn self_or_admin(caller: &Caller, id: Uuid) -> Result<(), Status> {
    if caller.role == Role::Admin || is_self(caller, id) {
        return Ok(());
    }
    Err(Status::permission_denied("only the user and administrators may do this"))
}

/// Whether the caller is this user.
pub(crate) fn is_self(caller: &Caller, id: Uuid) -> bool {
    Uuid::from_str(&caller.id).is_ok_and(|caller| caller == id)
}

/// Nothing, for administrators.
pub(crate) fn admin(caller: &Caller) -> Result<(), Status> {
    match caller.role {
        Role::Admin => Ok(()),
        Role::Student | Role::Teacher => Err(Status::permission_denied("only administrators may do this")),
    }
}

fn no_such_user() -> Status {
    Status::not_found("there is no user with this id")
}

fn last_admin() -> Status {
    let mut details = ErrorDetails::new();
    details.add_precondition_failure_violation("LAST_ADMIN", "users", "make somebody else an admin first");
    let message = "this is the last administrator: make somebody else an admin first";
    Status::with_error_details(Code::FailedPrecondition, message, details)
}
