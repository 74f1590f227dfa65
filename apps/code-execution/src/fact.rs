//! Students' runs as facts of their record.

use learnflow_proto::{
    events::{ProgramRan, ProgressRecorded, progress_recorded::Fact},
    now, topics,
    v1::ExecuteResponse,
};
use learnflow_sidecar::{Context, persistently};
use tonic::metadata::MetadataMap;

use crate::execution::Execution;

/// The apps through which students run programs themselves. What others run on their behalf says nothing about them.
const STUDENTS_OWN: &[&str] = &["api-gateway", "websocket-service"];

/// Whether a call comes from a student, not from a service that needs a program run.
pub(crate) fn is_students_own(metadata: &MetadataMap) -> bool {
    // Set by the caller's sidecar.
    let app = metadata.get("dapr-caller-app-id").and_then(|app| app.to_str().ok());
    app.is_some_and(|app| STUDENTS_OWN.contains(&app))
}

impl Execution {
    /// Tells how a student's program ended, beside the work: nobody waits for it.
    pub(crate) fn record_run(&self, student_id: String, result: &ExecuteResponse) {
        let ran = ProgramRan {
            status: result.status.clone(),
            error_type: if result.status == "runtime_error" { error_type(&result.stderr) } else { String::new() },
            ..ProgramRan::default()
        };
        let event = ProgressRecorded {
            student_id,
            occurred_at: Some(now()),
            fact: Some(Fact::ProgramRan(ran)),
            ..ProgressRecorded::default()
        };
        let sidecar = self.sidecar().clone();
        tokio::spawn(Context::current().scope(async move {
            let publish = || sidecar.publish(topics::PUBSUB, topics::PROGRESS_EVENTS, &event.student_id, &event);
            if let Err(error) = persistently(publish).await {
                tracing::warn!(%error, "run not recorded");
            }
        }));
    }
}

/// The type of the exception that a traceback ends with; empty without one.
fn error_type(stderr: &str) -> String {
    // The message may go over several lines: the exception's own line is the last that follows an indented one.
    let lines: Vec<&str> = stderr.lines().collect();
    let mut after_frame = lines.windows(2).rev().filter(|pair| pair[0].starts_with(' ') && !pair[1].starts_with(' '));
    let line = after_frame.next().map(|pair| pair[1]).unwrap_or_default();
    let name = line.split(':').next().unwrap_or_default().trim();
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let name = name.rsplit('.').next().unwrap_or_default();
    if is_name(name) && name.len() <= 100 { name.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-037: the type of the error that ended a run is told, whatever its message looks like.
    #[test]
    fn error_types_are_found() {
        let frame = "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    f()\n";
        for (end, wanted) in [
            ("NameError: name 'f' is not defined\n", "NameError"),
            ("KeyboardInterrupt\n", "KeyboardInterrupt"),
            ("json.decoder.JSONDecodeError: Expecting value\n", "JSONDecodeError"),
            ("ValueError: a\nb: c\nd\n", "ValueError"),
            ("__main__.Trouble: x\n", "Trouble"),
        ] {
            assert_eq!(error_type(&format!("{frame}{end}")), wanted);
        }
        let syntax =
            "  File \"main.py\", line 1\n    print('x\n          ^\nSyntaxError: unterminated string literal\n";
        assert_eq!(error_type(syntax), "SyntaxError");
        let printed = format!("note: mind the gap\n{frame}TypeError: bad\n");
        assert_eq!(error_type(&printed), "TypeError");
        for text in ["", "note\n", "no error: 3\n", "3 = x"] {
            assert_eq!(error_type(text), "", "{text:?}");
        }
    }
}
