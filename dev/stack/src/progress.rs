//! What the person who waits gets to see, on standard error: standard output is for the final line alone.

/// Reports a step.
#[allow(clippy::print_stderr, reason = "this is the runner's progress display")]
pub(crate) fn say(message: &str) {
    eprintln!("{message}");
}
