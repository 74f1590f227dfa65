//! Real errors: programs are run by the Python that students' programs run on.
#![allow(dead_code, reason = "not every test needs everything")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use learnflow_curriculum::Curriculum;
use learnflow_tutor::Tutor;
use serde_json::{Value, json};

pub const PYTHON: &str = "/usr/bin/python3";

pub fn tutor() -> Tutor {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../curriculum");
    Tutor::new(Arc::new(Curriculum::load(folder).unwrap()))
}

/// What a text of Python, given a document, prints as another one.
pub fn python(script: &str, input: &Value) -> Value {
    let mut child = Command::new(PYTHON)
        .args(["-X", "utf8", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_string();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How a program ended.
pub struct Ended {
    pub error_type: String,
    pub message: String,
    pub line: u32,
    pub report: String,
}

/// Runs programs; nothing for one that ended well.
pub fn run(programs: &[(&str, &str)]) -> Vec<Option<Ended>> {
    let programs: Vec<_> = programs.iter().map(|(code, stdin)| json!({ "code": code, "stdin": stdin })).collect();
    let results = python(include_str!("driver.py"), &json!(programs));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    results
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            result.is_object().then(|| Ended {
                error_type: text(&result["type"]),
                message: text(&result["message"]),
                line: u32::try_from(result["line"].as_u64().unwrap_or(0)).unwrap(),
                report: text(&result["report"]),
            })
        })
        .collect()
}
