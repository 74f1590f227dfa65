//! Responses that are no message: problems, and what the gateway answers by itself.

use utoipa::openapi::{
    Content, Header, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
    schema::{AllOfBuilder, ArrayBuilder, ObjectBuilder},
};

use super::piston;

/// The media type of problems.
const PROBLEM: &str = "application/problem+json";
/// The schema of problems.
pub const PROBLEM_DETAILS: &str = "ProblemDetails";
/// The name of the `x-request-id` header among the components.
pub const REQUEST_ID: &str = "RequestId";

/// Problems by status: a name among the components and what it means. What is not here falls under `default`.
const PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "The request is malformed, or a field is unknown or has a value it must not have."),
    (401, "Unauthorized", "No valid access token, or credentials that do not fit."),
    (403, "Forbidden", "The caller's role does not allow this."),
    (404, "NotFound", "What the request names does not exist, or is not for the caller."),
    (409, "Conflict", "The request does not fit what is there already."),
    (413, "PayloadTooLarge", "The body has more than 256 KiB, or a field of it more than it may."),
    (415, "UnsupportedMediaType", "The body is not `application/json`."),
    (422, "UnprocessableContent", "The idempotency key came with another question before."),
    (429, "TooManyRequests", "Too many requests in a minute; `Retry-After` says when to try again."),
    (501, "NotImplemented", "The service behind this does not offer it."),
    (503, "ServiceUnavailable", "A service is away or has too much to do; `Retry-After` says when to try again."),
];

/// The response any operation may give instead of its own.
const OTHERWISE: (&str, &str) = ("Problem", "Any other error.");

/// A reference to the response of a status, if it is one of the problems.
pub fn problem(status: u16) -> anyhow::Result<Ref> {
    let found = PROBLEMS.iter().find(|(candidate, ..)| *candidate == status);
    let (_, name, _) = found.ok_or_else(|| anyhow::anyhow!("status {status} has no problem response"))?;
    Ok(Ref::from_response_name(*name))
}

/// A reference to the response of all other errors.
pub fn otherwise() -> Ref {
    Ref::from_response_name(OTHERWISE.0)
}

/// The responses that `problem` and `otherwise` refer to.
pub fn problems() -> impl Iterator<Item = (&'static str, Response)> {
    let known = PROBLEMS.iter().map(|&(status, name, description)| {
        let response = problem_response(description);
        let response = match status {
            401 => response.header("www-authenticate", header(string(), "Always `Bearer`.")),
            429 | 503 => response.header("retry-after", header(seconds(), "Seconds until another try makes sense.")),
            _ => response,
        };
        (name, response.build())
    });
    known.chain([(OTHERWISE.0, problem_response(OTHERWISE.1).build())])
}

fn problem_response(description: &str) -> ResponseBuilder {
    let schema = Ref::from_schema_name(PROBLEM_DETAILS);
    response(description).content(PROBLEM, Content::new(Some(schema)))
}

/// A response with the header that all have.
pub fn response(description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .header_ref("x-request-id", Ref::new(format!("#/components/headers/{REQUEST_ID}")))
}

/// A response with a JSON body.
pub fn json_response(description: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    response(description).content("application/json", Content::new(Some(schema)))
}

/// The header of every response.
pub fn request_id() -> Header {
    header(string(), "Names the request; that of the request is taken when it had one.")
}

/// A header with a description.
pub fn header(schema: ObjectBuilder, description: &str) -> Header {
    Header::builder().schema(Some(schema)).description(Some(description)).build()
}

/// RFC 9457, as the gateway writes it: the `Problem` of the messages, and where it happened.
pub fn problem_details() -> Schema {
    let field_error = ObjectBuilder::new()
        .property("field", string().description(Some("Path of the field.")))
        .required("field")
        .property("message", string().description(Some("What is wrong with it.")))
        .required("message");
    let errors = ArrayBuilder::new().items(field_error).description(Some("What is wrong with single fields."));
    let rest = ObjectBuilder::new()
        .property("instance", string().description(Some("A URI that names this occurrence.")))
        .required("instance")
        .property("request_id", string().description(Some("As the `x-request-id` header.")))
        .required("request_id")
        .property("errors", errors);
    AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(rest)
        .description(Some("An error by RFC 9457."))
        .build()
        .into()
}

/// What the gateway answers by itself to the operation with this id.
pub fn own(operation_id: &str) -> anyhow::Result<Vec<(&'static str, Response)>> {
    Ok(match operation_id {
        "health" => {
            let health = ObjectBuilder::new()
                .property("status", string().description(Some("Always \"ok\".")))
                .required("status")
                .property("service", string())
                .required("service");
            vec![("200", json_response("It runs.", health).build())]
        }
        "ready" => vec![
            ("200", json_response("It can serve.", readiness()).build()),
            ("503", json_response("It cannot serve now.", readiness()).build()),
        ],
        "jwks" => {
            let key = ["kty", "kid", "use", "alg", "n", "e"]
                .into_iter()
                .fold(ObjectBuilder::new(), |key, name| key.property(name, string()).required(name));
            let key = key.description(Some("A public RSA key by RFC 7517."));
            let keys = ObjectBuilder::new().property("keys", ArrayBuilder::new().items(key)).required("keys");
            vec![("200", json_response("The current key first, then others that are accepted.", keys).build())]
        }
        "piston_execute" | "piston_runtimes" => piston::responses(operation_id),
        _ => anyhow::bail!("nothing says what {operation_id} answers"),
    })
}

fn readiness() -> ObjectBuilder {
    let checks = ObjectBuilder::new()
        .additional_properties(Some(string()))
        .description(Some("What each check said, by its name: \"ok\", or what is wrong."));
    ObjectBuilder::new()
        .property("status", string().description(Some("\"ready\" | \"not ready\" | \"shutting down\".")))
        .required("status")
        .property("checks", checks)
        .required("checks")
}

/// A string.
pub fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn seconds() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32))
}
