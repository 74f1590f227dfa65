//! Puts the document together from the table of operations and the messages of their RPCs.

use anyhow::Context as _;
use prost_reflect::{MessageDescriptor, MethodDescriptor};
use utoipa::openapi::{
    Components, Content, Info, License, OpenApi, OpenApiBuilder, Paths, RefOr, Required, Schema, Type,
    path::{Operation as PathOperation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{ComponentsBuilder, ObjectBuilder},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use super::{
    operations::{Answer, GROUPS, Group, Operation, RequestHeader, Source},
    piston,
    responses::{self, header, json_response, response, string},
    schemas::{Direction, Schemas, describe, describe_rpc, is_required},
};

const TOKEN: &str = "access_token";

const DESCRIPTION: &str = "A backend that teaches Python with AI tutors.\n\n\
    Bodies are the protobuf JSON mapping with snake_case names. Lists take `page_size` and `page_token` and answer \
    `next_page_token`. Errors are `application/problem+json`. Every operation that names an RPC can be called by \
    gRPC-Web too, at the path given.";

const EVENTS: &str = "Server-sent events. `part`: `{sequence, text}`, a piece of the answer's Markdown. `answer`: an \
    Answer, the last event, with the whole Markdown. Mostly that is the pieces joined; when the model breaks off and \
    somebody else answers (see `source`), it is another text, which replaces the pieces. `problem`: a Problem, the last \
    event when there is no answer. The id of an event, given back as `Last-Event-ID`, resumes the stream behind it.";

const RUN_EVENTS: &str = "With `Accept: text/event-stream`: server-sent events. `stdout` and `stderr`: `{text}`, a piece \
    of output as it comes. `result`: an ExecuteResponse, the last event; its stdout and stderr are empty, for they have \
    been sent. `problem`: a Problem, the last event when there is no result. Leaving ends the program.";

/// The document.
///
/// # Errors
/// When the table names what the protobuf descriptors do not have.
pub fn document() -> anyhow::Result<OpenApi> {
    let mut schemas = Schemas::new()?;
    let mut paths = Paths::new();
    let mut tags = Vec::new();
    for group in GROUPS {
        tags.push(TagBuilder::new().name(group.tag).description(Some(group.description)).build());
        for operation in group.operations {
            let path = operation.full_path();
            let described = describe_operation(group, operation, &mut schemas).with_context(|| path.clone())?;
            paths.add_path_operation(path, vec![operation.method.clone()], described);
        }
    }
    let problem = schemas.message("Problem")?;
    schemas.reference(&problem, Direction::Response)?;

    let mut info = Info::new("LearnFlow", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    info.license = Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    Ok(OpenApiBuilder::new().info(info).paths(paths).components(Some(components(schemas))).tags(Some(tags)).build())
}

fn components(schemas: Schemas) -> Components {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token of `/api/v1/auth/login`."))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(TOKEN, SecurityScheme::Http(token))
        .header(responses::REQUEST_ID, responses::request_id())
        .schema(responses::PROBLEM_DETAILS, responses::problem_details());
    let components = schemas.finish().fold(components, |all, (name, schema)| all.schema(name, schema));
    responses::problems().fold(components, |all, (name, response)| all.response(name, response)).build()
}

fn describe_operation(group: &Group, operation: &Operation, schemas: &mut Schemas) -> anyhow::Result<PathOperation> {
    let token = operation.needs_token.then(|| SecurityRequirement::new(TOKEN, Vec::<String>::new()));
    let builder = OperationBuilder::new().tag(group.tag).summary(Some(operation.summary)).securities(Some(token));
    let builder = match &operation.source {
        Source::Rpc { name, headers, answer } => {
            let rpc = schemas.rpc(name)?;
            let builder = builder.operation_id(Some(name.replace('/', "_"))).description(Some(rpc_description(&rpc)));
            let builder = request(builder, operation, &rpc.input(), headers, schemas)?;
            answers(builder, operation, *answer, &rpc.output(), schemas)?.response("default", responses::otherwise())
        }
        Source::Gateway(id) => responses::own(id)?
            .into_iter()
            .fold(builder.operation_id(Some(*id)), |builder, (status, response)| builder.response(status, response))
            .request_body(piston::request(id)),
    };
    refusals(operation)
        .into_iter()
        .try_fold(builder, |builder, status| {
            Ok::<_, anyhow::Error>(builder.response(status.to_string(), responses::problem(status)?))
        })
        .map(OperationBuilder::build)
}

fn rpc_description(rpc: &MethodDescriptor) -> String {
    let grpc = format!("gRPC-Web: `/{}/{}`", rpc.parent_service().full_name(), rpc.name());
    describe_rpc(rpc).map_or_else(|| grpc.clone(), |comment| format!("{comment}\n\n{grpc}"))
}

/// Parameters and body: each field of the request is in the path, a header, the query of a GET or the body.
fn request(
    mut builder: OperationBuilder,
    operation: &Operation,
    message: &MessageDescriptor,
    headers: &[RequestHeader],
    schemas: &mut Schemas,
) -> anyhow::Result<OperationBuilder> {
    let mut elsewhere = Vec::new();
    for name in operation.path_parameters() {
        builder = builder.parameter(parameter(message, name, ParameterIn::Path, schemas)?);
        elsewhere.push(name);
    }
    for header in headers {
        let field = message.get_field_by_name(header.field);
        field.with_context(|| format!("{} has no field {}", message.name(), header.field))?;
        let described = ParameterBuilder::new()
            .name(header.name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(header.description))
            .schema(Some(string()));
        builder = builder.parameter(described);
        elsewhere.push(header.field);
    }
    let rest: Vec<_> = message.fields().filter(|field| !elsewhere.contains(&field.name())).collect();
    if !operation.has_body() {
        for field in rest {
            builder = builder.parameter(parameter(message, field.name(), ParameterIn::Query, schemas)?);
        }
    } else if !rest.is_empty() {
        let required = rest.iter().any(|field| is_required(field, Direction::Request));
        let schema = schemas.reference_without(message, Direction::Request, &elsewhere)?;
        let body = RequestBodyBuilder::new()
            .content("application/json", Content::new(Some(schema)))
            .required(Some(if required { Required::True } else { Required::False }));
        builder = builder.request_body(Some(body.build()));
    }
    Ok(builder)
}

fn parameter(
    message: &MessageDescriptor,
    name: &str,
    place: ParameterIn,
    schemas: &mut Schemas,
) -> anyhow::Result<Parameter> {
    let field = message.get_field_by_name(name);
    let field = field.with_context(|| format!("{} has no field {name}", message.name()))?;
    let is_scalar = !field.is_list() && field.kind().as_message().is_none();
    anyhow::ensure!(is_scalar, "{} cannot travel in a URL: it is no scalar", field.full_name());
    let required = place == ParameterIn::Path || is_required(&field, Direction::Request);
    Ok(ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(describe(&field))
        .schema(Some(schemas.field(&field, Direction::Request, None)?))
        .build())
}

fn answers(
    builder: OperationBuilder,
    operation: &Operation,
    answer: Answer,
    message: &MessageDescriptor,
    schemas: &mut Schemas,
) -> anyhow::Result<OperationBuilder> {
    let status = operation.status.to_string();
    let part = |name: &str, schemas: &mut Schemas| -> anyhow::Result<RefOr<Schema>> {
        let field = message.get_field_by_name(name);
        let field = field.with_context(|| format!("{} has no field {name}", message.name()))?;
        schemas.field(&field, Direction::Response, None)
    };
    Ok(match answer {
        Answer::Whole => {
            let whole = schemas.reference(message, Direction::Response)?;
            builder.response(status, json_response("Done.", whole))
        }
        Answer::Field(name) => {
            let part = part(name, schemas)?;
            builder.response(status, json_response("Done.", part))
        }
        Answer::FieldOrLater(name) => {
            let (part, whole) = (part(name, schemas)?, schemas.reference(message, Direction::Response)?);
            let location = header(string(), "Where to read the answer later.");
            builder
                .response(status, json_response("The answer came in time.", part))
                .response("202", json_response("The answer takes longer.", whole).header("location", location))
        }
        Answer::WholeOrEvents => {
            let whole = schemas.reference(message, Direction::Response)?;
            let done = json_response("Done.", whole).content("text/event-stream", events(RUN_EVENTS));
            builder.response(status, done)
        }
        Answer::Events => {
            builder.response(status, response("The stream.").content("text/event-stream", events(EVENTS)))
        }
    })
}

fn events(description: &str) -> Content {
    Content::new(Some(ObjectBuilder::new().schema_type(Type::String).description(Some(description))))
}

/// Statuses of the problems an operation may answer with, in their order.
fn refusals(operation: &Operation) -> Vec<u16> {
    let mut statuses = operation.refusals.to_vec();
    if let Source::Gateway(_) = operation.source {
        return statuses;
    }
    if operation.needs_token {
        statuses.extend([401, 429]);
    }
    if operation.path_parameters().next().is_some() {
        statuses.push(404);
    }
    statuses.extend([400, 501, 503]);
    if operation.has_body() {
        statuses.extend([413, 415]);
    }
    statuses.sort_unstable();
    statuses
}
