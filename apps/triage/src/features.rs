//! What the model sees of a question: its words and their parts, what the words stand for, and a few signs.

use std::{collections::HashMap, sync::LazyLock};

use crate::program::looks_broken;

/// A fingerprint and a value.
pub(crate) type Feature = (u32, f32);

/// Words that decide the kind of a question whichever of them it is: what is learned of one holds for all of its class.
/// A class per line; words that end in a full stop have to be equal, of others the beginning is enough.
const CLASSES: &str = include_str!("../data/words.txt");

/// The class of each beginning of a word, or with a full stop of a whole word. The first class counts.
static CLASS_OF: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let classes = CLASSES.lines().rev().filter_map(|line| line.split_once(": "));
    classes.flat_map(|(class, words)| words.split(' ').map(move |word| (word, class))).collect()
});

/// How much a sign counts, beside words that count one.
const SIGN: f32 = 2.0;

/// Only the beginning of a long text is looked at.
const MOST_CHARS: usize = 600;

/// What a feature is about; part of its fingerprint.
#[derive(Clone, Copy)]
enum About {
    Everything,
    Word,
    WordBesideCode,
    Pair,
    Letters,
    Class,
    Classes,
    Sign,
}

/// The features of a question, each once.
pub(crate) fn features(text: &str, code: &str, error: &str) -> Vec<Feature> {
    let has_code = !code.trim().is_empty();
    let words = words(text);
    let classes: Vec<Option<&str>> = words.iter().map(|word| class(word)).collect();

    let mut found = vec![fingerprint(About::Everything, &[])];
    for word in &words {
        found.push(fingerprint(About::Word, &[word]));
        if has_code {
            found.push(fingerprint(About::WordBesideCode, &[word]));
        }
        let marked = format!("^{word}$");
        let starts: Vec<usize> = marked.char_indices().map(|(start, _)| start).chain([marked.len()]).collect();
        for size in [3, 4] {
            let spans = starts.iter().zip(starts.iter().skip(size));
            found.extend(spans.map(|(start, end)| fingerprint(About::Letters, &[&marked[*start..*end]])));
        }
    }
    found.extend(classes.iter().flatten().map(|class| fingerprint(About::Class, &[class])));
    found.extend(runs(words.iter().map(String::as_str)).windows(2).map(|pair| fingerprint(About::Pair, pair)));
    let general = runs(words.iter().zip(&classes).map(|(word, class)| class.unwrap_or(word)));
    for size in [2, 3] {
        found.extend(general.windows(size).map(|run| fingerprint(About::Classes, run)));
    }
    found.sort_unstable();
    found.dedup();

    let speaks_of = |class: &str| classes.contains(&Some(class));
    let signs = [
        ("code", has_code),
        ("broken code", has_code && looks_broken(code)),
        ("code and few words", has_code && words.len() <= 2),
        ("error", !error.trim().is_empty()),
        ("question mark", text.contains('?')),
        ("few words", words.len() <= 2),
        ("many words", words.len() > 12),
        ("own program", speaks_of("mine") && speaks_of("program")),
        ("other things", !["python", "program", "task", "error", "judge"].into_iter().any(speaks_of)),
    ];
    let signs =
        signs.into_iter().filter(|(_, holds)| *holds).map(|(sign, _)| (fingerprint(About::Sign, &[sign]), SIGN));
    found.into_iter().map(|feature| (feature, 1.0)).chain(signs).collect()
}

/// Words between signs for the beginning and the end.
fn runs<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    ["^"].into_iter().chain(words).chain(["$"]).collect()
}

/// Which class a word belongs to: that of the word, else of its longest beginning that has one.
fn class(word: &str) -> Option<&'static str> {
    let beginnings = || word.char_indices().rev().map(|(start, char)| &word[..start + char.len_utf8()]);
    CLASS_OF.get(format!("{word}.").as_str()).or_else(|| beginnings().find_map(|part| CLASS_OF.get(part))).copied()
}

/// The words of a text in lower case without apostrophes; any number as `#`, other signs one by one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut within_word, mut next) = (false, 0);
    for (start, char) in text.char_indices().take(MOST_CHARS) {
        if start < next || matches!(char, '\'' | '’' | '`') {
            continue;
        }
        let char = if char.is_ascii_digit() { '#' } else { char };
        if is_unspaced(char) {
            let word = known_beginning(&text[start..]).unwrap_or(&text[start..start + char.len_utf8()]);
            next = start + word.len();
            words.push(word.to_owned());
            within_word = false;
        } else if char.is_alphanumeric() || matches!(char, '_' | '#') || is_mark(char) {
            match words.last_mut().filter(|_| within_word) {
                Some(word) if char == '#' && word.ends_with('#') => {}
                Some(word) => word.extend(char.to_lowercase()),
                None => words.push(char.to_lowercase().collect()),
            }
            within_word = true;
        } else {
            within_word = false;
            if !char.is_whitespace() && words.last().is_none_or(|word| !word.starts_with(char)) {
                words.push(char.to_string());
            }
        }
    }
    words
}

/// Whether a script writes without spaces, so that its "words" would be sentences.
fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// The longest word that has a class at the beginning of a text without spaces.
fn known_beginning(text: &str) -> Option<&str> {
    let ends = text.char_indices().map(|(start, char)| start + char.len_utf8()).take(6);
    ends.map(|end| &text[..end]).filter(|word| CLASS_OF.contains_key(word)).last()
}

/// Vowel signs and other marks that belong to the letter before them.
fn is_mark(char: char) -> bool {
    matches!(char, '\u{0300}'..='\u{036f}' | '\u{064b}'..='\u{065f}' | '\u{0900}'..='\u{0963}')
}

/// FNV-1a, its halves folded into one.
#[allow(clippy::cast_possible_truncation, reason = "any part of it will do")]
fn fingerprint(about: About, parts: &[&str]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    add(about as u8);
    for part in parts {
        part.bytes().for_each(&mut add);
        add(0xff);
    }
    (hash ^ (hash >> 32)) as u32
}
