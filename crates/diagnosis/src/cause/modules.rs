//! Modules, and what is imported from them.

use super::{Cause, code};
use crate::{site::Site, spelling::nearest, tokens::rename};

/// Modules of the standard library that learners meet.
const MODULES: [&str; 45] = [
    "abc",
    "argparse",
    "array",
    "asyncio",
    "base64",
    "bisect",
    "calendar",
    "collections",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "glob",
    "hashlib",
    "heapq",
    "io",
    "itertools",
    "json",
    "logging",
    "math",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "pprint",
    "queue",
    "random",
    "re",
    "shutil",
    "sqlite3",
    "statistics",
    "string",
    "subprocess",
    "sys",
    "tempfile",
    "textwrap",
    "time",
    "turtle",
    "typing",
    "unittest",
];

/// Packages that don't come with Python.
const PACKAGES: [&str; 18] = [
    "numpy",
    "pandas",
    "matplotlib",
    "requests",
    "pygame",
    "scipy",
    "sklearn",
    "django",
    "flask",
    "bs4",
    "PIL",
    "tensorflow",
    "torch",
    "cv2",
    "seaborn",
    "pytest",
    "selenium",
    "yaml",
];

/// Names that are mostly used right after they were imported, and from where.
const IMPORTED: [(&str, &[&str]); 15] = [
    (
        "math",
        &[
            "sqrt",
            "pi",
            "floor",
            "ceil",
            "sin",
            "cos",
            "tan",
            "log",
            "log10",
            "factorial",
            "gcd",
            "isclose",
            "inf",
            "exp",
            "hypot",
            "radians",
            "degrees",
        ],
    ),
    ("random", &["randint", "choice", "choices", "shuffle", "sample", "uniform", "randrange", "seed"]),
    ("time", &["sleep", "perf_counter", "strftime"]),
    ("datetime", &["timedelta", "date", "datetime"]),
    ("collections", &["Counter", "defaultdict", "deque", "namedtuple", "OrderedDict"]),
    ("itertools", &["permutations", "combinations", "product", "chain", "count", "cycle", "accumulate", "groupby"]),
    ("functools", &["reduce", "lru_cache", "cache", "partial", "wraps"]),
    ("dataclasses", &["dataclass", "field"]),
    ("pathlib", &["Path"]),
    ("abc", &["ABC", "abstractmethod"]),
    ("statistics", &["mean", "median", "mode", "stdev"]),
    ("copy", &["deepcopy"]),
    ("enum", &["Enum", "auto"]),
    ("decimal", &["Decimal"]),
    ("fractions", &["Fraction"]),
];

/// What is in the modules of [`IMPORTED`], as far as it is known here.
pub(super) fn members(module: &str) -> Option<&'static [&'static str]> {
    IMPORTED.iter().find(|(name, _)| *name == module).map(|(_, members)| *members)
}

/// A module, or something from one, that the program uses without an import.
pub(super) fn not_imported(site: &Site<'_>, name: &str) -> Option<Cause> {
    if site.program.bound_at(name).is_some() {
        return None;
    }
    let is_module = MODULES.contains(&name) && site.text().contains(&format!("{name}."));
    let (import, from) = if is_module {
        (format!("import {name}"), name)
    } else {
        let (module, _) = IMPORTED.iter().find(|(_, members)| members.contains(&name))?;
        (format!("from {module} import {name}"), *module)
    };
    let root = if is_module {
        format!("{} is a module of the standard library, and the program doesn't import it.", code(name))
    } else {
        format!(
            "{} belongs to the module {} of the standard library, and the program doesn't import it.",
            code(name),
            code(from)
        )
    };
    Some(
        Cause::new(root)
            .part(name)
            .what("What belongs to a module is unknown until a line at the top of the program asks for it.")
            .almost(format!("Begin the program with {}.", code(&import)))
            .insert(site, 1, &import)
            .topic("importing-modules"),
    )
}

pub(super) fn no_module(site: &Site<'_>) -> Option<Cause> {
    let full = *site.quoted().first()?;
    let module = full.split('.').next().unwrap_or(full);
    if PACKAGES.contains(&module) {
        return Some(
            Cause::new(format!("{} doesn't come with Python: it is a package of its own, and isn't installed where the program runs.", code(module)))
                .part(module)
                .what("Here programs run with Python's standard library only.")
                .almost("On your own computer `pip install` brings packages. Here, look for something in the standard library that does the job."),
        );
    }
    let right = nearest(module, MODULES)?;
    Some(
        Cause::new(format!(
            "There is no module {}, but the standard library has one with a very similar name.",
            code(module)
        ))
        .part(module)
        .what(format!("Compare with {}.", code(right)))
        .almost(format!("Write {}.", code(right)))
        .fix(site, site.line, rename(site.text(), module, right)),
    )
}

pub(super) fn no_such_import(site: &Site<'_>) -> Option<Cause> {
    let quoted = site.quoted();
    let (name, module) = (*quoted.first()?, *quoted.get(1)?);
    if let Some(cause) = own_file(site, module) {
        return Some(cause);
    }
    let right = nearest(name, members(module)?.iter().copied())?;
    Some(
        Cause::new(format!(
            "{} has nothing called {}, but something with a very similar name.",
            code(module),
            code(name)
        ))
        .part(name)
        .what(format!("Compare with {}.", code(right)))
        .almost(format!("Write {}.", code(right)))
        .fix(site, site.line, rename(site.text(), name, right)),
    )
}

/// A file of the student's own that has the name of a module and hides it.
pub(super) fn own_file(site: &Site<'_>, module: &str) -> Option<Cause> {
    let file = format!("{module}.py");
    let is_own = site.report.split('"').skip(1).step_by(2).any(|path| {
        path.rsplit(['/', '\\']).next() == Some(&file) && !path.contains("/lib/") && !path.contains("site-packages")
    });
    let is_said = MODULES.contains(&module) && site.message().contains("partially initialized");
    (is_own || is_said).then(|| {
        Cause::new(format!(
            "Your own file is called {}, like the module. Python finds your file first and imports that.",
            code(&file)
        ))
        .part(module)
        .what("Python looks beside the program before it looks into its library. Which names do your own files have?")
        .almost(format!("Rename {} to something that no module is called.", code(&file)))
        .topic("importing-modules")
    })
}
