//! Accounts to try the system with, made through the gateway as a person would.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::Path;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::Error;
use crate::home::write_private;
use crate::progress::say;
use crate::secrets::{Secrets, claims, random_password};

const CLASS: &str = "Demo class";

/// Creates student, teacher and class where they are missing, and writes their passwords to `file`.
pub(crate) async fn create_accounts(gateway: &str, secrets: &Secrets, file: &Path) -> Result<(), Error> {
    let mut values = read(file);
    values.insert("GATEWAY_URL".into(), gateway.into());
    for (variable, field) in [("ADMIN_EMAIL", "email"), ("ADMIN_PASSWORD", "password")] {
        values.insert(variable.into(), secrets.get("bootstrap-admin", field).unwrap_or_default().into());
    }
    for who in ["student", "teacher"] {
        let upper = who.to_uppercase();
        values.insert(format!("{upper}_EMAIL"), format!("{who}@learnflow.example"));
        if let Entry::Vacant(password) = values.entry(format!("{upper}_PASSWORD")) {
            password.insert(random_password()?);
        }
    }
    // Before the accounts exist: an interrupted run must not leave accounts with unknown passwords.
    write(file, &values)?;

    let gateway = Gateway { http: Client::builder().no_proxy().build().unwrap_or_default(), url: gateway };
    let student = gateway.account(&values, "STUDENT", "Sam Student").await?;
    let mut teacher = gateway.account(&values, "TEACHER", "Tara Teacher").await?;
    if teacher.role != "teacher" {
        let admin = gateway.login(&values, "ADMIN").await?;
        let path = format!("/users/{}", teacher.id);
        gateway
            .expect("the teacher's role", Method::PATCH, &path, Some(&admin.token), json!({"role": "teacher"}))
            .await?;
        teacher = gateway.login(&values, "TEACHER").await?;
    }
    if let Some(code) = gateway.class(&teacher, &student).await? {
        values.insert("CLASS_JOIN_CODE".into(), code);
    }
    say(&format!("demo accounts are in {}", file.display()));
    write(file, &values)
}

fn read(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

fn write(file: &Path, values: &BTreeMap<String, String>) -> Result<(), Error> {
    let lines: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    write_private(file, &(lines.join("\n") + "\n"))
}

struct Gateway<'a> {
    http: Client,
    url: &'a str,
}

struct Account {
    id: String,
    role: String,
    token: String,
}

impl Gateway<'_> {
    /// Registers an account, or finds it registered, and logs in.
    async fn account(&self, values: &BTreeMap<String, String>, who: &str, name: &str) -> Result<Account, Error> {
        let mut body = credentials(values, who);
        body["name"] = name.into();
        let (status, answer) = self.call(Method::POST, "/auth/register", None, body).await?;
        if status.is_success() || status == StatusCode::CONFLICT {
            return self.login(values, who).await;
        }
        Err(refused(&format!("registering the {} account", who.to_lowercase()), status, &answer))
    }

    async fn login(&self, values: &BTreeMap<String, String>, who: &str) -> Result<Account, Error> {
        let step = format!("logging in as {}", who.to_lowercase());
        let answer = self.expect(&step, Method::POST, "/auth/login", None, credentials(values, who)).await?;
        let token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        let claims = claims(&token).ok_or_else(|| Error::step(step, "the answer holds no access token"))?;
        let claim = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        Ok(Account { id: claim("sub"), role: claim("role"), token })
    }

    /// The join code of the teacher's class, with the student in it. `None` when the gateway has no classes.
    async fn class(&self, teacher: &Account, student: &Account) -> Result<Option<String>, Error> {
        let (status, answer) = self.call(Method::GET, "/classes", Some(&teacher.token), Value::Null).await?;
        if matches!(status, StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED) {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(refused("listing classes", status, &answer));
        }
        let classes = answer["classes"].as_array().cloned().unwrap_or_default();
        let class = if let Some(class) = classes.into_iter().find(|class| class["name"] == CLASS) {
            class
        } else {
            let body = json!({"name": CLASS});
            self.expect("creating the class", Method::POST, "/classes", Some(&teacher.token), body).await?
        };
        let code = class["join_code"].as_str().unwrap_or_default().to_owned();
        let body = json!({"join_code": code});
        let (status, answer) = self.call(Method::POST, "/classes/join", Some(&student.token), body).await?;
        if status.is_success() || status == StatusCode::CONFLICT {
            return Ok(Some(code));
        }
        Err(refused("joining the class", status, &answer))
    }

    async fn expect(
        &self,
        step: &str,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Result<Value, Error> {
        let (status, answer) = self.call(method, path, token, body).await?;
        if status.is_success() { Ok(answer) } else { Err(refused(step, status, &answer)) }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Result<(StatusCode, Value), Error> {
        let url = format!("{}/api/v1{path}", self.url);
        let failed = |error: reqwest::Error| Error::step("demo accounts", format!("{url}: {error}"));
        let mut request = self.http.request(method, &url);
        if !body.is_null() {
            request = request.json(&body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or_default()))
    }
}

fn credentials(values: &BTreeMap<String, String>, who: &str) -> Value {
    let value = |name: &str| values.get(&format!("{who}_{name}")).cloned().unwrap_or_default();
    json!({"email": value("EMAIL"), "password": value("PASSWORD")})
}

fn refused(step: &str, status: StatusCode, answer: &Value) -> Error {
    Error::step("demo accounts", format!("{step}: {status} {}", answer["detail"].as_str().unwrap_or_default()))
}
