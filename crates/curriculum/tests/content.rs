//! The real curriculum: complete, and every program in it does what the text says.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use learnflow_curriculum::{CodeBlock, Curriculum, Expectation, Level, code_blocks};

const PYTHON: &str = "/usr/bin/python3";
const THREADS: usize = 3;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../curriculum")
}

fn curriculum() -> Curriculum {
    Curriculum::load(folder()).unwrap_or_else(|error| panic!("{error}"))
}

/// FR-012: the eight modules with their topics, in order, each with an explanation for every level.
#[test]
fn the_eight_modules_are_complete() {
    let curriculum = curriculum();
    let ids: Vec<_> = curriculum.modules().iter().map(|module| module.id.as_str()).collect();
    let expected = [
        "basics",
        "control-flow",
        "data-structures",
        "functions",
        "object-oriented-programming",
        "files",
        "errors-and-exceptions",
        "standard-library",
    ];
    assert_eq!(ids, expected);
    for module in curriculum.modules() {
        assert!(module.topics.len() >= 7, "{} has only {} topics", module.id, module.topics.len());
    }
    let mut learned = Vec::new();
    for topic in curriculum.topics() {
        assert!(
            topic.keywords.len() >= 5,
            "{}: {} keywords are too few to be found by",
            topic.id,
            topic.keywords.len()
        );
        assert!(topic.misconceptions.len() >= 2, "{}: fewer than two misconceptions", topic.id);
        assert!(topic.explanation(Level::Mastered).contains("**Try next:**"), "{}: nothing to try next", topic.id);
        // Whoever learns in order has what each topic needs, but for a topic or two of the same module.
        for prerequisite in &topic.prerequisites {
            let module = &curriculum.topic(prerequisite).unwrap().module;
            assert!(
                learned.contains(prerequisite) || *module == topic.module,
                "{}: needs {prerequisite}, of a later module",
                topic.id
            );
        }
        learned.push(topic.id.clone());
    }
    for &kind in &["NameError", "TypeError", "ValueError", "IndexError", "KeyError", "SyntaxError", "IndentationError"]
    {
        assert!(curriculum.explain_error(kind, "some message nobody has seen").is_some(), "no entry for {kind}");
    }
}

/// FR-010: what the explanations show is true: each program prints, or fails with, exactly what stands below it.
#[test]
fn every_program_does_what_the_text_says() {
    let curriculum = curriculum();
    let mut programs = Vec::new();
    for topic in curriculum.topics() {
        let levels = Level::ALL.into_iter().filter(|&level| topic.explanation_level(level) == level);
        for level in levels {
            let blocks = code_blocks(topic.explanation(level)).unwrap();
            programs.extend(blocks.into_iter().map(|block| (format!("{} ({level})", topic.id), block)));
        }
    }
    assert!(programs.len() > 100, "only {} programs found", programs.len());

    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((place, block)) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(difference) = run(block) {
                        failures.lock().unwrap().push(format!("{place}, line {}: {difference}", block.line + 1));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} programs differ:\n{}", failures.len(), failures.join("\n\n"));
}

fn run(block: &CodeBlock) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.py"), &block.code).unwrap();
    let mut python = Command::new(PYTHON)
        .arg("main.py")
        .current_dir(folder.path())
        .env_clear()
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(block.input.as_bytes()).ok();
    let output = python.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let shown = format!("\n{}\nprinted:\n{stdout}{stderr}", block.code);
    match &block.expectation {
        Expectation::Prints(expected) if !output.status.success() || trimmed(expected) != trimmed(&stdout) => {
            Err(format!("{shown}\nbut the text says:\n{expected}"))
        }
        Expectation::FailsWith(_) if output.status.success() => Err(format!("{shown}\nbut the text says it fails")),
        Expectation::FailsWith(expected) if trimmed(expected).last() != trimmed(&stderr).last() => {
            Err(format!("{shown}\nbut the text says:\n{expected}"))
        }
        _ => Ok(()),
    }
}

fn trimmed(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}
