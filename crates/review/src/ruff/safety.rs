//! What opens a door to attackers.

use learnflow_curriculum::Level::{Beginner, Learning};

use super::{Entry, entry};
use crate::Severity::{Error, Info, Warning};

pub(super) const RULES: &[Entry] = &[
    entry(
        "S102",
        Warning,
        Beginner,
        "`exec` runs any text as a program. Whoever can choose the text can do whatever your program can.",
        "There is nearly always another way: a dictionary of functions, for example.",
    ),
    entry(
        "S307",
        Warning,
        Beginner,
        "`eval` runs any text as Python. Whoever can type it in can do whatever your program can, delete files for example.",
        "For a number use `int(text)` or `float(text)`; for a list or dictionary `ast.literal_eval(text)`.",
    ),
    entry(
        "S301",
        Warning,
        Learning,
        "Reading pickled data can run a program hidden in it.",
        "Only read what your own program has written; for exchange use `json`.",
    ),
    entry(
        "S605",
        Warning,
        Beginner,
        "This starts a command by way of the shell. If a part of it comes from outside, others decide what runs.",
        "Use `subprocess.run` with a list: `subprocess.run([\"ls\", folder])`.",
    ),
    entry(
        "S602",
        Warning,
        Learning,
        "With `shell=True`, signs like `;` in a part of the command begin another command.",
        "Leave it away and give the command as a list.",
    ),
    entry(
        "S608",
        Warning,
        Learning,
        "This question to the database is put together from pieces of text: whoever chooses a piece can change the question.",
        "Leave placeholders in the text and pass the values beside it.",
    ),
    entry(
        "S105",
        Info,
        Learning,
        "This looks like a password in the program's text, where every reader finds it.",
        "Read it from the environment: `os.environ[\"PASSWORD\"]`.",
    ),
    entry(
        "S324",
        Info,
        Learning,
        "This kind of hash can be forged, so it protects nothing.",
        "Use `hashlib.sha256`; for passwords `hashlib.scrypt`.",
    ),
    entry(
        "S501",
        Error,
        Learning,
        "With `verify=False` nobody checks who answers: anyone in between can read along.",
        "Leave it away.",
    ),
    entry("S506", Warning, Learning, "`yaml.load` can run a program hidden in the data.", "Use `yaml.safe_load`."),
    entry(
        "S201",
        Warning,
        Learning,
        "With `debug=True` everyone who reaches the page can run programs on your machine.",
        "Switch it on only while you try things out, from the command line.",
    ),
];
