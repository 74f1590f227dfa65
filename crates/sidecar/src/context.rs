use std::{fmt, future::Future, str::FromStr};

use http::HeaderMap;
use rand::RngExt as _;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

tokio::task_local! {
    static CURRENT: Context;
}

/// What belongs to a request on its whole way, over HTTP, gRPC and Kafka alike.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The trace the request belongs to.
    pub trace: TraceContext,
    /// The request id, in logs and events.
    pub correlation_id: String,
    /// Who asked, as the gateway verified it.
    pub caller: Option<Caller>,
}

/// A signed-in user on whose behalf a call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub id: String,
    /// The user's role.
    pub role: Role,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Learns; sees their own data.
    Student,
    /// Teaches; sees their students' data.
    Teacher,
    /// Manages users and settings.
    Admin,
}

impl Role {
    /// The word used in tokens, messages and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Teacher => "teacher",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "student" => Ok(Self::Student),
            "teacher" => Ok(Self::Teacher),
            "admin" => Ok(Self::Admin),
            other => Err(format!("unknown role {other:?}: it is one of student, teacher, admin")),
        }
    }
}

const TRACEPARENT: &str = "traceparent";
const CORRELATION: &str = "x-correlation-id";
const CALLER_ID: &str = "x-learnflow-user";
const CALLER_ROLE: &str = "x-learnflow-role";

impl Context {
    /// The context of the task that runs now; a fresh one outside any request.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a future in this context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Reads a context from incoming headers. The caller is believed: only for calls that carry the app token.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let trace = text(TRACEPARENT).and_then(|value| value.parse().ok()).unwrap_or_else(TraceContext::new);
        let caller = match (text(CALLER_ID), text(CALLER_ROLE).map(Role::from_str)) {
            (Some(id), Some(Ok(role))) => Some(Caller { id: id.to_owned(), role }),
            _ => None,
        };
        let correlation_id = text(CORRELATION).map_or_else(|| trace.trace_id(), ToOwned::to_owned);
        Self { trace, correlation_id, caller }
    }

    pub(crate) fn write_to(&self, metadata: &mut MetadataMap) {
        let mut set = |key: &'static str, value: &str| {
            if let Ok(value) = value.parse::<MetadataValue<Ascii>>() {
                metadata.insert(key, value);
            }
        };
        set(TRACEPARENT, &self.trace.child().to_string());
        set(CORRELATION, &self.correlation_id);
        if let Some(caller) = &self.caller {
            set(CALLER_ID, &caller.id);
            set(CALLER_ROLE, caller.role.as_str());
        }
    }

    /// The caller, or the status that says one is needed.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when the call was made on nobody's behalf.
    pub fn caller(&self) -> Result<&Caller, tonic::Status> {
        self.caller.as_ref().ok_or_else(|| tonic::Status::unauthenticated("sign in first: the call names no user"))
    }
}

/// W3C trace context, level 1: <https://www.w3.org/TR/trace-context/>.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// A new, sampled trace.
    pub fn new() -> Self {
        let mut random = rand::rng();
        Self { trace_id: random.random_range(1..=u128::MAX), span_id: random.random_range(1..=u64::MAX), flags: 1 }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: rand::rng().random_range(1..=u64::MAX), ..*self }
    }

    /// The trace id as 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TraceContext {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let lower_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let mut parts = text.split('-');
        let (Some(version), Some(trace), Some(span), Some(flags)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        let known = version == "00" && parts.next().is_none();
        let future_version = lower_hex(version, 2) && version != "00" && version != "ff";
        if !(known || future_version) || !lower_hex(trace, 32) || !lower_hex(span, 16) || !lower_hex(flags, 2) {
            return Err(());
        }
        let trace_id = u128::from_str_radix(trace, 16).map_err(drop)?;
        let span_id = u64::from_str_radix(span, 16).map_err(drop)?;
        let flags = u8::from_str_radix(flags, 16).map_err(drop)?;
        if trace_id == 0 || span_id == 0 {
            return Err(());
        }
        Ok(Self { trace_id, span_id, flags })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Observability: a trace context survives its header, and no text makes the parser panic.
        #[test]
        fn trace_context_round_trips(trace_id in 1..=u128::MAX, span_id in 1..=u64::MAX, flags: u8, junk in ".*") {
            let trace = TraceContext { trace_id, span_id, flags };
            prop_assert_eq!(trace.to_string().parse(), Ok(trace));
            prop_assert_eq!(trace.child().trace_id(), trace.trace_id());
            if let Ok(parsed) = junk.parse::<TraceContext>() {
                prop_assert_ne!(parsed.trace_id, 0);
            }
        }
    }

    /// Observability: what the W3C specification calls invalid starts a new trace.
    #[test]
    fn invalid_trace_contexts_are_refused() {
        for text in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(()), "{text}");
        }
    }
}
