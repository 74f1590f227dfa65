//! The interpreter's own tests, inside jails: what a student may use works as it does outside.
//!
//! They are read from the folder in `PYTHON_TESTS`, else from where Debian's package
//! `libpython3.11-testsuite` puts them. Only the tests come from there: what they test is the jail's.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail, and says why")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};
use learnflow_sandbox::{Program, Sandbox, SourceFile};
use support::config;

const INSTALLED: &str = "/usr/lib/python3.11/test";
/// Modules of the suite, each with further files it needs.
const MODULES: [(&str, &[&str]); 48] = [
    ("test_abc", &[]),
    ("test_array", &[]),
    ("test_base64", &[]),
    ("test_bisect", &[]),
    ("test_bool", &[]),
    ("test_builtin", &[]),
    ("test_calendar", &[]),
    ("test_colorsys", &[]),
    ("test_collections", &[]),
    ("test_complex", &["test_grammar"]),
    ("test_contextlib", &["data/README"]),
    ("test_copy", &[]),
    ("test_csv", &[]),
    (
        "test_dataclasses",
        &[
            "dataclass_module_1",
            "dataclass_module_1_str",
            "dataclass_module_2",
            "dataclass_module_2_str",
            "dataclass_textanno",
        ],
    ),
    ("test_deque", &["seq_tests", "list_tests"]),
    ("test_dict", &["mapping_tests"]),
    ("test_enum", &[]),
    ("test_exceptions", &[]),
    ("test_float", &["test_grammar", "floating_points.txt", "formatfloat_testcases.txt"]),
    ("test_fractions", &[]),
    ("test_fstring", &[]),
    ("test_functools", &[]),
    ("test_generators", &[]),
    ("test_heapq", &[]),
    ("test_int", &["test_grammar"]),
    ("test_iter", &[]),
    ("test_itertools", &[]),
    ("test_list", &["list_tests", "seq_tests"]),
    ("test_math", &["ieee754.txt", "math_testcases.txt"]),
    ("test_operator", &[]),
    ("test_patma", &[]),
    ("test_pprint", &["test_set"]),
    ("test_queue", &[]),
    ("test_random", &["randv2_32.pck", "randv2_64.pck", "randv3.pck"]),
    ("test_range", &[]),
    ("test_re", &["re_tests"]),
    ("test_secrets", &[]),
    ("test_set", &[]),
    ("test_slice", &[]),
    ("test_sort", &[]),
    ("test_string", &[]),
    ("test_struct", &[]),
    ("test_textwrap", &[]),
    ("test_time", &[]),
    ("test_tuple", &["seq_tests", "list_tests"]),
    ("test_types", &[]),
    ("test_unpack", &[]),
    ("test_userdict", &["mapping_tests"]),
];

/// Failures that a limit explains: part of a test's name, and the limit that is meant.
const EXPLAINED: [(&str, &str); 9] = [
    ("/tmp/test/cmath_testcases.txt", "256 KiB of files: the test's data are not given to it"),
    ("/tmp/test/ziptestdata", "256 KiB of files: the test's data are not given to it"),
    ("test_exceptions.ExceptionTests.test_trashcan_recursion | MemoryError", "50 MB of memory"),
    ("test_fstring.TestCase.test_many_expressions | MemoryError", "50 MB of memory"),
    ("test_itertools.TestBasicOps.test_tee_del_backward | MemoryError", "50 MB of memory"),
    ("SimpleQueueTest.test_many_threads", "24 processes and threads"),
    ("test_csv.TestSniffer | timeout", "5 s: it tries thousands of patterns"),
    ("test_calendar.CommandLineTestCase | timeout", "5 s: it starts an interpreter for every test, on a busy machine"),
    // No limit: a later revision of the same release, which the tests' package may be, mends this.
    ("test_re.ReTests.test_bug_gh106052", "an interpreter older than its tests"),
];

/// Imports a module of the suite, and either lists its classes or runs one of them.
const RUNNER: &str = r#"
import sys, unittest
import test
test.__path__.insert(0, "/tmp/test")
sys.path.append("/tmp/test")
module = __import__("test." + sys.argv[1], fromlist=["*"])
suite = unittest.defaultTestLoader.loadTestsFromModule(module)

def cases(suite):
    for item in suite:
        yield from cases(item) if isinstance(item, unittest.TestSuite) else [item]

groups = {}
for case in cases(suite):
    groups.setdefault(type(case).__qualname__, []).append(case)
if len(sys.argv) == 2:
    print(*groups, sep="\n")
else:
    result = unittest.TestResult()
    for name in sys.argv[2:]:
        unittest.TestSuite(groups[name]).run(result)
    print("ran", result.testsRun - len(result.skipped))
    for case, text in result.failures + result.errors:
        print("failed", case.id(), "|", text.strip().splitlines()[-1][:200])
"#;

fn folder() -> PathBuf {
    let folder = std::env::var_os("PYTHON_TESTS").map_or_else(|| PathBuf::from(INSTALLED), PathBuf::from);
    assert!(
        folder.join("test_math.py").is_file(),
        "CPython's tests are not in {}: `make setup` installs them (Debian: libpython3.11-testsuite), or set PYTHON_TESTS",
        folder.display()
    );
    folder
}

fn program(folder: &Path, module: &str, others: &[&str], classes: &[&str]) -> Program {
    let file = |name: &str| {
        let name = if name.contains(['.', '/']) { name.to_owned() } else { format!("{name}.py") };
        SourceFile { content: std::fs::read_to_string(folder.join(&name)).expect(&name), name: format!("test/{name}") }
    };
    Program {
        files: std::iter::once(module).chain(others.iter().copied()).map(file).collect(),
        args: std::iter::once(module).chain(classes.iter().copied()).map(str::to_owned).collect(),
        ..Program::new(RUNNER)
    }
}

/// Tests that ran, and those that failed, with the reason.
type Result = (usize, Vec<String>);

async fn run(sandbox: &Sandbox, folder: &Path, module: &str, others: &[&str]) -> Result {
    let listed = sandbox.run(program(folder, module, others, &[])).await.unwrap();
    if listed.exit_code != Some(0) {
        return (0, vec![format!("{module} cannot be imported | {} {}", listed.status.as_str(), listed.stderr)]);
    }
    let (mut ran, mut failed) = (0, Vec::new());
    for class in listed.stdout.lines() {
        let outcome = sandbox.run(program(folder, module, others, &[class])).await.unwrap();
        let mut complete = false;
        for line in outcome.stdout.lines() {
            if let Some(count) = line.strip_prefix("ran ") {
                ran += count.parse::<usize>().unwrap_or(0);
                complete = true;
            }
            failed.extend(line.strip_prefix("failed ").map(str::to_owned));
        }
        if !complete {
            let last = outcome.stderr.lines().next_back().unwrap_or_default();
            failed.push(format!("test.{module}.{class} | {} {last}", outcome.status.as_str()));
        }
    }
    (ran, failed)
}

/// FR-032: what the interpreter says of itself holds in a jail; every failure is a limit that is meant.
#[tokio::test(flavor = "multi_thread")]
async fn cpythons_own_tests_pass() {
    let folder = folder();
    let sandbox = Sandbox::new(config()).unwrap();
    let results: BTreeMap<_, _> = stream::iter(MODULES)
        .map(|(module, others)| {
            let (sandbox, folder) = (&sandbox, &folder);
            async move { (module, run(sandbox, folder, module, others).await) }
        })
        .buffer_unordered(2)
        .collect()
        .await;
    let mut unexplained = Vec::new();
    let mut total = 0;
    for (module, (ran, failed)) in &results {
        total += ran;
        eprintln!("{module:18} {ran:4} ran, {} failed", failed.len());
        unexplained.extend(failed.iter().filter(|line| !EXPLAINED.iter().any(|(name, _)| line.contains(name))));
        assert!(*ran > 0 || !failed.is_empty(), "{module} ran nothing");
    }
    eprintln!("{total} tests of {} modules", results.len());
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(total > 2000, "only {total} tests ran");
}
