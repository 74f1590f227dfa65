//! The conversation with one jail: hand the program over, collect what comes, stop the clock.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixDatagram, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tracing::Span;

use crate::cgroup::{RunCgroup, Share};
use crate::clock::Clock;
use crate::control::{Control, Note};
use crate::error::SandboxError;
use crate::feed::Feed;
use crate::outcome::{Ending, Outcome, Report, classify};
use crate::output::Output;
use crate::pool::Lease;
use crate::program::{Limits, MAX_OPEN_TIME, Program, Stdin};
use crate::run::{Event, Input};
use crate::slot::{Ends, Said, Slot};

/// How long a jail may take to report on a program that was stopped.
const REPORT_LIMIT: Duration = Duration::from_millis(100);
/// How long a jail that has ended may take to say that it took the program.
const START_ANSWER: Duration = Duration::from_secs(1);

/// The frame with the result of a case.
pub(crate) const RESULT: u8 = b'V';

/// Why a run has no outcome.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing of the program has run: another jail may.
    NotStarted(SandboxError),
    /// The program has begun.
    Broken(SandboxError),
}

impl From<Failure> for SandboxError {
    fn from(failure: Failure) -> Self {
        let (Failure::NotStarted(error) | Failure::Broken(error)) = failure;
        error
    }
}

/// A jail with everything registered that a run waits for.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) lease: Lease,
    pub(crate) socket: UnixDatagram,
    pub(crate) control: Control<OwnedReadHalf>,
    pub(crate) writer: OwnedWriteHalf,
    pub(crate) feed: Feed,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) has_cgroup: bool,
}

/// Where the events of a watched run go, and where its input comes from.
pub(crate) struct Line {
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) input: mpsc::UnboundedReceiver<Input>,
}

impl Exchange {
    /// Needs the runtime.
    pub(crate) fn new(mut lease: Lease, memory_mb: u32) -> Result<Self, Failure> {
        let (socket, ends, has_cgroup) = prepare(&mut lease, memory_mb).map_err(Failure::NotStarted)?;
        let watch = || -> io::Result<_> {
            Ok((
                UnixDatagram::from_std(socket.into())?,
                UnixStream::from_std(ends.control)?,
                Feed::new(ends.stdin)?,
                Output::new(ends.stdout)?,
                Output::new(ends.stderr)?,
            ))
        };
        let (socket, control, feed, stdout, stderr) =
            watch().map_err(SandboxError::host("watch a descriptor")).map_err(Failure::NotStarted)?;
        let (reader, writer) = control.into_split();
        Ok(Self { lease, socket, control: Control::new(reader), writer, feed, stdout, stderr, has_cgroup })
    }

    /// Runs the program to its end, or to its limits.
    pub(crate) async fn run(
        mut self,
        program: &Program,
        message: &[u8],
        mut line: Option<&mut Line>,
        handing_over: Span,
    ) -> Result<(Outcome, Option<Vec<u8>>), Failure> {
        let is_open = program.stdin == Stdin::Open;
        let mut clock = Clock::start(program.time_limit, if is_open { MAX_OPEN_TIME } else { program.time_limit });
        match &program.stdin {
            Stdin::Bytes(bytes) => {
                self.feed.push(bytes);
                self.feed.close();
            }
            Stdin::Open if line.is_none() => self.feed.close(),
            Stdin::Open => {}
        }
        let (mut started, mut handed_over, mut handing_over) = (false, false, Some(handing_over));
        let (mut lines, mut result) = (None, None);
        let ending = {
            let Self { lease, socket, control, writer, feed, stdout, stderr, .. } = &mut self;
            let mut handover = std::pin::pin!(writer.write_all(message));
            let mut listening = true;
            loop {
                let deadline = sleep_until(clock.deadline().into());
                let long = lease.long_at();
                tokio::select! {
                    biased;
                    said = hear(socket) => break match said {
                        Some(report) => Ending::Reported(report),
                        None => Ending::Lost,
                    },
                    () = deadline => break Ending::Deadline,
                    _ = &mut handover, if !handed_over => handed_over = true,
                    note = control.next(), if control.is_open() => match note {
                        Some(Note::Started) => (started, handing_over) = (true, None),
                        Some(Note::Waits) if is_open && feed.is_dry() && clock.pause() => {
                            // It has flushed before it said so.
                            stdout.fill_now();
                            stderr.fill_now();
                            show(line.as_deref(), stdout, stderr, false);
                            send(line.as_deref(), Event::WaitingForInput);
                        }
                        Some(Note::Goes) => clock.resume(),
                        Some(Note::Lines(covered)) => lines = Some(covered),
                        Some(Note::Frame(RESULT, content)) => result = Some(content),
                        Some(_) | None => {}
                    },
                    () = until(long), if long.is_some() => lease.has_run_long(),
                    () = feed.step(), if feed.is_due() => {}
                    input = receive(line.as_deref_mut()), if is_open && listening => match input {
                        Some(Input::Bytes(bytes)) => {
                            clock.resume();
                            feed.push(&bytes);
                        }
                        Some(Input::End) | None => {
                            clock.resume();
                            listening = false;
                            feed.close();
                        }
                    },
                    () = stdout.fill(), if stdout.is_open() => {}
                    () = stderr.fill(), if stderr.is_open() => {}
                }
                lease.set_waiting(clock.is_paused());
                show(line.as_deref(), stdout, stderr, false);
                if stdout.overflowed() || stderr.overflowed() {
                    break Ending::Flood;
                }
            }
        };
        drop(handing_over);
        let duration = clock.spent();
        let report = self.stop(ending).await;
        let over = matches!(ending, Ending::Reported(_) | Ending::Lost);
        // What it said at its end may not have been looked at yet.
        while let Some(note) = if over && !started {
            timeout(START_ANSWER, self.control.next()).await.ok().flatten()
        } else {
            self.control.next_now()
        } {
            match note {
                Note::Started => started = true,
                Note::Lines(covered) => lines = Some(covered),
                Note::Frame(RESULT, content) => result = Some(content),
                _ => {}
            }
        }
        self.stdout.fill_now();
        self.stderr.fill_now();
        if over && !started {
            return Err(Failure::NotStarted(self.reason()));
        }
        show(line.as_deref(), &mut self.stdout, &mut self.stderr, true);
        let lines = lines.filter(|_| program.coverage);
        let outcome = self.conclude(program, ending, report, duration, lines).map_err(Failure::Broken)?;
        Ok((outcome, result))
    }

    /// Makes sure that the program has ended, and returns the jail's report on it.
    async fn stop(&mut self, ending: Ending) -> Option<Report> {
        let report = match ending {
            Ending::Reported(report) => Some(report),
            Ending::Lost => None,
            Ending::Deadline | Ending::Flood => {
                self.lease.count_kill();
                self.lease.slot()?.kill_program();
                timeout(REPORT_LIMIT, hear(&self.socket)).await.ok().flatten()
            }
        };
        if report.is_some() {
            self.lease.spent();
        }
        report
    }

    fn conclude(
        mut self,
        program: &Program,
        ending: Ending,
        report: Option<Report>,
        duration: Duration,
        lines: Option<Vec<u32>>,
    ) -> Result<Outcome, SandboxError> {
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        let ending = if stdout.overflowed || stderr.overflowed { Ending::Flood } else { ending };
        let cpu_seconds = Limits::of(program, self.has_cgroup).cpu_seconds;
        let cgroup = self.lease.slot().and_then(|slot| slot.cgroup());
        let out_of_memory = cgroup.as_ref().is_some_and(|cgroup| cgroup.out_of_memory());
        let peak_of_jail = cgroup.and_then(|cgroup| RunCgroup::peak_memory(cgroup)).map(|bytes| bytes / 1024);
        let Some(verdict) = classify(ending, cpu_seconds, out_of_memory, &stderr.text) else {
            return Err(SandboxError::Lost(self.lease.slot().map(Slot::log).unwrap_or_default()));
        };
        Ok(Outcome {
            status: verdict.status,
            exit_code: verdict.exit_code,
            signal: verdict.signal,
            stdout: stdout.text,
            stderr: stderr.text,
            stdout_truncated: stdout.truncated,
            stderr_truncated: stderr.truncated,
            duration,
            cpu: report.map_or(Duration::ZERO, |report| report.cpu),
            peak_memory_kb: peak_of_jail.or(report.map(|report| report.peak_memory_kb)).unwrap_or(0),
            limit: verdict.limit,
            lines,
        })
    }

    /// Why a jail did not take its program, from nsjail's log and what came out of the interpreter.
    pub(crate) fn reason(&mut self) -> SandboxError {
        let mut reason = self.lease.slot().map(Slot::log).unwrap_or_default();
        reason.push_str(&self.stderr.finish().text);
        SandboxError::Start(reason)
    }
}

fn prepare(lease: &mut Lease, memory_mb: u32) -> Result<(OwnedFd, Ends, bool), SandboxError> {
    let ends = lease.take_ends();
    let (Some(ends), Some(slot)) = (ends, lease.slot()) else {
        return Err(SandboxError::Start("the jail was used before".to_owned()));
    };
    slot.limit_memory(u64::from(memory_mb) << 20)?;
    slot.share(Share::Full);
    let socket = slot.socket_copy().map_err(SandboxError::host("copy a descriptor"))?;
    Ok((socket, ends, slot.cgroup().is_some()))
}

/// The next report on the socket to the first process; nothing if it says anything else.
pub(crate) async fn hear(socket: &UnixDatagram) -> Option<Report> {
    let mut message = [0; 64];
    let length = socket.recv(&mut message).await.ok()?;
    match Said::parse(&message[..length]) {
        Said::Report(report) => Some(report),
        Said::Hello | Said::Nonsense => None,
    }
}

/// Waits until then, or for ever.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

async fn receive(line: Option<&mut Line>) -> Option<Input> {
    match line {
        Some(line) => line.input.recv().await,
        None => None,
    }
}

fn send(line: Option<&Line>, event: Event) {
    if let Some(line) = line {
        // Whoever does not listen any more has dropped the run, and this task with it.
        let _ = line.events.send(event);
    }
}

fn show(line: Option<&Line>, stdout: &mut Output, stderr: &mut Output, at_end: bool) {
    if line.is_none() {
        return;
    }
    if let Some(piece) = stdout.piece(at_end) {
        send(line, Event::Stdout(piece));
    }
    if let Some(piece) = stderr.piece(at_end) {
        send(line, Event::Stderr(piece));
    }
}
