use anyhow::{Context as _, Result, ensure};
use learnflow_tests::student::{Reply, User};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

const PASSWORD: &str = "correct horse battery";

async fn register(anybody: &User, email: &str) -> Result<Reply> {
    anybody.post("/auth/register", &json!({ "email": email, "password": PASSWORD, "name": "Ada" })).await
}

async fn sign_in(anybody: &User, email: &str, password: &str) -> Result<Reply> {
    anybody.post("/auth/login", &json!({ "email": email, "password": password })).await
}

fn anybody(world: &World) -> Result<User> {
    world.student()
}

/// FR-002, FR-002a: an account is made once; its password signs in; the token is RS256 and checked by the public keys.
pub async fn register_and_sign_in(world: &World) -> Result<()> {
    let anybody = anybody(world)?;
    let email = format!("ada-{}@example.org", Uuid::new_v4());
    let made = register(&anybody, &email.to_uppercase()).await?;
    ensure!(made.status == 201 && made.body["user"]["role"] == "student", "{made:?}");
    ensure!(made.body["user"]["email"] == email, "{made:?}");
    let again = register(&anybody, &email).await?;
    ensure!(again.status == 409, "{again:?}");
    for (field, body) in [
        ("email", json!({ "email": "nobody", "password": PASSWORD, "name": "A" })),
        ("password", json!({ "email": "b@example.org", "password": "short", "name": "A" })),
        ("name", json!({ "email": "b@example.org", "password": PASSWORD, "name": "" })),
    ] {
        let refused = anybody.post("/auth/register", &body).await?;
        ensure!(refused.status == 400 && refused.body["errors"][0]["field"] == field, "{refused:?}");
    }

    let wrong = sign_in(&anybody, &email, "wrong password").await?;
    let unknown = sign_in(&anybody, "nobody@example.org", PASSWORD).await?;
    ensure!(wrong.status == 401 && unknown.status == 401, "{wrong:?} {unknown:?}");
    ensure!(wrong.text("detail") == unknown.text("detail"), "the refusal tells who has an account");
    let session = sign_in(&anybody, &email, PASSWORD).await?;
    ensure!(session.status == 200 && session.body["expires_in"] == 3600, "{session:?}");
    ensure!(session.text("token_type") == "Bearer", "{session:?}");

    let keys: Value =
        reqwest::get(format!("{}/.well-known/jwks.json", world.stack.gateway_url())).await?.json().await?;
    let keys = keys["keys"].as_array().context("no keys")?;
    ensure!(keys.len() == 2 && keys.iter().all(|key| key["kty"] == "RSA" && key["alg"] == "RS256"), "{keys:?}");
    ensure!(keys.iter().all(|key| key.get("d").is_none()), "a private key is published");

    let user = anybody.with_token(session.text("access_token"));
    let answer = user.post("/query", &json!({ "text": "What is a variable?" })).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let id = made.body["user"]["id"].as_str().context("no id")?;
    ensure!(user.get(&format!("/users/{id}")).await?.text("email") == email);
    Ok(())
}

/// FR-002b: a student is refused what is an admin's; an admin makes a teacher.
pub async fn roles_are_given_by_admins(world: &World) -> Result<()> {
    let anybody = anybody(world)?;
    let email = format!("grace-{}@example.org", Uuid::new_v4());
    let made = register(&anybody, &email).await?;
    let id = made.body["user"]["id"].as_str().context("no id")?.to_owned();
    let student = anybody.with_token(sign_in(&anybody, &email, PASSWORD).await?.text("access_token"));
    let path = format!("/users/{id}");
    let promote = async |user: &User| {
        Reply::read(user.request(Method::PATCH, &path).json(&json!({ "role": "teacher" })).send().await?).await
    };
    let refused = promote(&student).await?;
    ensure!(refused.status == 403, "{refused:?}");
    ensure!(student.get("/users").await?.status == 403);
    ensure!(world.student()?.get(&path).await?.status == 403, "a student read another's account");

    let secrets = world.stack.secrets().await;
    let secret = |field| secrets.get("bootstrap-admin", field).context("no bootstrap admin");
    let session = sign_in(&anybody, secret("email")?, secret("password")?).await?;
    let admin = anybody.with_token(session.text("access_token"));
    let promoted = promote(&admin).await?;
    ensure!(promoted.status == 200 && promoted.text("role") == "teacher", "{promoted:?}");
    let listed = admin.get("/users?role=teacher&page_size=200").await?;
    ensure!(
        listed.body["users"].as_array().is_some_and(|users| users.iter().any(|user| user["id"] == id)),
        "{listed:?}"
    );
    Ok(())
}
