use axum::{
    Json,
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tonic::Status;

use crate::problem::Problem;

/// Most bytes of a request's body.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The message of an RPC, put together from the path, the query and the JSON body of an HTTP request.
pub struct Rpc<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Rpc<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let path = RawPathParams::from_request_parts(&mut parts, state)
            .await
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))?;
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have at most {BODY_LIMIT} bytes"))
        })?;
        let is_json = parts.headers.get(CONTENT_TYPE).is_none_or(|kind| {
            let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
        });
        if !body.is_empty() && !is_json {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body as application/json"));
        }
        let mut message = object(&body)?;
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| {
            let value = match value.as_ref() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                text => Value::String(text.to_owned()),
            };
            (name.into_owned(), value)
        });
        let path = path.iter().map(|(name, value)| (name.to_owned(), Value::String(value.to_owned())));
        for (name, value) in query.chain(path) {
            if message.get(&name).is_some_and(|earlier| *earlier != value) {
                return Err(Problem::field(&name, "is given twice with different values"));
            }
            message.insert(name, value);
        }
        T::deserialize(Value::Object(message)).map(Self).map_err(|error| refusal(&error.to_string()))
    }
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body must be a JSON object")),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))),
    }
}

/// Says which field a message was refused for, where the decoder names one.
fn refusal(error: &str) -> Problem {
    let mut quoted = error.split('`').skip(1).step_by(2);
    match (error, quoted.next()) {
        (_, Some(field)) if error.starts_with("unknown field") => {
            let known = quoted.collect::<Vec<_>>().join(", ");
            Problem::field(field, format!("is not known here; known are: {known}"))
        }
        (_, Some(field)) if error.starts_with("duplicate field") => Problem::field(field, "is given twice"),
        _ => Problem::new(StatusCode::BAD_REQUEST, format!("the body does not fit: {error}")),
    }
}

/// The answer of an RPC as an HTTP response, with the part of it that is the body.
pub fn reply<T, B: Serialize>(result: Result<tonic::Response<T>, Status>, part: impl FnOnce(T) -> B) -> Response {
    match result {
        Ok(response) => Json(part(response.into_inner())).into_response(),
        Err(status) => Problem::from(status).into_response(),
    }
}
