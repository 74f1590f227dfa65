//! The first administrator, without whom nobody could make another.

use std::time::Duration;

use learnflow_sidecar::{Role, Sidecar};
use secrecy::SecretString;

use crate::{
    accounts::Accounts,
    database::{Database, DatabaseError, Statement},
};

/// The secret that holds the first administrator's e-mail and password.
pub const SECRET: &str = "bootstrap-admin";

const ANY_ADMIN: Statement =
    Statement { name: "bootstrap.any_admin", sql: "SELECT 1 FROM users WHERE role = 'admin' LIMIT 1" };

/// Attempts before a missing secret is worth a warning: the sidecar may only be starting.
const PATIENCE: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Makes the first administrator if there is none. Tries until there is one, so that a secret that is added later is
/// found without a restart.
pub async fn run(database: &Database, accounts: &Accounts, sidecar: &Sidecar) {
    let mut pause = Duration::from_millis(500);
    let mut attempt = 1;
    loop {
        match first_admin(database, accounts, sidecar).await {
            Ok(()) => return,
            Err(reason) if attempt == PATIENCE => tracing::warn!(
                reason,
                "there is no administrator yet: add the secret {SECRET:?} with the fields \"email\" and \"password\""
            ),
            Err(reason) => tracing::debug!(reason, "no administrator yet"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        attempt += 1;
    }
}

async fn first_admin(database: &Database, accounts: &Accounts, sidecar: &Sidecar) -> Result<(), String> {
    if has_admin(database).await.map_err(|error| error.to_string())? {
        return Ok(());
    }
    let secret = sidecar.secret(SECRET).await.map_err(|error| error.to_string())?;
    let field = |name| secret.get(name).map_err(|error| error.to_string());
    create(accounts, field("email")?, field("password")?.into()).await
}

/// Whether there is an administrator.
///
/// # Errors
/// [`DatabaseError`] when it cannot be told.
pub async fn has_admin(database: &Database) -> Result<bool, DatabaseError> {
    Ok(database.find(&ANY_ADMIN, &[]).await?.is_some())
}

/// Makes an administrator. Of two replicas that try at once, the second finds the e-mail taken and looks again.
///
/// # Errors
/// Says what is wrong with the e-mail or the password. An account that already has the e-mail stays what it is:
/// whoever registered it first must not become administrator by that.
pub async fn create(accounts: &Accounts, email: &str, password: SecretString) -> Result<(), String> {
    let user = accounts.create(email, password, "Administrator", Role::Admin).await;
    let user = user.map_err(|status| status.message().to_owned())?;
    tracing::info!(user_id = user.id, "first administrator made");
    Ok(())
}
