//! From text to terms: English words are reduced to their stems, what belongs to Python is kept whole.

use std::sync::LazyLock;

use regex::Regex;
use rust_stemmers::{Algorithm, Stemmer};

use crate::spelling::Dictionary;

/// Something a text speaks of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    /// The stem of a word, or a Python name or operator as it is.
    pub(crate) text: String,
    /// How much it says about the topic, 0 to 1; more if it says that the text is about something else.
    pub(crate) weight: f32,
    /// The word as typed, in lower case; empty if it is none.
    pub(crate) word: String,
}

/// Where a text comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A student's sentence: `for`, `and`, `is` are usually just English.
    Prose,
    /// Code or a keyword: `for`, `and`, `is` are Python's.
    Python,
}

/// English words that are also Python's, and how much they count in a sentence that doesn't mark them as Python.
const AMBIGUOUS: [(&str, f32); 14] = [
    ("if", 0.3),
    ("for", 0.15),
    ("and", 0.05),
    ("or", 0.05),
    ("not", 0.1),
    ("in", 0.05),
    ("is", 0.05),
    ("with", 0.1),
    ("as", 0.05),
    ("from", 0.1),
    ("try", 0.3),
    ("while", 0.4),
    ("all", 0.1),
    ("any", 0.1),
];

/// Those of them that hardly any sentence does without.
const COMMON: [&str; 5] = ["for", "in", "is", "with", "as"];

/// Words that make the ambiguous word after them a noun, and so Python's: "a for", "use with".
const ARTICLES: [&str; 7] = ["a", "an", "another", "the", "my", "use", "using"];

/// Words after or before which an ambiguous word is Python's.
const MARKERS: [&str; 20] = [
    "loop",
    "loops",
    "statement",
    "statements",
    "keyword",
    "operator",
    "operators",
    "block",
    "blocks",
    "clause",
    "else",
    "elif",
    "except",
    "finally",
    "condition",
    "conditions",
    "true",
    "each",
    "forloop",
    "construct",
];

/// English words that say nothing about the topic.
const STOP_WORDS: &str = "a able about actually after again almost already also always am an another anyone anything are at basically \
    be because been before being best better bit bro but by came can cannot cant code come could couldnt dear \
    did didnt do does doesnt doing done dont during easily especially etc ever everyone exactly example examples \
    exercise explain explained explanation few forgot found gave get gets getting give gives go goes going gonna \
    good got guys had happen happened happening happens has have havent having he hello help her here hey hi him \
    his homework how however i i'd i'll i'm i've idea im instead into isnt it it's its just keep keeps know \
    learn learning let lets like likes look looks made make makes making maybe me mean meaning means might mine \
    more most much must my need needed needs no now of ok okay on one only onto other others our out over people \
    please pls plz possible probably problem properly python python3 question quickly quite rather really \
    remember right say says see seem seems she should show shows simple simply since sir so some somebody \
    someone something sometimes sorry still student such sure take takes teach teacher tell tells than thank \
    thanks that that's thats the their them then there these they thing things think this those through thx to \
    told too tried trying tutorial u understand understood up ur us use used useful uses using usually very \
    wanna want wanted wants was wasnt way ways we weird well were what what's whats when where whether which who \
    whose why will within without wont work working works would wrong wrote yes yet you your";

/// Words of other subjects and other languages: they speak against Python.
const ELSEWHERE: [&str; 22] = [
    "bitcoin",
    "cook",
    "css",
    "dinner",
    "football",
    "horoscope",
    "html",
    "java",
    "javascript",
    "joke",
    "kotlin",
    "pasta",
    "php",
    "poem",
    "politics",
    "president",
    "recipe",
    "religion",
    "soccer",
    "typescript",
    "vacation",
    "weather",
];
/// How much such a word, or a proper name, weighs against the others.
const FOREIGN: f32 = 2.5;

/// How much of a text is read, in bytes: more than any question has, and a bound on the work for a pasted book.
const READ_MOST: usize = 8_000;

static PIECES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?x)",
        r"(?P<comprehension>[\[{][^\[\]{}]*\bfor\b[^\[\]{}]*\bin\b[^\[\]{}]*[\]}])",
        r"|(?P<unpacking>\b\w+\s*,\s*\w+\s*=\s*[^=\s])",
        r"|(?P<slice>\[[^\[\]\s]*:[^\[\]\s]*\])", // [1:3], [::-1]
        r"|(?P<index>\[\s*-?\d*\s*\])",           // [], [0], [-1]
        r"|(?P<fstring>\b[fF][-\x20]?strings?\b|\b[fF]['\x22])",
        r"|(?P<whole>\{\}|\x22\x22\x22|'''|\\[nt\\]|\*\*?(?:kw)?args\b|%[sd]\b|\b\d+\.\d+\b|\b\d+d\b)",
        r"|(?P<operator>==|!=|<=|>=|\+=|-=|\*=|/=|%=|:=|\*\*|//|&&|\|\||\+\+)",
        r"|(?P<single>[-+*/%<>=@&|^\#!])",
        r"|(?P<word>\p{L}[\p{L}\d_]*(?:['’]\p{L}+)?(?:\.[A-Za-z_]\w*)*|_\w+)",
    ))
    .ok()
});

static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));

/// The stem of a lower-case word.
pub(crate) fn stem(word: &str) -> String {
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) { STEMMER.stem(word).into_owned() } else { word.to_owned() }
}

/// The terms of a text, in order, possibly repeated. Of a very long text only the beginning is read.
pub(crate) fn terms(text: &str, origin: Origin) -> Vec<Term> {
    let text = &text[..text.floor_char_boundary(READ_MOST)];
    let mut terms = Vec::new();
    let mut before = String::new();
    let alone = |piece: &str| piece.len() == text.trim().len();
    let Some(pieces) = PIECES.as_ref() else { return terms };
    for captures in pieces.captures_iter(text) {
        let Some(piece) = captures.get(0) else { continue };
        let mut whole = |text: &str, weight| {
            terms.push(Term { text: text.to_owned(), weight, word: String::new() });
        };
        if captures.name("comprehension").is_some() {
            whole(&stem("comprehension"), 1.0);
        } else if captures.name("unpacking").is_some() {
            whole(&stem("unpacking"), 1.0);
        } else if captures.name("slice").is_some() {
            whole(piece.as_str(), 1.0);
            whole("[:]", 1.0);
        } else if captures.name("index").is_some() {
            whole(&piece.as_str().replace(' ', ""), 1.0);
        } else if captures.name("fstring").is_some() {
            whole("f-string", 1.0);
        } else if captures.name("whole").or(captures.name("operator")).is_some() {
            whole(piece.as_str(), 1.0);
        } else if captures.name("single").is_some() {
            if origin == Origin::Python || stands_alone(text, piece.range()) {
                whole(piece.as_str(), 1.0);
            }
        } else {
            let sense = if is_quoted(text, piece.range()) || alone(piece.as_str()) {
                Sense::Name
            } else if origin == Origin::Python {
                Sense::Python
            } else {
                Sense::English
            };
            let word = piece.as_str().to_lowercase().replace('’', "'");
            push_word(&mut terms, &word, sense, &before, next_word(&text[piece.end()..]));
            if sense == Sense::English && (ELSEWHERE.contains(&word.as_str()) || is_proper_name(text, piece.range())) {
                terms.last_mut().into_iter().filter(|term| term.word == word).for_each(|term| term.weight = FOREIGN);
            }
            before = word;
        }
    }
    // "What does and do?": if nothing else was said, the small words are what the question is about. In a longer text
    // that isn't so of those which every sentence has.
    if terms.iter().all(|term| term.weight < 0.5) {
        let is_short = text.split_whitespace().count() <= 3;
        for term in terms.iter_mut().filter(|term| is_short || !COMMON.contains(&term.text.as_str())) {
            term.weight = 1.0;
        }
    }
    terms
}

/// How a word is to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// As a word of a sentence.
    English,
    /// As Python's where it could be either.
    Python,
    /// As a name, which means something even if it looks like a stop word: `get`, `all`.
    Name,
}

fn push_word(terms: &mut Vec<Term>, word: &str, sense: Sense, before: &str, after: &str) {
    if word.contains('.') {
        terms.push(Term { text: word.to_owned(), weight: 1.0, word: String::new() });
        word.split('.').for_each(|part| push_word(terms, part, Sense::Name, "", ""));
        return;
    }
    let word = word.strip_suffix("'s").unwrap_or(word);
    if let Some(&(_, weight)) = AMBIGUOUS.iter().find(|(ambiguous, _)| *ambiguous == word) {
        let is_marker = |neighbour: &str| MARKERS.contains(&neighbour.to_lowercase().as_str());
        let is_noun = ARTICLES.contains(&before) || is_marker(before) || is_marker(after);
        let weight = if sense != Sense::English || is_noun { 1.0 } else { weight };
        terms.push(Term { text: word.to_owned(), weight, word: String::new() });
        return;
    }
    let is_phrase = (word == "difference" && after == "between") || (word == "between" && before == "difference");
    if sense != Sense::Name && (is_stop_word(word) || is_phrase) {
        return;
    }
    terms.push(Term { text: stem(word), weight: 1.0, word: word.to_owned() });
}

/// "waht", "pyton": a word that would say nothing if it were spelled correctly. Short words are too close to others.
pub(crate) fn is_misspelled_stop_word(word: &str) -> bool {
    static LONGER: LazyLock<Dictionary> =
        LazyLock::new(|| Dictionary::new(STOP_WORDS.split_whitespace().map(str::to_owned)));
    LONGER.closest(word).is_some()
}

fn is_stop_word(word: &str) -> bool {
    static WORDS: LazyLock<std::collections::HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_whitespace().collect());
    word.len() == 1 || WORDS.contains(word)
}

/// Whether an operator sign is one, and not punctuation or a hyphen: no letter touches it.
fn stands_alone(text: &str, range: std::ops::Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let is_free = |neighbour: Option<char>| neighbour.is_none_or(|c| !c.is_alphabetic() && !".!?,<>-".contains(c));
    is_free(before) && is_free(after)
}

fn is_quoted(text: &str, range: std::ops::Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    matches!((before, after), (Some('`'), Some('`')) | (Some('\''), Some('\'')) | (Some('"'), Some('"')))
}

/// A capital letter in the middle of a sentence and small ones after it. That an index knows the word, such as `True`, is
/// for its user to find out.
fn is_proper_name(text: &str, range: std::ops::Range<usize>) -> bool {
    let mut letters = text[range.clone()].chars();
    let before = text[..range.start].trim_end().chars().next_back();
    letters.next().is_some_and(char::is_uppercase)
        && letters.all(char::is_lowercase)
        && before.is_some_and(|character| character.is_alphanumeric() || character == ',')
}

fn next_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        terms(text, Origin::Prose).into_iter().filter(|term| term.weight > 0.5).map(|term| term.text).collect()
    }

    #[test]
    fn python_is_kept_whole_and_english_is_stemmed() {
        assert_eq!(texts("What are dictionaries?"), ["dictionari"]);
        assert_eq!(texts("what does my_list[::-1] do"), ["my_list", "[::-1]", "[:]"]);
        assert_eq!(texts("x += 1 and __init__"), ["+=", "__init__"]);
        assert_eq!(texts("difference between = and =="), ["=", "=="]);
        assert_eq!(texts("how does list.append work"), ["list.append", "list", "append"]);
        assert_eq!(texts("f-strings or f\"{x}\"?"), ["f-string", "f-string"]);
        assert_eq!(texts("Help! A well-known while loop."), ["known", "while", "loop"]);
        assert_eq!(texts("for loops"), ["for", "loop"]);
        assert_eq!(texts("a list for my dog"), ["list", "dog"]);
        assert_eq!(texts("what does `in` do"), ["in"]);
        assert_eq!(texts("what is or?"), ["is", "or"]);
    }
}
