//! A run that is watched while it goes on.

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::error::SandboxError;
use crate::outcome::Outcome;

/// What happens in a run. Output first, `Finished` or `Failed` last.
#[derive(Debug)]
pub enum Event {
    /// A piece of standard output, valid text whatever the bytes were.
    Stdout(String),
    /// A piece of standard error, likewise.
    Stderr(String),
    /// The program waits for a line, and has none. Only with [`Stdin::Open`](crate::Stdin::Open).
    WaitingForInput,
    /// It is over. The outcome holds all of the output once more.
    Finished(Outcome),
    /// The sandbox itself failed, instead of `Finished`.
    Failed(SandboxError),
}

/// What is given to a program while it runs.
#[derive(Debug)]
pub(crate) enum Input {
    Bytes(Vec<u8>),
    End,
}

/// A program that runs. Dropping it kills the program.
#[derive(Debug)]
pub struct Run {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) input: mpsc::UnboundedSender<Input>,
    pub(crate) task: AbortHandle,
}

impl Run {
    /// The next event; nothing after `Finished` or `Failed`. Losing the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Gives the program bytes to read. Nothing happens if its input is closed or was not open.
    pub fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        let _ = self.input.send(Input::Bytes(bytes.into()));
    }

    /// Ends the program's standard input.
    pub fn close_stdin(&mut self) {
        let _ = self.input.send(Input::End);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}
