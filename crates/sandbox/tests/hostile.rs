//! Programs that attack the sandbox, each with its expected end in its first line.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::{Path, PathBuf};

use support::{FOLDER, check, programs, sandboxes, without_privileges};

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile"), PathBuf::from)
}

/// FR-032: hostile code is contained and reported, with cgroups and without.
#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_contained() {
    let mut faults = Vec::new();
    for sandbox in sandboxes() {
        for path in programs(&folder()).unwrap() {
            let (outcome, found) = check(&sandbox, &path).await.unwrap();
            let name = path.file_name().unwrap_or_default();
            faults.extend(
                found.iter().map(|fault| format!("{} {name:?}: {fault}\n{outcome:?}", sandbox.mode().as_str())),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// FR-032: the same holds for a service that is not root and has no capability, as in a pod.
#[test]
fn every_attack_is_contained_without_privileges() {
    if std::env::var_os(FOLDER).is_some() {
        return; // already inside the run below
    }
    without_privileges("every_attack_is_contained", &folder());
}
