//! Version ranges as npm's semver has them, which Piston's clients send: "3.11.2", "3.x", "*", ">=3.8 <4", "^3.9 || 2".

/// Whether a version is in a range. A range that cannot be read holds nothing.
pub fn matches(range: &str, version: &str) -> bool {
    let Some((version, false)) = parts(version) else { return false };
    range.split("||").any(|all| {
        let mut comparators = all.split_whitespace().peekable();
        comparators.peek().is_some() && comparators.all(|comparator| holds(comparator, &version))
    })
}

fn holds(comparator: &str, version: &[u64]) -> bool {
    let number = comparator.trim_start_matches(['^', '~', '<', '>', '=']);
    let operator = &comparator[..comparator.len() - number.len()];
    let Some((wanted, _)) = parts(number) else { return false };
    // What a range leaves open does not count: 3.11.2 is neither above nor below 3.11.
    let given = &version[..wanted.len().min(version.len())];
    let wanted = &wanted[..given.len()];
    let same = |count: usize| given.iter().zip(wanted).take(count).all(|(given, wanted)| given == wanted);
    match operator {
        "" | "=" => given == wanted,
        "^" => given >= wanted && same(1),
        "~" => given >= wanted && same(2),
        ">" => given > wanted,
        ">=" => given >= wanted,
        "<" => given < wanted,
        "<=" => given <= wanted,
        _ => false,
    }
}

/// The numbers of a version up to the first that is left open, and whether one was.
fn parts(text: &str) -> Option<(Vec<u64>, bool)> {
    let mut numbers = Vec::new();
    let mut is_open = false;
    for part in text.trim_start_matches('v').split('.') {
        if matches!(part, "x" | "X" | "*") {
            is_open = true;
        } else if is_open {
            return None;
        } else {
            numbers.push(part.parse().ok()?);
        }
    }
    Some((numbers, is_open))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-029: a client written for Piston gets the Python it asks for, or is told that it is not here.
    #[test]
    fn ranges_hold_what_they_say() {
        let inside = [
            "3.11.2", "3.11", "3", "3.x", "3.11.x", "*", "x", "=3.11.2", "^3.9.0", "~3.11.0", "~3.11", "^3", ">=3.8",
            ">=3.8 <4", "<=3.11", ">2", "2 || 3", "v3.11.2", "3.11.*",
        ];
        for range in inside {
            assert!(matches(range, "3.11.2"), "{range}");
        }
        let outside = [
            "3.11.1",
            "3.10",
            "2",
            "4.x",
            "^3.12",
            "^2.0.0",
            "~3.10",
            "~3.11.3",
            ">3.11",
            "<3.11",
            ">=3.12",
            ">=3.8 <3.11",
            "",
            "latest",
            "3.x.2",
            "||",
            "3.11.2.1.",
            "-3",
            ">>3",
            "^",
        ];
        for range in outside {
            assert!(!matches(range, "3.11.2"), "{range}");
        }
    }
}
