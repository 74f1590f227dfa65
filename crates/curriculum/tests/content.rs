//! The real curriculum: complete, and everything in it does what it says.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

mod support;

use std::path::{Path, PathBuf};

use learnflow_curriculum::{Curriculum, Level, code_blocks};
use support::{Subject, try_all};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../curriculum").canonicalize().unwrap()
}

fn curriculum() -> Curriculum {
    Curriculum::load(folder()).unwrap_or_else(|error| panic!("{error}"))
}

fn subjects(curriculum: &Curriculum) -> Vec<Subject> {
    let file = |module: &str, id: &str| folder().join(module).join(id).with_extension("toml");
    curriculum.topics().map(|topic| Subject::new(&file(&topic.module, &topic.id), topic.clone())).collect()
}

/// FR-012: the eight modules with their topics, in order, each with what students can ask for and often get wrong.
#[test]
fn the_eight_modules_are_there() {
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
        assert!(topic.explanation(Level::Beginner).contains("**Try next:**"), "{}: nothing to try next", topic.id);
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

/// FR-011, FR-021, FR-038: every topic has an explanation for each level, a quiz, and exercises of every difficulty that
/// vary and are tested in the open, in secret and at random.
#[test]
fn every_topic_is_complete() {
    let missing: Vec<_> = subjects(&curriculum()).iter().flat_map(Subject::missing).collect();
    let lines: Vec<_> = missing.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} things are missing:\n{}", lines.len(), lines.join("\n"));
}

/// FR-010, FR-022, FR-023: what explanations and quizzes show is true; reference solutions pass their tests, starters and
/// typical mistakes don't.
#[test]
fn everything_does_what_it_says() {
    let curriculum = curriculum();
    let programs = curriculum.topics().flat_map(|topic| {
        topic.explanation_parts().map(|(_, text)| code_blocks(text).unwrap().len()).collect::<Vec<_>>()
    });
    let programs: usize = programs.sum();
    assert!(programs > 100, "only {programs} programs found");
    let findings: Vec<_> = try_all(&subjects(&curriculum), 4).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} mistakes:\n{}", findings.len(), findings.join("\n"));
}
