//! Collecting what a program writes, up to a cap.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

/// What is kept of each stream, in bytes.
const CAP: usize = 64 * 1024;
const CHUNK: usize = 16 * 1024;

/// What is left of a stream when its program is over.
pub(crate) struct Captured {
    pub(crate) text: String,
    /// Whether something is missing from the text.
    pub(crate) truncated: bool,
    /// Whether the program wrote more than it may.
    pub(crate) overflowed: bool,
}

/// One output stream of a program.
#[derive(Debug)]
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
            return;
        }
        let pipe = &self.pipe;
        self.open = take(&mut self.bytes, |space| pipe.try_read(space)) != Taken::End;
    }

    /// Takes what is in the pipe now, without waiting for more, and ends the collecting.
    pub(crate) fn finish(mut self) -> Captured {
        // Asks the pipe itself: the runtime may not have heard yet that there is something in it.
        if let Ok(mut pipe) = self.pipe.into_nonblocking_fd().map(File::from) {
            while self.open && self.bytes.len() <= CAP {
                self.open = take(&mut self.bytes, |space| pipe.read(space)) == Taken::Some;
            }
        }
        let overflowed = self.bytes.len() > CAP;
        let (text, truncated) = repair(&self.bytes);
        Captured { text, truncated, overflowed }
    }
}

#[derive(PartialEq, Eq)]
enum Taken {
    Some,
    Nothing,
    End,
}

/// Reads once; one byte past the cap tells that there was too much.
fn take(bytes: &mut Vec<u8>, read: impl FnOnce(&mut [u8]) -> Result<usize>) -> Taken {
    let held = bytes.len();
    bytes.resize(held + CHUNK.min((CAP + 1).saturating_sub(held)), 0);
    let result = read(&mut bytes[held..]);
    bytes.truncate(held + *result.as_ref().unwrap_or(&0));
    match result {
        Ok(0) => Taken::End,
        Ok(_) => Taken::Some,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Taken::Nothing,
        Err(_) => Taken::End,
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
