//! The execution API of Piston, for clients that know it: <https://github.com/engineer-man/piston>.
//!
//! `POST /api/v2/execute` and `GET /api/v2/runtimes`, with Python as the only language. What Piston ignores is ignored,
//! errors are `{message}`. Different are the sign-in, the limits, and `output`, which has standard error behind standard
//! output, not among it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use learnflow_proto::v1::{ExecuteRequest, ExecuteResponse, GetRuntimeRequest, SourceFile};
use serde_json::{Map, Value, json};

use super::{Client, RUN, version, within};
use crate::{body::BODY_LIMIT, problem::Problem};

/// Names by which Python is known.
const NAMES: [&str; 4] = ["python", "python3", "py", "py3"];
/// Milliseconds, and bytes, that a client may ask for.
const MAX_TIME: f64 = 5_000.0;
const MAX_MEMORY: f64 = 50.0 * MIB;
const MIB: f64 = 1_048_576.0;
/// How long the interpreter's version is remembered.
const FRESH: Duration = Duration::from_mins(1);

/// The version of Python that runs the programs, and when that was asked.
static VERSION: Mutex<Option<(String, Instant)>> = Mutex::new(None);

async fn python_version(execution: &mut Client) -> Result<String, Problem> {
    let known = VERSION.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((version, asked)) = known
        && asked.elapsed() < FRESH
    {
        return Ok(version);
    }
    let version = execution.get_runtime(GetRuntimeRequest {}).await?.into_inner().version;
    *VERSION.lock().unwrap_or_else(PoisonError::into_inner) = Some((version.clone(), Instant::now()));
    Ok(version)
}

/// `GET /api/v2/runtimes`: the only one.
pub async fn runtimes(mut execution: Client) -> Response {
    match python_version(&mut execution).await {
        Ok(version) => {
            Json(json!([{ "language": NAMES[0], "version": version, "aliases": &NAMES[1..] }])).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// `POST /api/v2/execute`: runs a program and answers with its result.
pub async fn execute(execution: Client, headers: HeaderMap, body: Body) -> Response {
    run(execution, headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn run(mut execution: Client, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "requests must be of type application/json"));
    }
    let too_large =
        |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have at most {BODY_LIMIT} bytes"));
    let body = to_bytes(body, BODY_LIMIT).await.map_err(too_large)?;
    let body =
        serde_json::from_slice(&body).map_err(|error| refused(format!("the body is no JSON object: {error}")))?;
    let python = python_version(&mut execution).await?;
    let request = read(&body, &python).map_err(refused)?;
    let response = execution.execute(within(RUN, request)).await?.into_inner();
    Ok(Json(json!({ "language": NAMES[0], "version": python, "run": shown(response) })).into_response())
}

fn refused(message: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, message)
}

/// The program of a request. The first text file is the program, whatever its name.
fn read(body: &Map<String, Value>, python: &str) -> Result<ExecuteRequest, String> {
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("{name} is required as a string"))
    };
    let (language, range) = (text("language")?, text("version")?);
    let files = body.get("files").and_then(Value::as_array).ok_or("files is required as an array")?;
    if !NAMES.contains(&language.to_ascii_lowercase().as_str()) || !version::matches(range, python) {
        return Err(format!("{language}-{range} runtime is unknown"));
    }
    let mut files =
        files.iter().enumerate().map(|(index, file)| read_file(index, file)).collect::<Result<Vec<_>, _>>()?;
    let main =
        files.iter().position(|(_, is_text)| *is_text).ok_or("files must include at least one utf8 encoded file")?;
    let (program, _) = files.remove(main);

    let stdin = match body.get("stdin") {
        None | Some(Value::Null) => None,
        Some(Value::String(stdin)) => Some(stdin.clone()),
        Some(_) => return Err("stdin must be a string".to_owned()),
    };
    let args = match body.get("args") {
        None | Some(Value::Null) => Vec::new(),
        Some(args) => {
            let args = args.as_array().into_iter().flatten().map(|arg| arg.as_str().map(ToOwned::to_owned));
            let args: Option<Vec<_>> = args.collect();
            args.filter(|_| body["args"].is_array()).ok_or("args must be an array of strings")?
        }
    };
    Ok(ExecuteRequest {
        code: program.content,
        stdin,
        files: files.into_iter().map(|(file, _)| file).collect(),
        args,
        // Less than these two an interpreter cannot live with.
        time_limit_ms: limit(body, "run_timeout", MAX_TIME)?.map(|limit| whole(limit).max(100)),
        memory_limit_mb: limit(body, "run_memory_limit", MAX_MEMORY)?.map(|limit| whole(limit / MIB).max(16)),
    })
}

/// A file, and whether it came as text.
fn read_file(index: usize, file: &Value) -> Result<(SourceFile, bool), String> {
    let content = file["content"].as_str().ok_or_else(|| format!("files[{index}].content is required as a string"))?;
    let name = file["name"].as_str().filter(|name| !name.is_empty());
    let name = name.map_or_else(|| format!("file{index}.code"), ToOwned::to_owned);
    let encoding = match &file["encoding"] {
        Value::Null => "utf8",
        encoding => encoding.as_str().unwrap_or_default(),
    };
    let bytes = match encoding {
        "utf8" => return Ok((SourceFile { name, content: content.to_owned() }, true)),
        "base64" => BASE64_STANDARD.decode(content).ok(),
        "hex" => unhex(content),
        _ => return Err(format!("files[{index}].encoding must be utf8, base64 or hex")),
    };
    let bytes = bytes.ok_or_else(|| format!("files[{index}].content is not in {encoding}"))?;
    let content =
        String::from_utf8(bytes).map_err(|_| format!("files[{index}] is no text: only text files can be sent"))?;
    Ok((SourceFile { name, content }, false))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks();
    let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

/// A limit that a client may lower; none of its own when it is absent, 0 or -1.
fn limit(body: &Map<String, Value>, name: &str, most: f64) -> Result<Option<f64>, String> {
    let limit = match body.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(limit) => limit.as_f64().ok_or_else(|| format!("if specified, {name} must be a number"))?,
    };
    if limit > most {
        return Err(format!("{name} cannot exceed the configured limit of {most}"));
    }
    Ok((limit > 0.0).then_some(limit))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the largest limit")]
fn whole(number: f64) -> u32 {
    number as u32
}

/// A result in Piston's words.
fn shown(response: ExecuteResponse) -> Value {
    let ExecuteResponse { status, exit_code, signal, stdout, stderr, stdout_truncated, .. } = response;
    let (short, message) = match (status.as_str(), exit_code) {
        ("completed", _) => (None, None),
        ("timeout", _) => (Some("TO"), Some("Time limit exceeded".to_owned())),
        ("output_exceeded", _) if stdout_truncated => (Some("OL"), Some("stdout length exceeded".to_owned())),
        ("output_exceeded", _) => (Some("EL"), Some("stderr length exceeded".to_owned())),
        ("memory_exceeded", _) => {
            (Some(if signal.is_some() { "SG" } else { "RE" }), Some("Memory limit exceeded".to_owned()))
        }
        (_, Some(code)) => (Some("RE"), Some(format!("Exited with error status {code}"))),
        _ => (Some("SG"), Some(format!("Caught fatal signal {}", signal.unwrap_or(KILL)))),
    };
    // A limit ends a run by a kill.
    let signal = signal.or(exit_code.is_none().then_some(KILL));
    json!({
        "output": format!("{stdout}{stderr}"),
        "stdout": stdout,
        "stderr": stderr,
        "code": exit_code,
        "signal": signal.map(signal_name),
        "message": message,
        "status": short,
        "cpu_time": response.cpu_ms,
        "wall_time": response.duration_ms,
        "memory": u64::from(response.peak_memory_kb) * 1_024,
    })
}

const KILL: i32 = 9;

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("SIG{other}"),
    };
    name.to_owned()
}

/// Around all of `/api/v2`: problems become `{message}`, with their status.
pub async fn errors(request: Request, next: Next) -> Response {
    let is_piston = request.uri().path().starts_with("/api/v2/");
    let response = next.run(request).await;
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    if !(is_piston && is_problem) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let problem: Value = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    let message = problem["detail"].as_str().unwrap_or("something went wrong");
    (parts, Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(body: &Value) -> Result<ExecuteRequest, String> {
        read(body.as_object().unwrap(), "3.11.2")
    }

    /// FR-029: what Piston's clients send becomes a program.
    #[test]
    fn requests_are_read() {
        let request = read_json(&json!({
            "language": "Python3",
            "version": "3.x",
            "files": [
                { "name": "data/a.txt", "content": "w6Q=", "encoding": "base64" },
                { "content": "print(1)" },
                { "content": "c3a4", "encoding": "hex" },
            ],
            "stdin": "x",
            "args": ["a", "b"],
            "run_timeout": 1500.7,
            "run_memory_limit": 33_554_432,
            "compile_timeout": 10_000,
            "compile_memory_limit": -1,
            "run_cpu_time": 99_999,
            "unknown": true,
        }));
        let file = |name: &str| SourceFile { name: name.to_owned(), content: "ä".to_owned() };
        let wanted = ExecuteRequest {
            code: "print(1)".to_owned(),
            stdin: Some("x".to_owned()),
            files: vec![file("data/a.txt"), file("file2.code")],
            args: vec!["a".to_owned(), "b".to_owned()],
            time_limit_ms: Some(1_500),
            memory_limit_mb: Some(32),
        };
        assert_eq!(request, Ok(wanted));
        let small = json!({
            "language": "py", "version": "*", "files": [{ "content": "" }], "run_timeout": 1, "run_memory_limit": -1,
        });
        let small = read_json(&small).unwrap();
        assert_eq!((small.time_limit_ms, small.memory_limit_mb), (Some(100), None));
    }

    /// FR-029: what cannot be run is refused in Piston's words.
    #[test]
    fn requests_are_refused() {
        let base = json!({ "language": "python", "version": "3.11", "files": [{ "content": "" }] });
        let cases = [
            ("language", Value::Null, "language is required as a string"),
            ("version", json!(3), "version is required as a string"),
            ("files", json!({}), "files is required as an array"),
            ("files", json!([]), "files must include at least one utf8 encoded file"),
            ("files", json!([{ "name": "a" }]), "files[0].content is required as a string"),
            (
                "files",
                json!([{ "content": "AA==", "encoding": "base64" }]),
                "files must include at least one utf8 encoded file",
            ),
            (
                "files",
                json!([{ "content": "/w==", "encoding": "base64" }]),
                "files[0] is no text: only text files can be sent",
            ),
            ("files", json!([{ "content": "é", "encoding": "hex" }]), "files[0].content is not in hex"),
            (
                "files",
                json!([{ "content": "", "encoding": "latin1" }]),
                "files[0].encoding must be utf8, base64 or hex",
            ),
            ("files", json!(["print(1)"]), "files[0].content is required as a string"),
            ("language", json!("ruby"), "ruby-3.11 runtime is unknown"),
            ("version", json!("2.7.18"), "python-2.7.18 runtime is unknown"),
            ("run_timeout", json!(5_001), "run_timeout cannot exceed the configured limit of 5000"),
            ("run_timeout", json!("1"), "if specified, run_timeout must be a number"),
            ("run_memory_limit", json!(100_000_000), "run_memory_limit cannot exceed the configured limit of 52428800"),
            ("args", json!(["a", 1]), "args must be an array of strings"),
            ("args", json!("a"), "args must be an array of strings"),
            ("stdin", json!(1), "stdin must be a string"),
        ];
        for (field, value, message) in cases {
            let mut body = base.clone();
            body[field] = value;
            assert_eq!(read_json(&body).unwrap_err(), message, "{body}");
        }
    }

    /// FR-030: how a run ended, in Piston's words.
    #[test]
    fn results_are_translated() {
        let run = |status: &str, exit_code, signal| {
            shown(ExecuteResponse { status: status.to_owned(), exit_code, signal, ..Default::default() })
        };
        let cases = [
            (run("completed", Some(0), None), json!([0, null, null])),
            (run("runtime_error", Some(1), None), json!([1, null, "RE"])),
            (run("signaled", None, Some(15)), json!([null, "SIGTERM", "SG"])),
            (run("violation", None, Some(31)), json!([null, "SIGSYS", "SG"])),
            (run("timeout", None, None), json!([null, "SIGKILL", "TO"])),
            (run("memory_exceeded", Some(1), None), json!([1, null, "RE"])),
            (run("memory_exceeded", None, Some(9)), json!([null, "SIGKILL", "SG"])),
            (run("output_exceeded", None, None), json!([null, "SIGKILL", "EL"])),
        ];
        for (run, wanted) in cases {
            assert_eq!(json!([run["code"], run["signal"], run["status"]]), wanted, "{run}");
            assert_eq!(run["message"].is_null(), run["status"].is_null(), "{run}");
        }
        let run = shown(ExecuteResponse {
            stdout: "a".to_owned(),
            stderr: "b".to_owned(),
            peak_memory_kb: 2,
            ..Default::default()
        });
        assert_eq!((&run["output"], &run["memory"]), (&json!("ab"), &json!(2_048)));
    }
}
