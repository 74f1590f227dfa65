use anyhow::Result;
use learnflow_tests::triage::{KINDS, Labelled, Sorted, read};

use crate::report::Report;

/// How well questions are sorted. Misses are printed of the half on which rules are tuned only, and by the test.
pub fn measure(report: &mut Report) -> Result<()> {
    report.say(
        "## Triage\n\nLabelled questions in the style of beginners (`tests/data/triage`), sorted by its rules. Both halves of the \
         set come from who wrote the rules; the fresh questions were written afterwards, to trip them.\n",
    )?;
    let (questions, fresh) = (read("questions.jsonl")?, read("fresh.jsonl")?);
    let (tuned, kept): (Vec<&Labelled>, Vec<&Labelled>) =
        questions.iter().partition(|question| question.is_for_tuning());
    let parts =
        [("tuned on", Sorted::of(tuned)?), ("not looked at", Sorted::of(kept)?), ("fresh", Sorted::of(fresh.iter())?)];
    let share = |(right, all): (usize, usize)| {
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let percent = 100.0 * right as f64 / all.max(1) as f64;
        format!("{percent:.1} % of {all}")
    };
    let rows: Vec<Vec<String>> = parts
        .iter()
        .map(|(name, sorted)| {
            let kinds = KINDS.iter().map(|kind| share(sorted.right(Some(kind))));
            [(*name).to_owned(), share(sorted.right(None))].into_iter().chain(kinds).collect()
        })
        .collect();
    report.table(&[&["questions", "right"], &KINDS[..]].concat(), &rows)?;

    report.say("What is taken for what (rows are what questions are; the part not looked at and the fresh ones):\n")?;
    let taken = |is: &str, taken: &str| -> usize {
        let key = (is.to_owned(), taken.to_owned());
        parts[1..].iter().filter_map(|(_, sorted)| sorted.taken.get(&key)).sum()
    };
    let rows: Vec<Vec<String>> = KINDS
        .iter()
        .map(|is| {
            let counts = KINDS.iter().map(|as_what| taken(is, as_what).to_string());
            std::iter::once((*is).to_owned()).chain(counts).collect()
        })
        .collect();
    report.table(&[&["is"], &KINDS[..]].concat(), &rows)?;
    report.say(&format!("Sorting one takes {} µs on average.\n", parts[1].1.time.as_micros()))
}
