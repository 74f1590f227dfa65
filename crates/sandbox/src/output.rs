//! Collecting what a program writes, up to a cap.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::os::fd::{AsFd, OwnedFd};

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
    /// How many of the bytes have been shown in pieces, and how long these were.
    shown: usize,
    shown_text: usize,
}

impl Output {
    pub(crate) fn new(pipe: OwnedFd) -> Result<Self> {
        Ok(Self { pipe: Receiver::from_owned_fd(pipe)?, bytes: Vec::new(), open: true, shown: 0, shown_text: 0 })
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

    /// Takes what is in the pipe now, without waiting for more.
    pub(crate) fn fill_now(&mut self) {
        // Asks the pipe itself: the runtime may not have heard yet that there is something in it.
        let Ok(mut pipe) = self.pipe.as_fd().try_clone_to_owned().map(File::from) else { return };
        while self.bytes.len() <= CAP {
            match take(&mut self.bytes, |space| pipe.read(space)) {
                Taken::Some => {}
                Taken::Nothing => break,
                Taken::End => {
                    self.open = false;
                    break;
                }
            }
        }
    }

    /// What has come since the last piece, as far as it is whole characters. At the end the rest counts
    /// as whole. All pieces together are the text that [`finish`](Self::finish) returns.
    pub(crate) fn piece(&mut self, at_end: bool) -> Option<String> {
        let new = &self.bytes[self.shown.min(CAP)..self.bytes.len().min(CAP)];
        let is_cut = self.bytes.len() > CAP;
        let whole = if at_end && !is_cut { new.len() } else { new.len() - unfinished(new) };
        let mut piece = String::from_utf8_lossy(&new[..whole]).into_owned();
        self.shown += whole;
        piece.truncate(piece.floor_char_boundary(CAP - self.shown_text.min(CAP)));
        self.shown_text += piece.len();
        (!piece.is_empty()).then_some(piece)
    }

    /// What has been collected, and forgets it: another program may write to the same pipe.
    pub(crate) fn finish(&mut self) -> Captured {
        let overflowed = self.bytes.len() > CAP;
        let (text, truncated) = repair(&std::mem::take(&mut self.bytes));
        (self.shown, self.shown_text) = (0, 0);
        Captured { text, truncated, overflowed }
    }
}

/// How many bytes at the end are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let is_beginning = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    if is_beginning { last.len() } else { 0 }
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
    // A character that the cap has cut is left out rather than replaced.
    let whole = if truncated { kept.len() - unfinished(kept) } else { kept.len() };
    let mut text = String::from_utf8_lossy(&kept[..whole]).into_owned();
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

    /// FR-031: pieces are whole characters, and together they are the text.
    #[tokio::test]
    async fn pieces_add_up_to_the_text() {
        let long = format!("a{}", "ü".repeat(CAP / 2)).into_bytes();
        let invalid = vec![0xff; CAP];
        let cases: [&[u8]; 6] =
            ["grün €😀".as_bytes(), b"a\xffb\xf0\x9f", b"\xe2\x82", &invalid, &long, "x€".as_bytes()];
        for (bytes, size) in cases.into_iter().flat_map(|bytes| [1, 2, 3, 5, 4096].map(|size| (bytes, size))) {
            let (reader, _writer) = std::io::pipe().expect("a pipe");
            crate::sys::set_nonblocking(reader.as_fd()).expect("a flag");
            let mut output = Output::new(reader.into()).expect("a runtime");
            let mut pieces = String::new();
            for part in bytes.chunks(size) {
                output.bytes.extend(part);
                pieces.extend(output.piece(false));
            }
            pieces.extend(output.piece(true));
            assert!(pieces == output.finish().text, "{size} bytes at a time of {bytes:?}");
        }
    }
}
