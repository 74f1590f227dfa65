use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use learnflow_proto::{
    now,
    v1::{MasteryComponents, TopicProgress},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{
    document::document,
    operations::{Answer, GROUPS, Operation, Source},
    router,
    schemas::Schemas,
};

/// A method on a path as `rest.rs` routes it, and the text of its handler.
struct Route {
    name: String,
    needs_token: bool,
    handler: String,
}

/// FR-003: the document has the routes of `rest.rs` and no others, and says of each what its handler does.
#[test]
fn covers_every_route() {
    let routes = routes(include_str!("../rest.rs"));
    let documented = document_json();
    let documented: BTreeSet<_> = operations(&documented)
        .map(|(name, operation)| (name, operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty())))
        .collect();
    let built: BTreeSet<_> = routes.iter().map(|route| (route.name.clone(), route.needs_token)).collect();
    assert_eq!(built, documented, "left: routes of rest.rs and whether they need a token; right: the document's");

    let handlers: BTreeMap<_, _> = routes.iter().map(|route| (route.name.as_str(), route.handler.as_str())).collect();
    for operation in table() {
        let name = format!("{} {}", method(operation), operation.full_path());
        let handler = handlers[name.as_str()];
        let Source::Rpc { name: rpc, answer, .. } = operation.source else { continue };
        if rpc == "UserService/ExportUser" {
            let streamed = include_str!("../export.rs").contains(".stream_user_export(");
            assert!(handler.contains("export::stream") && streamed, "{name} does not send on what it reads");
            continue;
        }
        let call = format!(".{}(", snake_case(rpc.split('/').next_back().unwrap()));
        assert!(handler.contains(&call), "{name} is documented as {rpc}, but rest.rs does not call {call}..)");
        match answer {
            Answer::WholeOrEvents => assert!(handler.contains("wants_events"), "{name} does not answer with events"),
            Answer::Whole => assert!(!handler.contains("|response| response."), "{name} answers with a part"),
            Answer::Field(part) | Answer::FieldOrLater(part) => {
                assert!(handler.contains(&format!("response.{part}")), "{name} does not answer with {part}");
            }
            Answer::Events => assert!(handler.contains("Sse::new"), "{name} does not answer with events"),
        }
        let status = match answer {
            Answer::FieldOrLater(_) => 200,
            _ if handler.contains("created") => 201,
            _ if handler.contains("ACCEPTED") => 202,
            _ if handler.contains("NO_CONTENT") => 204,
            _ => 200,
        };
        assert_eq!(operation.status, status, "{name}: status in the table, and in rest.rs");
    }
}

/// FR-003: what is offered over REST, by which RPC, with which success.
#[test]
fn lists_paths_and_rpcs() {
    let document = document_json();
    let lines: Vec<_> = operations(&document)
        .map(|(name, operation)| {
            let id = operation["operationId"].as_str().unwrap().replace('_', "/");
            let successes = operation["responses"].as_object().unwrap().keys().filter(|status| status.starts_with('2'));
            format!("{name} = {id} {}", successes.map(String::as_str).collect::<Vec<_>>().join(" or "))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// FR-003: RPCs and fields the table names exist, every field of a request can be sent, every reference leads
/// somewhere, no operation id is used twice.
#[test]
fn names_only_what_exists() {
    let schemas = Schemas::new().unwrap();
    for operation in table() {
        let Source::Rpc { name, headers, answer } = &operation.source else { continue };
        let rpc = schemas.rpc(name).unwrap();
        let sent = operation.path_parameters().chain(headers.iter().map(|header| header.field));
        for field in sent {
            assert!(rpc.input().get_field_by_name(field).is_some(), "{name}: no field {field} in its request");
        }
        if let Answer::Field(field) | Answer::FieldOrLater(field) = answer {
            assert!(rpc.output().get_field_by_name(field).is_some(), "{name}: no field {field} in its response");
        }
        assert_eq!(rpc.is_server_streaming(), matches!(answer, Answer::Events), "{name}: streams");
    }

    let document = document_json();
    let ids: BTreeSet<_> = operations(&document).map(|(_, operation)| operation["operationId"].to_string()).collect();
    assert_eq!(ids.len(), table().count());
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > table().count());
    for reference in references {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference} leads nowhere");
    }
}

/// FR-003: the schemas say what the JSON mapping writes and reads.
#[test]
fn schemas_fit_the_json() {
    let document = document_json();
    let schema = |name: &str| &document["components"]["schemas"][name];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let required = |schema: &Value| {
        let names = schema["required"].as_array().into_iter().flatten();
        names.map(|name| name.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };

    let progress = TopicProgress {
        components: Some(MasteryComponents::default()),
        updated_at: Some(now()),
        ..TopicProgress::default()
    };
    let mut progress = serde_json::to_value(progress).unwrap();
    assert_eq!(keys(&progress), required(schema("TopicProgress")), "optional fields are absent, all others written");
    progress["next_review_at"] = progress["updated_at"].clone();
    progress["measures"] = json!({});
    progress["starting_level"] = json!("learning");
    assert_eq!(keys(&progress), keys(&schema("TopicProgress")["properties"]));
    assert_eq!(schema("TopicProgress")["properties"]["updated_at"]["format"], "date-time");
    assert_eq!(schema("TopicProgress")["properties"]["mastery"]["description"], "0 to 100.");
    assert_eq!(schema("Notification")["properties"]["detail"]["additionalProperties"], true);

    let execute = schema("ExecuteRequest");
    assert_eq!(required(execute), BTreeSet::from(["code".to_owned()]), "absent lists are empty ones");
    assert_eq!(execute["additionalProperties"], false);
    assert_eq!(execute["properties"]["files"]["items"]["$ref"], "#/components/schemas/SourceFile");
    assert_eq!(schema("SourceFile")["additionalProperties"], false, "what is inside requests is strict too");

    let submission = keys(&schema("SubmitExerciseRequest")["properties"]);
    assert_eq!(submission, BTreeSet::from(["code".to_owned()]), "the path carries the exercise");
    let question = keys(&schema("AskRequest")["properties"]);
    assert!(!question.contains("idempotency_key"), "a header carries it");
}

/// FR-003: the document and the page to browse it are served from the binary.
#[tokio::test]
async fn serves_document_and_page() {
    let (status, kind, body) = get("/api/v1/openapi.json").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
    let served: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(served, document_json());

    let (status, ..) = get("/docs").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, kind, page) = get("/docs/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(kind.starts_with("text/html"), "{kind}");
    let (status, _, start) = get("/docs/swagger-initializer.js").await;
    assert_eq!(status, StatusCode::OK);
    assert!(start.contains("/api/v1/openapi.json"), "the page does not load the document:\n{start}");
    for text in [&page, &start] {
        assert!(!text.contains("https://") && !text.contains("http://"), "loads from elsewhere:\n{text}");
    }
    let files = page.split(['"', '\'']).filter(|text| text.starts_with("./") || text.contains(".js"));
    let sources: BTreeSet<_> = files.map(|source| source.trim_start_matches("./")).collect();
    assert!(sources.len() > 3, "{sources:?}");
    for source in sources {
        let (status, _, body) = get(&format!("/docs/{source}")).await;
        assert!(status == StatusCode::OK && !body.is_empty(), "{source}: {status}");
    }
}

async fn get(path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router().unwrap().oneshot(request).await.unwrap();
    let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
}

fn document_json() -> Value {
    serde_json::to_value(document().unwrap()).unwrap()
}

/// Operations of the document as `METHOD /path`, and what is said of them.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

fn table() -> impl Iterator<Item = &'static Operation> {
    GROUPS.iter().flat_map(|group| group.operations)
}

fn method(operation: &Operation) -> String {
    serde_json::to_value(&operation.method).unwrap().as_str().unwrap().to_uppercase()
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
            object.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// Reads the routes out of the text of `rest.rs`: axum does not tell them.
fn routes(text: &str) -> Vec<Route> {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = format!("\n{}", lines.collect::<Vec<_>>().join("\n"));
    for unread in [".route_service(", ".nest_service(", ".fallback_service("] {
        assert!(!text.contains(unread), "teach this test to read {unread}..)");
    }
    for route in text.split(".route(").skip(1) {
        assert!(route.trim_start().starts_with('"'), "write the path into the route: {route:.60}");
    }
    for merged in text.split(".merge(").skip(1).chain(text.split(".nest(").skip(1)) {
        let known = [
            "\"/api/v1\", api)",
            "\"/api/v2\", piston_routes()",
            "signed_in_routes()",
            "practice_routes()",
            "progress_routes()",
            "class_routes()",
            "message_routes()",
            "user_routes()",
            "openapi::router()",
            "patch(",
            "delete(",
        ];
        assert!(known.iter().any(|known| merged.starts_with(known)), "are there routes in {merged:.60}?");
    }
    let functions: BTreeMap<_, _> = text
        .split("\n}")
        .filter_map(|item| item.split_once("fn "))
        .map(|(_, function)| (function.split(['(', '<']).next().unwrap(), function))
        .collect();

    let mut routes = Vec::new();
    for (&function, body) in &functions {
        for route in body.split(".route(").skip(1) {
            let (prefix, needs_token) = match function {
                "router" => ("", false),
                "open_routes" => ("/api/v1", false),
                "question_routes" | "practice_routes" | "progress_routes" | "class_routes" | "message_routes"
                | "user_routes" => ("/api/v1", true),
                "piston_routes" => ("/api/v2", true),
                _ => panic!("say here where {function} puts its routes and whether they need a token"),
            };
            let path = route.split('"').nth(1).unwrap();
            let handlers = handlers(&route[..closing(route)]);
            assert!(!handlers.is_empty(), "no method found for {path}");
            for (method, handler) in handlers {
                let named = functions.get(handler.trim_matches([')', ',', ' ', '\n']));
                routes.push(Route {
                    name: format!("{method} {prefix}{path}"),
                    needs_token,
                    handler: (*named.unwrap_or(&handler)).to_owned(),
                });
            }
        }
    }
    routes
}

/// Where the parenthesis closes that was open at the start.
fn closing(text: &str) -> usize {
    let mut open = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
    }
    panic!("a route does not end: {text}")
}

/// The handlers of a route by their methods.
fn handlers(route: &str) -> Vec<(String, &str)> {
    let mut starts = Vec::new();
    for method in ["get", "post", "put", "patch", "delete"] {
        for (at, found) in route.match_indices(&format!("{method}(")) {
            let is_word = !route[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            if is_word {
                starts.push((at, at + found.len(), method.to_uppercase()));
            }
        }
    }
    starts.sort();
    let ends = starts.iter().skip(1).map(|(at, ..)| *at).chain([route.len()]);
    starts.iter().zip(ends).map(|((_, from, method), to)| (method.clone(), &route[*from..to])).collect()
}
