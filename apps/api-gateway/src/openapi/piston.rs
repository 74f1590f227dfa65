//! What Piston's API takes and answers.

use utoipa::openapi::{
    Content, Required, Response, Type,
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{ArrayBuilder, ObjectBuilder},
};

use super::responses::{json_response, string};

/// The body of an operation that has one.
pub fn request(operation_id: &str) -> Option<RequestBody> {
    let text = |description| string().description(Some(description));
    let number = |description| ObjectBuilder::new().schema_type(Type::Number).description(Some(description));
    let file = ObjectBuilder::new()
        .property("name", text("The first text file is main.py, whatever its name."))
        .property("content", text("Its content."))
        .required("content")
        .property("encoding", text("\"utf8\" | \"base64\" | \"hex\"; utf8 when absent. All are text files."));
    let request = ObjectBuilder::new()
        .property("language", text("\"python\", \"python3\", \"py\" or \"py3\"."))
        .required("language")
        .property("version", text("A version, or a range by npm's semver: \"3.11.2\", \"3.x\", \"*\"."))
        .required("version")
        .property("files", ArrayBuilder::new().items(file))
        .required("files")
        .property("stdin", text("What the program reads; at most 64 KiB."))
        .property("args", ArrayBuilder::new().items(string()).description(Some("sys.argv[1:]; at most 32.")))
        .property("run_timeout", number("Milliseconds; at most 5000, and that when absent."))
        .property("run_memory_limit", number("Bytes; at most 52428800, and that when absent."))
        .description(Some("Other fields are ignored."));
    (operation_id == "piston_execute").then(|| {
        let body = RequestBodyBuilder::new().content("application/json", Content::new(Some(request)));
        body.required(Some(Required::True)).build()
    })
}

/// The responses of an operation.
pub fn responses(operation_id: &str) -> Vec<(&'static str, Response)> {
    let failure = |description| {
        let message = ObjectBuilder::new().property("message", string()).required("message");
        json_response(description, message).build()
    };
    let mut responses = vec![
        if operation_id == "piston_execute" { ("200", ran()) } else { ("200", runtimes()) },
        ("401", failure("No valid access token.")),
        ("503", failure("A service is away or has too much to do; `Retry-After` says when to try again.")),
    ];
    if operation_id == "piston_execute" {
        responses.extend([
            ("400", failure("A field is missing or wrong, or the language or version is not here.")),
            ("413", failure("The body has more than 256 KiB, or the program or its input more than 64 KiB.")),
            ("415", failure("The body is not `application/json`.")),
        ]);
    }
    responses
}

fn ran() -> Response {
    let text = |description| string().description(Some(description));
    let nullable = |kind: Type, description| {
        ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::SchemaType::Array(vec![kind, Type::Null]))
            .description(Some(description))
    };
    let number = |description| ObjectBuilder::new().schema_type(Type::Integer).description(Some(description));
    let fields = [
        ("stdout", text("At most 64 KiB.")),
        ("stderr", text("At most 64 KiB.")),
        ("output", text("stdout, then stderr.")),
        ("code", nullable(Type::Integer, "The exit code, when the program exited.")),
        ("signal", nullable(Type::String, "The signal that ended it, as in \"SIGKILL\".")),
        ("message", nullable(Type::String, "What went wrong.")),
        ("status", nullable(Type::String, "\"RE\", \"SG\", \"TO\", \"OL\" or \"EL\"; null when all went well.")),
        ("cpu_time", number("Milliseconds.")),
        ("wall_time", number("Milliseconds.")),
        ("memory", number("Bytes.")),
    ];
    let run =
        fields.into_iter().fold(ObjectBuilder::new(), |run, (name, schema)| run.property(name, schema).required(name));
    let ran = ObjectBuilder::new()
        .property("language", text("Always \"python\"."))
        .required("language")
        .property("version", string())
        .required("version")
        .property("run", run)
        .required("run");
    json_response("It ran; its own mistakes are in `run`.", ran).build()
}

fn runtimes() -> Response {
    let runtime = ObjectBuilder::new()
        .property("language", string())
        .required("language")
        .property("version", string())
        .required("version")
        .property("aliases", ArrayBuilder::new().items(string()))
        .required("aliases");
    json_response("The languages.", ArrayBuilder::new().items(runtime)).build()
}
