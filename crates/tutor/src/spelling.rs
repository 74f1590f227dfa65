//! Finding the word that was probably meant by a misspelled one.

/// The correctly spelled words.
#[derive(Default)]
pub(crate) struct Dictionary {
    /// Each with the set of its letters, by which most candidates are ruled out in a few instructions.
    words: Vec<(u32, Vec<char>, String)>,
}

impl Dictionary {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words = words.into_iter().filter(|word| word.len() >= 4);
        Self { words: words.map(|word| (letters(&word), word.chars().collect(), word)).collect() }
    }

    /// The closest word: one slip away, or two for words of seven letters and more. The first letter is nearly always
    /// right, so it must be, unless the first two are swapped. In a short word a wrong letter makes another word, such as
    /// "bread" for "break", more often than a slip, so there only missing, added and swapped letters count.
    pub(crate) fn closest(&self, word: &str) -> Option<&str> {
        let typed: Vec<char> = word.chars().collect();
        let allowed = match typed.len() {
            0..4 => return None,
            4..7 => 1,
            _ => 2,
        };
        let wrong_letter = if typed.len() < 6 { 2 } else { 1 };
        let mask = letters(word);
        self.words
            .iter()
            .filter(|(other, candidate, _)| {
                (mask ^ other).count_ones() as usize <= 2 * allowed
                    && typed.len().abs_diff(candidate.len()) <= allowed
                    && (typed[0] == candidate[0] || (typed[0] == candidate[1] && typed[1] == candidate[0]))
            })
            .map(|(_, candidate, word)| (distance(&typed, candidate, wrong_letter), word))
            .filter(|&(distance, _)| distance <= allowed)
            .min()
            .map(|(_, word)| word.as_str())
    }
}

/// One bit for each of the letters a to z in the word, and one for all others.
fn letters(word: &str) -> u32 {
    word.bytes().fold(0, |set, byte| set | 1 << if byte.is_ascii_lowercase() { byte - b'a' } else { 26 })
}

/// How many slips make one word of the other: a letter missing, added, two neighbours swapped, or a letter wrong, which
/// counts `wrong_letter`.
fn distance(left: &[char], right: &[char], wrong_letter: usize) -> usize {
    let mut before_last = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let replaced = last[j] + if l == r { 0 } else { wrong_letter };
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left[i - 1] == *r && *l == right[j - 1] {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let words = ["dictionary", "list", "lambda", "look", "tuple"];
        let dictionary = Dictionary::new(words.map(str::to_owned));
        for (typed, meant) in [
            ("dictonary", Some("dictionary")),
            ("dictoinray", Some("dictionary")),
            ("lsit", Some("list")),
            ("ilst", Some("list")),
            ("lamda", Some("lambda")),
            ("tupple", Some("tuple")),
            ("cook", None),
            ("lost", None),
            ("dictionery", Some("dictionary")),
            ("mist", None),
            ("lis", None),
            ("dinosaur", None),
        ] {
            assert_eq!(dictionary.closest(typed), meant, "{typed}");
        }
    }
}
