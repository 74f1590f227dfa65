//! Collecting what a program writes, up to a cap.

use std::io::{ErrorKind, Result};
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

/// What is kept of each stream, in bytes.
const CAP: usize = 64 * 1024;
const CHUNK: usize = 16 * 1024;

/// One output stream of a program.
pub(crate) struct Output {
    pipe: Receiver,
    bytes: Vec<u8>,
    open: bool,
}

impl Output {
    pub(crate) fn new(pipe: OwnedFd) -> Result<Self> {
        Ok(Self { pipe: Receiver::from_owned_fd(pipe)?, bytes: Vec::new(), open: true })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn overflowed(&self) -> bool {
        self.bytes.len() > CAP
    }

    /// Waits for output and takes some of it. Losing the future loses no bytes.
    pub(crate) async fn fill(&mut self) {
        if self.pipe.readable().await.is_err() {
            self.open = false;
        }
        self.take();
    }

    /// Takes what is in the pipe already, one byte past the cap at most.
    pub(crate) fn drain(&mut self) {
        while self.open && !self.overflowed() && self.take() {}
    }

    /// Reads once; false when nothing came.
    fn take(&mut self) -> bool {
        let held = self.bytes.len();
        self.bytes.resize(held + CHUNK.min(CAP + 1 - held.min(CAP)), 0);
        let result = self.pipe.try_read(&mut self.bytes[held..]);
        self.bytes.truncate(held + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => self.open = false,
            Ok(_) => return true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.open = false,
        }
        false
    }

    /// The text, and whether something was cut off.
    pub(crate) fn into_text(self) -> (String, bool) {
        repair(&self.bytes)
    }
}

/// Replaces what is not UTF-8 and cuts at the cap, between characters.
fn repair(bytes: &[u8]) -> (String, bool) {
    let mut truncated = bytes.len() > CAP;
    let kept = &bytes[..bytes.len().min(CAP)];
    let mut text = String::with_capacity(kept.len());
    let mut chunks = kept.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let cut_by_cap = truncated && chunks.peek().is_none();
        if !chunk.invalid().is_empty() && !cut_by_cap {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    if text.len() > CAP {
        text.truncate(text.floor_char_boundary(CAP));
        truncated = true;
    }
    (text, truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-031: output is valid text within the cap, whatever the bytes were.
    #[test]
    fn text_is_repaired_and_cut_between_characters() {
        assert_eq!(repair("grün".as_bytes()), ("grün".into(), false));
        assert_eq!(repair(b"a\xffb\xf0\x9f"), ("a\u{fffd}b\u{fffd}".into(), false));
        let long = format!("a{}", "ü".repeat(CAP / 2));
        assert_eq!(repair(long.as_bytes()), (format!("a{}", "ü".repeat(CAP / 2 - 1)), true));
        let (text, truncated) = repair(&vec![0xff; CAP]);
        assert!(truncated && text.len() <= CAP && text.chars().all(|c| c == char::REPLACEMENT_CHARACTER));
    }
}
