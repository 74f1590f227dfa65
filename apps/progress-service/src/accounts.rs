//! Accounts: made and signed in to by e-mail and password. For the gateway only.

use std::collections::HashMap;

use learnflow_proto::v1::{
    CreateAccountRequest, CreateAccountResponse, User, VerifyPasswordRequest, VerifyPasswordResponse,
    account_service_server::AccountService,
};
use learnflow_service::Violations;
use learnflow_sidecar::Role;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::types::ToSql;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

use crate::{
    database::{Database, Statement},
    passwords::Passwords,
    users::{check_name, timestamp, user},
    vault::{EMAIL, NAME},
};

/// An address that an account still has in plain is taken as well.
const INSERT: Statement = Statement {
    name: "accounts.insert",
    sql: "INSERT INTO users (id, email_digest, email_sealed, name_sealed, data_key, role, password_hash)
          SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT FROM users WHERE email = $8)
          RETURNING created_at",
};
/// Who is being erased has no account any more.
const BY_EMAIL: Statement = Statement {
    name: "accounts.by_email",
    sql: "SELECT u.id, email, name, email_sealed, name_sealed, data_key, role, created_at, password_hash FROM users u
          WHERE (email_digest = $1 OR email = $2) AND NOT EXISTS (SELECT FROM erasures e WHERE e.user_id = u.id)",
};

/// A checked e-mail address, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks an address as far as sense goes: only a letter sent to it could tell more.
    pub fn parse(text: &str) -> Option<Self> {
        let email = text.trim().to_lowercase();
        let (local, domain) = email.split_once('@')?;
        let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
        let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
        (plain && dotted && !local.is_empty() && !domain.contains('@') && email.len() <= 254).then_some(Self(email))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The account service.
#[derive(Clone)]
pub struct Accounts {
    database: Database,
    passwords: Passwords,
}

impl Accounts {
    /// Keeps accounts in a database.
    pub fn new(database: Database, passwords: Passwords) -> Self {
        Self { database, passwords }
    }

    /// Checks, then stores an account.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for values that are not allowed, `ALREADY_EXISTS` for an e-mail that has an account.
    pub async fn create(&self, email: &str, password: SecretString, name: &str, role: Role) -> Result<User, Status> {
        let name = name.trim();
        let length = password.expose_secret().chars().count();
        let mut violations = Violations::default();
        let parsed = Email::parse(email);
        violations.check(parsed.is_some(), "email", || "is not an e-mail address".to_owned()).check(
            (10..=128).contains(&length),
            "password",
            || format!("has {length} characters: 10 to 128 are allowed"),
        );
        check_name(&mut violations, name);
        violations.finish()?;
        let email = parsed.map(|Email(email)| email).unwrap_or_default();
        let hash = self.passwords.hash(password).await?;
        let (id, vault) = (Uuid::now_v7(), self.database.vault());
        let digest = vault.digest(EMAIL, &email)?;
        let (sealed, sealed_name) = (vault.seal(EMAIL, id, &email)?, vault.seal(NAME, id, name)?);
        let values: [&(dyn ToSql + Sync); 8] =
            [&id, &digest, &sealed.bytes, &sealed_name.bytes, &sealed.key, &role.as_str(), &hash, &email];
        match self.database.find(&INSERT, &values).await {
            Ok(Some(row)) => Ok(User {
                id: id.to_string(),
                email,
                name: name.to_owned(),
                role: role.as_str().to_owned(),
                created_at: Some(timestamp(row.get("created_at"))),
            }),
            Ok(None) => Err(email_taken()),
            Err(error) if error.violates("users_email_digest_unique") => Err(email_taken()),
            Err(error) => Err(error.into()),
        }
    }
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        let CreateAccountRequest { email, password, name } = request.into_inner();
        let user = self.create(&email, password.into(), &name, Role::Student).await?;
        tracing::info!(user_id = user.id, "account made");
        Ok(Response::new(CreateAccountResponse { user: Some(user) }))
    }

    async fn verify_password(
        &self,
        request: Request<VerifyPasswordRequest>,
    ) -> Result<Response<VerifyPasswordResponse>, Status> {
        let VerifyPasswordRequest { email, password } = request.into_inner();
        let password = SecretString::from(password);
        let row = match Email::parse(&email) {
            Some(email) => {
                let digest = self.database.vault().digest(EMAIL, email.as_str())?;
                self.database.find(&BY_EMAIL, &[&digest, &email.as_str()]).await?
            }
            None => None,
        };
        let hash = row.as_ref().and_then(|row| row.get::<_, Option<String>>("password_hash"));
        let fits = self.passwords.verify(password, hash).await?;
        match row {
            Some(row) if fits => {
                let user = user(self.database.vault(), &row)?;
                Ok(Response::new(VerifyPasswordResponse { user: Some(user) }))
            }
            _ => Err(Status::unauthenticated("e-mail or password is wrong")),
        }
    }
}

fn email_taken() -> Status {
    let message = "this e-mail address already has an account";
    let mut details = ErrorDetails::with_error_info("EMAIL_TAKEN", "learnflow", HashMap::new());
    details.add_bad_request_violation("email", message);
    Status::with_error_details(Code::AlreadyExists, message, details)
}

#[cfg(test)]
mod tests {
    use super::Email;

    /// FR-002a: addresses are kept in lower case; what cannot be one is refused.
    #[test]
    fn emails_are_checked() {
        assert_eq!(Email::parse(" Maya@Example.ORG ").unwrap().as_str(), "maya@example.org");
        let long = format!("{}@example.org", "a".repeat(243));
        for text in [
            "",
            "maya",
            "maya@",
            "@example.org",
            "maya@example",
            "maya@.org",
            "a@b@c.org",
            "a b@c.org",
            "a@b.c\0",
            &long,
        ] {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
    }
}
