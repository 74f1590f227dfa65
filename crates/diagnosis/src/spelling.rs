//! Names that are spelled almost alike.

/// The candidate most like `name`; none if all differ in more than a slip. The same letters in other case come first.
pub(crate) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let slips = match name.chars().count() {
        0..=1 => 0,
        2..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let squeezed = |text: &str| text.replace(['_', '-', ' '], "");
            let distance = if squeezed(&lower) == squeezed(&other) { 0 } else { distance(&lower, &other) };
            // Of three letters at most one is wrong; two short words are soon alike.
            (distance <= slips && 3 * distance <= other.chars().count()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > 3 {
        return usize::MAX / 4;
    }
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    for (index, cell) in rows[0].iter_mut().enumerate() {
        *cell = index;
    }
    for i in 1..=one.len() {
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-018: slips of the finger are recognized, other words aren't.
    #[test]
    fn slips_are_near_and_words_are_not() {
        let names = ["total", "count", "print", "user_name", "x"];
        for (wrong, right) in [("totl", "total"), ("Total", "total"), ("pritn", "print"), ("username", "user_name")] {
            assert_eq!(nearest(wrong, names), Some(right));
        }
        for other in ["price", "y", "amount", "total"] {
            assert_eq!(nearest(other, names.into_iter().filter(|name| *name != "total")), None, "{other}");
        }
    }
}
