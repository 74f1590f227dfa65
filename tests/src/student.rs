//! Students, signed in without the cost of signing in.

use anyhow::{Context as _, Result};
use learnflow_auth::{Keys, PrivateKey};
use learnflow_stack::Stack;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long the tokens of tests are good for, in seconds.
const LIFETIME: u64 = 3_600;

/// Issues tokens with the stack's own key.
pub struct Issuer {
    keys: Keys,
}

impl Issuer {
    /// Reads the stack's signing key.
    ///
    /// # Errors
    /// When the stack has none.
    pub async fn of(stack: &Stack) -> Result<Self> {
        let secrets = stack.secrets().await;
        let field = |name| secrets.get("jwt", name).with_context(|| format!("the jwt secret has no {name}"));
        let current = PrivateKey { kid: field("current_kid")?, pem: field("private_key")? };
        Ok(Self { keys: Keys::new(&current, &[])? })
    }

    /// A token for a user of this role.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self, user_id: &str, role: &str) -> Result<String> {
        self.token_for(user_id, role, LIFETIME)
    }

    /// A token that is good for some seconds.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token_for(&self, user_id: &str, role: &str, seconds: u64) -> Result<String> {
        Ok(self.keys.issue(user_id, role, seconds, Uuid::new_v4().to_string())?)
    }
}

/// A user at the gateway.
#[derive(Clone)]
pub struct User {
    /// User id.
    pub id: String,
    /// Access token.
    pub token: String,
    url: String,
    http: reqwest::Client,
}

impl User {
    /// A user who exists by token only.
    ///
    /// # Errors
    /// When signing fails.
    pub fn new(stack: &Stack, issuer: &Issuer, role: &str) -> Result<Self> {
        let id = Uuid::now_v7().to_string();
        let token = issuer.token(&id, role)?;
        Ok(Self { id, token, url: stack.gateway_url(), http: reqwest::Client::new() })
    }

    /// A student with an account.
    ///
    /// # Errors
    /// When the gateway makes none.
    pub async fn registered(stack: &Stack, issuer: &Issuer) -> Result<Self> {
        let anybody = Self::new(stack, issuer, "student")?;
        let email = format!("maya-{}@example.org", Uuid::new_v4());
        let account = json!({ "email": email, "password": "correct horse battery", "name": "Maya" });
        let made = anybody.post("/auth/register", &account).await?;
        let id = made.body["user"]["id"].as_str().with_context(|| format!("{made:?}"))?.to_owned();
        Ok(Self { token: issuer.token(&id, "student")?, id, ..anybody })
    }

    /// The same user with another token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    /// Begins a request to a path below `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token)
    }

    /// Posts a JSON body.
    ///
    /// # Errors
    /// When there is no response.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::read(self.request(Method::POST, path).json(body).send().await?).await
    }

    /// Reads a path.
    ///
    /// # Errors
    /// When there is no response.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        Reply::read(self.request(Method::GET, path).send().await?).await
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body if it is JSON, null otherwise.
    pub body: Value,
}

impl Reply {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn read(response: Response) -> Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Self { status, headers, body })
    }

    /// A header's text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A field's text; empty when it is missing or no text.
    pub fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_default()
    }
}
