//! One call of the endpoint, no retries: what is sent, and the stream of what comes back.

use std::{
    io,
    pin::Pin,
    time::{Duration, SystemTime},
};

use async_openai::{
    config::Config,
    error::OpenAIError,
    middleware::HttpRequestFactory,
    types::chat::{
        ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
        ChatCompletionStreamOptions, CreateChatCompletionRequest, ResponseFormat, ResponseFormatJsonSchema,
    },
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::{Call, Failure, Reply, Shape, retry_after};

/// The longest event of a stream, in bytes.
const LONGEST_LINE: usize = 256 * 1024;
/// The longest stream, in bytes: JSON around every token makes it many times as long as its text.
const LONGEST_STREAM: usize = 8 * 1024 * 1024;

/// An endpoint that speaks `OpenAI`'s chat completions.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base_url: String,
}

/// A piece of a streamed completion; endpoints differ in what else they send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk {
    pub choices: Vec<Choice>,
    pub usage: Option<ReportedUsage>,
    /// Some endpoints report an error in the middle of a stream this way.
    pub error: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    pub delta: Delta,
    pub finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta {
    pub content: Option<String>,
    pub refusal: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReportedUsage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

/// What comes back, piece by piece.
pub(crate) type Chunks = Pin<Box<dyn Stream<Item = Result<Chunk, Failure>> + Send>>;

impl Client {
    pub(crate) fn new(base_url: String) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            // The key goes to the configured endpoint and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| Failure::Unavailable(format!("no HTTP client: {error}")))?;
        Ok(Self { http, base_url })
    }

    /// Sends a call; returns when the endpoint has accepted it.
    pub(crate) async fn open(
        &self,
        key: SecretString,
        model: &str,
        max_tokens: u32,
        call: &Call,
    ) -> Result<Chunks, Failure> {
        let endpoint = Endpoint { base_url: self.base_url.clone(), key };
        let http = self.http.clone();
        // A service of our own in place of the library's: it would retry by itself, and hide the headers.
        let service = tower::service_fn(move |request: HttpRequestFactory| {
            let http = http.clone();
            async move {
                let response = http.execute(request.build().await?).await.map_err(|error| refuse(transport(&error)))?;
                accept(response).map_err(refuse)
            }
        });
        let client = async_openai::Client::build(self.http.clone(), endpoint).with_http_service(service);
        let chunks = client
            .chat()
            .create_stream_byot::<_, Chunk>(request(model, max_tokens, call))
            .await
            .map_err(|error| failure(&error))?;
        Ok(Box::pin(chunks.map(|chunk: Result<Chunk, OpenAIError>| chunk.map_err(|error| failure(&error)))))
    }
}

fn request(model: &str, max_tokens: u32, call: &Call) -> CreateChatCompletionRequest {
    let system = ChatCompletionRequestSystemMessage::from(call.system.as_str());
    let user = ChatCompletionRequestUserMessage::from(call.user.as_str());
    CreateChatCompletionRequest {
        model: model.to_owned(),
        messages: vec![ChatCompletionRequestMessage::System(system), ChatCompletionRequestMessage::User(user)],
        max_completion_tokens: Some(max_tokens),
        stream: Some(true),
        stream_options: Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None }),
        response_format: schema(call.shape).map(|(name, schema)| ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                name: name.to_owned(),
                description: None,
                schema,
                strict: Some(true),
            },
        }),
        ..Default::default()
    }
}

fn schema(shape: Shape) -> Option<(&'static str, serde_json::Value)> {
    match shape {
        Shape::Markdown => None,
        Shape::Reply => Some(("reply", Reply::schema())),
        // A schema that is no JSON would be a mistake of this crate's; without one the prompt still says what to write.
        Shape::Json(schema) => Some((schema.name, serde_json::from_str(schema.text).ok()?)),
    }
}

/// Turns a response away unless it can be a stream, with what its status and headers say. Bodies of errors are not read:
/// they may repeat what the student wrote.
fn accept(response: reqwest::Response) -> Result<reqwest::Response, Failure> {
    let status = response.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failure::Unauthorized),
        StatusCode::TOO_MANY_REQUESTS => Err(Failure::RateLimited { after: asked(&response) }),
        StatusCode::SERVICE_UNAVAILABLE if asked(&response).is_some() => {
            Err(Failure::RateLimited { after: asked(&response) })
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => Err(Failure::Unavailable(format!("status {status}"))),
        status if status.is_server_error() => Err(Failure::Unavailable(format!("status {status}"))),
        status if !status.is_success() => Err(Failure::Refused(status.as_u16())),
        _ => Ok(checked(response)),
    }
}

fn asked(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, SystemTime::now())
}

/// Breaks the stream off at an event that is no chunk, or too long. The library would log such an event as it came, and
/// it may repeat what the student wrote.
fn checked(response: reqwest::Response) -> reqwest::Response {
    let mut lines = Lines::default();
    let body = response.bytes_stream().map(move |bytes| {
        let bytes = bytes.map_err(io::Error::other)?;
        lines.check(&bytes).map(|()| bytes)
    });
    http::Response::new(reqwest::Body::wrap_stream(body)).into()
}

#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    total: usize,
}

/// What [`Lines`] says of an event that is no chunk; [`failure`] knows it by this.
const NO_CHUNK: &str = "an event is no chunk of a completion";

impl Lines {
    fn check(&mut self, bytes: &Bytes) -> io::Result<()> {
        self.total += bytes.len();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begun.len() + piece.len() > LONGEST_LINE || self.total > LONGEST_STREAM {
                return Err(io::Error::other(NO_CHUNK));
            }
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let good = is_chunk(&self.begun);
                self.begun.clear();
                if !good {
                    return Err(io::Error::other(NO_CHUNK));
                }
            }
        }
        Ok(())
    }
}

fn is_chunk(line: &[u8]) -> bool {
    let Some(data) = line.strip_prefix(b"data:") else { return true };
    let data = data.trim_ascii();
    data == b"[DONE]" || serde_json::from_slice::<Chunk>(data).is_ok()
}

fn refuse(failure: Failure) -> OpenAIError {
    OpenAIError::Boxed(Box::new(failure))
}

fn transport(error: &reqwest::Error) -> Failure {
    match error {
        error if error.is_connect() => Failure::Unavailable("cannot connect".to_owned()),
        error if error.is_timeout() => Failure::Timeout("no response"),
        _ => Failure::Unavailable("the connection broke".to_owned()),
    }
}

fn failure(error: &OpenAIError) -> Failure {
    match error {
        OpenAIError::Boxed(error) => match error.downcast_ref::<Failure>() {
            Some(failure) => failure.clone(),
            None => Failure::Unavailable("the request could not be sent".to_owned()),
        },
        OpenAIError::Reqwest(error) => transport(error),
        OpenAIError::StreamError(error) if error.to_string().contains(NO_CHUNK) => Failure::Malformed(NO_CHUNK),
        OpenAIError::StreamError(_) => Failure::Unavailable("the stream broke off".to_owned()),
        OpenAIError::JSONDeserialize(..) => Failure::Malformed(NO_CHUNK),
        _ => Failure::Malformed("the request could not be made"),
    }
}

/// Where calls go; unlike the library's own configuration it reads nothing from the environment.
#[derive(Clone)]
struct Endpoint {
    base_url: String,
    key: SecretString,
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", self.key.expose_secret())) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        headers
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base_url
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model use, faults: what is no chunk ends a stream, wherever the network cuts it into pieces.
    #[test]
    fn events_that_are_no_chunks_end_the_stream() {
        let good = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n";
        let comment = ": waiting\r\n\r\nevent: x\r\ndata: {\"choices\":[]}\r\n\r\n";
        for (text, accepted) in [
            (good, true),
            (comment, true),
            ("data: {malformed\n\n", false),
            ("data: {\"choices\":\"none\"}\n\n", false),
            ("data:\n\n", false),
        ] {
            for size in [1, 7, text.len()] {
                let mut lines = Lines::default();
                let mut chunks = text.as_bytes().chunks(size);
                let result = chunks.try_for_each(|bytes| lines.check(&Bytes::copy_from_slice(bytes)));
                assert_eq!(result.is_ok(), accepted, "{text:?} in pieces of {size}");
            }
        }
        let mut endless = Lines::default();
        let results = (0..10).map(|_| endless.check(&Bytes::from(vec![b'x'; LONGEST_LINE / 4])));
        assert!(results.filter(Result::is_err).count() > 0, "a line without end was taken in");
    }
}
