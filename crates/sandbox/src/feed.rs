//! Writing a program's standard input.

use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, OwnedFd};

use tokio::net::unix::pipe::Sender;

use crate::sys;

/// Bytes on their way to a program, which need not read them.
#[derive(Debug)]
pub(crate) struct Feed {
    pipe: Option<Sender>,
    pending: Vec<u8>,
    written: usize,
    is_closing: bool,
}

impl Feed {
    pub(crate) fn new(pipe: OwnedFd) -> Result<Self> {
        Ok(Self { pipe: Some(Sender::from_owned_fd(pipe)?), pending: Vec::new(), written: 0, is_closing: false })
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.pipe.is_some() && !self.is_closing {
            self.pending.drain(..self.written);
            self.written = 0;
            self.pending.extend(bytes);
        }
    }

    /// Closes standard input when all has been written.
    pub(crate) fn close(&mut self) {
        self.is_closing = true;
    }

    /// Whether there is something to write or to close.
    pub(crate) fn is_due(&self) -> bool {
        self.pipe.is_some() && (self.is_closing || self.written < self.pending.len())
    }

    /// Whether the program has read all it was given, and may be given more.
    pub(crate) fn is_dry(&self) -> bool {
        let is_read = |pipe: &Sender| sys::unread(pipe.as_fd()) == 0;
        !self.is_closing && self.written == self.pending.len() && self.pipe.as_ref().is_some_and(is_read)
    }

    /// Waits until something can be written and writes it, or closes. Losing the future loses nothing.
    pub(crate) async fn step(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let rest = &self.pending[self.written..];
        if rest.is_empty() {
            self.pipe = None;
            return;
        }
        let result = match pipe.writable().await {
            Ok(()) => pipe.try_write(rest),
            Err(error) => Err(error),
        };
        match result {
            Ok(length) => self.written += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // The program has closed its end.
            Err(_) => self.pipe = None,
        }
    }
}
