//! The Python programs inside an explanation and what they must print.

use std::{iter::Peekable, str::Lines};

/// A complete Python program found in Markdown, with what running it must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeBlock {
    /// The program.
    pub code: String,
    /// What is typed to it, line by line; empty without an `input` block.
    pub input: String,
    /// What it must do.
    pub expectation: Expectation,
    /// The line of its fence in the Markdown, from 0.
    pub line: usize,
}

/// What a program in an explanation must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Succeed and print this.
    Prints(String),
    /// Fail; the last line of its standard error is the last line of this.
    FailsWith(String),
}

/// The code fences of a Markdown text don't fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FenceError {
    /// The line of the fence in the Markdown, from 0.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

struct Fence {
    line: usize,
    language: String,
    body: String,
}

/// Finds the programs of a Markdown text: each `python` or `python-error` block with the `input` and `output` blocks that
/// follow it. Refuses a program without output, an output or input without program, an unknown language, an open fence.
pub fn code_blocks(markdown: &str) -> Result<Vec<CodeBlock>, FenceError> {
    let fences = fences(markdown)?;
    let mut blocks = Vec::new();
    let mut rest = fences.into_iter().peekable();
    while let Some(fence) = rest.next() {
        let error = |reason: &str| Err(FenceError { line: fence.line, reason: reason.to_owned() });
        match fence.language.as_str() {
            "text" => {}
            "python" | "python-error" => {
                let input = rest.next_if(|next| next.language == "input").map(|next| next.body).unwrap_or_default();
                let Some(output) = rest.next_if(|next| next.language == "output") else {
                    return error("a Python block needs an `output` block right after it");
                };
                let expectation = if fence.language == "python" {
                    Expectation::Prints(output.body)
                } else {
                    Expectation::FailsWith(output.body)
                };
                blocks.push(CodeBlock { code: fence.body, input, expectation, line: fence.line });
            }
            "output" | "input" => return error("this block belongs to no Python block before it"),
            "" => return error("a code fence needs a language: python, python-error, input, output or text"),
            other => {
                return error(&format!(
                    "unknown language {other:?} of a code fence: use python, python-error, input, output or text"
                ));
            }
        }
    }
    Ok(blocks)
}

/// All fenced blocks. Text between a program and its output is refused, so that the two can't drift apart.
fn fences(markdown: &str) -> Result<Vec<Fence>, FenceError> {
    let mut fences: Vec<Fence> = Vec::new();
    let mut lines: Peekable<std::iter::Enumerate<Lines<'_>>> = markdown.lines().enumerate().peekable();
    let mut text_since_fence = true;
    while let Some((line, content)) = lines.next() {
        let Some(language) = content.strip_prefix("```") else {
            text_since_fence |= !content.trim().is_empty();
            continue;
        };
        let language = language.trim().to_owned();
        if text_since_fence && matches!(language.as_str(), "output" | "input") {
            let reason = format!("an `{language}` block must come right after its Python block");
            return Err(FenceError { line, reason });
        }
        let mut body = String::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some((_, content)) => {
                    body.push_str(content);
                    body.push('\n');
                }
                None => return Err(FenceError { line, reason: "this code fence is never closed".to_owned() }),
            }
        }
        fences.push(Fence { line, language, body });
        text_since_fence = false;
    }
    Ok(fences)
}
