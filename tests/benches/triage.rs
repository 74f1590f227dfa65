use anyhow::Result;
use learnflow_tests::triage::{KINDS, Sorted, held_out, learned_from, learning_time, unseen};

use crate::report::Report;

/// How well questions are sorted. Misses are printed nowhere, so that nobody tunes anything on them.
pub fn measure(report: &mut Report) -> Result<()> {
    let (examples, (name, questions)) = (learned_from()?, held_out()?);
    let fresh = unseen(&questions, &examples);
    let history = match name {
        "blind" => "The blind questions were written by somebody who saw neither the examples nor triage",
        _ => "The fresh questions were written to trip an earlier triage, and later used to develop this one",
    };
    report.say(&format!(
        "## Triage\n\nLabelled questions in the style of beginners. triage learns from {}; cross-validated: each tenth of \
         them sorted by what was learned from the others. {history}; {} of the {} are, word for word, examples too, and \
         left out of the last row.\n",
        examples.len(),
        questions.len() - fresh.len(),
        questions.len(),
    ))?;
    let parts = [
        ("cross-validated".to_owned(), Sorted::cross_validated(&examples)?),
        (name.to_owned(), Sorted::of(&questions)?),
        (format!("{name}, not examples"), Sorted::of(fresh)?),
    ];
    let share = |(right, all): (usize, usize)| {
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let percent = 100.0 * right as f64 / all.max(1) as f64;
        format!("{percent:.1} % of {all}")
    };
    let rows: Vec<Vec<String>> = parts
        .iter()
        .map(|(name, sorted)| {
            let kinds = KINDS.iter().map(|kind| share(sorted.right(Some(kind))));
            [name.clone(), share(sorted.right(None))].into_iter().chain(kinds).collect()
        })
        .collect();
    report.table(&[&["questions", "right"], &KINDS[..]].concat(), &rows)?;

    report.say(&format!("What is taken for what (rows are what questions are; the {name} ones):\n"))?;
    let taken = |is: &str, taken: &str| parts[1].1.taken.get(&(is.to_owned(), taken.to_owned())).copied().unwrap_or(0);
    let rows: Vec<Vec<String>> = KINDS
        .iter()
        .map(|is| {
            let counts = KINDS.iter().map(|as_what| taken(is, as_what).to_string());
            std::iter::once((*is).to_owned()).chain(counts).collect()
        })
        .collect();
    report.table(&[&["is"], &KINDS[..]].concat(), &rows)?;
    report.say(&format!(
        "Sorting one takes {} µs on average, learning from all examples {} ms when the service starts.\n",
        parts[0].1.time().as_micros(),
        learning_time()?.as_millis(),
    ))
}
