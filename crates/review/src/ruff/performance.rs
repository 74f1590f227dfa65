//! What does more work than it need do.

use learnflow_curriculum::Level::{Learning, Proficient};

use super::{Entry, entry};
use crate::Severity::{Info, Warning};

pub(super) const RULES: &[Entry] = &[
    entry("C400", Info, Learning, "`list(… for …)` has a form of its own.", "Write `[… for …]`."),
    entry("C401", Info, Learning, "`set(… for …)` has a form of its own.", "Write `{… for …}`."),
    entry("C402", Info, Learning, "`dict(… for …)` has a form of its own.", "Write `{key: value for …}`."),
    entry("C403", Info, Learning, "A list is made only to be turned into a set.", "Write `{… for …}`."),
    entry("C404", Info, Learning, "A list is made only to be turned into a dictionary.", "Write `{key: value for …}`."),
    entry("C405", Info, Learning, "A list or tuple is made only to be turned into a set.", "Write `{1, 2, 3}`."),
    entry("C409", Info, Learning, "A list or tuple is made only to be turned into a tuple.", "Write `(1, 2, 3)`."),
    entry("C410", Info, Learning, "A list or tuple is made only to be turned into a list.", "Write `[1, 2, 3]`."),
    entry("C411", Info, Learning, "This is a list already: `list(…)` only copies it.", "Leave `list(…)` away."),
    entry(
        "C413",
        Info,
        Learning,
        "`sorted` makes a list already, and can sort backwards.",
        "Use `sorted(items)` or `sorted(items, reverse=True)`.",
    ),
    entry(
        "C414",
        Info,
        Learning,
        "The inner call makes something that the outer one makes anew.",
        "Leave the inner call away.",
    ),
    entry(
        "C416",
        Info,
        Learning,
        "This comprehension copies the items as they are.",
        "`list(items)` or `set(items)` says so.",
    ),
    entry(
        "C417",
        Info,
        Proficient,
        "`map` with a `lambda` is harder to read than a comprehension.",
        "Write `[… for item in items]`.",
    ),
    entry(
        "C419",
        Info,
        Proficient,
        "A whole list is made before the first item is looked at.",
        "Leave the brackets away: `any(… for …)` stops as soon as it knows.",
    ),
    entry("PERF101", Info, Learning, "`list(…)` copies everything before the loop begins.", "Go over the original."),
    entry(
        "PERF102",
        Info,
        Learning,
        "The loop asks `.items()` for pairs and uses one half.",
        "`.keys()` or `.values()` gives just that one.",
    ),
    entry(
        "PERF401",
        Info,
        Proficient,
        "The loop fills a list item by item.",
        "A comprehension says it in one line: `[… for item in items]`.",
    ),
    entry("PERF402", Info, Learning, "The loop copies a list item by item.", "`list(items)` does it at once."),
    entry(
        "PERF403",
        Info,
        Proficient,
        "The loop fills a dictionary pair by pair.",
        "A comprehension says it in one line: `{key: value for …}`.",
    ),
    entry(
        "RUF017",
        Warning,
        Proficient,
        "`sum` makes a new list at every step: with twice as many lists it takes four times as long.",
        "Use `itertools.chain.from_iterable(lists)`.",
    ),
    entry(
        "FURB129",
        Info,
        Learning,
        "`readlines` reads the whole file before the loop begins.",
        "Go over the file itself: `for line in file:`.",
    ),
];
