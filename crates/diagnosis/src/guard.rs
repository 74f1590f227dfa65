//! Keeping the solution out of the hints before the last one.

/// Whether a text shows the corrected line. White space doesn't count.
pub(crate) fn leaks(text: &str, solution: Option<&str>) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    solution.is_some_and(|solution| {
        let solution = squeezed(solution);
        !solution.is_empty() && squeezed(text).contains(&solution)
    })
}

/// The first of the texts that doesn't show the solution. The last one is trusted.
pub(crate) fn first_safe<const N: usize>(texts: [String; N], solution: Option<&str>) -> String {
    let last = N - 1;
    let mut texts = texts.into_iter().enumerate();
    texts
        .find(|(number, text)| *number == last || (!text.trim().is_empty() && !leaks(text, solution)))
        .map(|(_, text)| text)
        .unwrap_or_default()
}
