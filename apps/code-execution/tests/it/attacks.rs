use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use code_execution::admission::Limits;
use learnflow_proto::v1::ExecuteResponse;
use learnflow_sandbox::{Outcome, Status};

use crate::{
    sandbox::{Attack, FOLDER, programs, without_privileges},
    support::{Served, program, serve_as},
};

fn folder() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/sandbox/tests/hostile");
    std::env::var_os(FOLDER).map_or(own, PathBuf::from)
}

/// FR-032: attacks that come by the RPC end as they must, with cgroups and without, and meanwhile another student's programs
/// give what they always give.
#[tokio::test(flavor = "multi_thread")]
async fn attacks_by_the_rpc_are_contained() {
    for cgroups in [true, false] {
        let served = serve_as(Limits::new(4, 64, Duration::from_secs(20)), cgroups).await;
        let attacks = async {
            let mut faults = Vec::new();
            for path in programs(&folder()).unwrap() {
                let attack = Attack::read(&path).unwrap();
                for _ in 0..attack.repeat() {
                    let outcome = outcome(served.run("attacker", program(&attack.code)).await.unwrap());
                    let found = attack.faults(&outcome).into_iter();
                    faults.extend(
                        found.map(|fault| format!("cgroups {cgroups}, {}: {fault}: {outcome:?}", path.display())),
                    );
                }
            }
            faults
        };
        let faults = tokio::select! {
            faults = attacks => faults,
            () = neighbour(&served) => unreachable!("it goes on for ever"),
        };
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// The same for a service without privileges, as in a pod.
#[test]
fn attacks_by_the_rpc_are_contained_without_privileges() {
    if std::env::var_os(FOLDER).is_none() {
        without_privileges("attacks::attacks_by_the_rpc_are_contained", &folder());
    }
}

/// Runs a program again and again.
async fn neighbour(served: &Served) {
    loop {
        let result = served.run("neighbour", program("print(sum(range(1000)))")).await.unwrap();
        assert_eq!((result.status.as_str(), result.stdout.as_str()), ("completed", "499500\n"), "{result:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The outcome that a response tells of, as far as attacks are judged by it.
fn outcome(response: ExecuteResponse) -> Outcome {
    let statuses = [
        Status::Completed,
        Status::RuntimeError,
        Status::Signaled,
        Status::Timeout,
        Status::MemoryExceeded,
        Status::OutputExceeded,
        Status::Violation,
    ];
    Outcome {
        status: statuses.into_iter().find(|status| status.as_str() == response.status).expect("a known status"),
        exit_code: response.exit_code,
        signal: response.signal,
        stdout: response.stdout,
        stderr: response.stderr,
        stdout_truncated: response.stdout_truncated,
        stderr_truncated: response.stderr_truncated,
        duration: Duration::from_millis(response.duration_ms.into()),
        cpu: Duration::from_millis(response.cpu_ms.into()),
        peak_memory_kb: response.peak_memory_kb.into(),
        limit: None,
        lines: None,
    }
}
