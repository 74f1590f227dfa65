//! Signs and words of other languages.

use super::{Cause, code};
use crate::{
    program::indentation,
    site::Site,
    tokens::{KEYWORDS, Kind, Token},
};

/// What stands before a variable in other languages.
const DECLARING: [&str; 11] = ["var", "let", "const", "int", "float", "str", "string", "bool", "double", "char", "dim"];

pub(super) fn find(site: &Site<'_>, all: &[Token<'_>]) -> Option<Cause> {
    signs(site, all).or_else(|| words(site, all))
}

fn cured(site: &Site<'_>, text: String, cause: Cause) -> Cause {
    if site.is_cured_by(site.line, &text) { cause.fix(site, site.line, text) } else { cause }
}

/// Operators of other languages.
fn signs(site: &Site<'_>, all: &[Token<'_>]) -> Option<Cause> {
    let line = site.text();
    let replace = |token: &Token<'_>, text: &str| format!("{}{text}{}", &line[..token.start], &line[token.end()..]);
    let pairs = || all.windows(2).filter(|pair| pair[0].end() == pair[1].start);
    if let Some(pair) = pairs().find(|pair| pair[0].is("+") && pair[1].is("+") || pair[0].is("-") && pair[1].is("-")) {
        let sign = pair[0].text;
        let name = line[..pair[0].start].trim();
        let text = format!("{}{name} {sign}= 1", indentation(line));
        let cause = Cause::new(format!("{} isn't an operator of Python.", code(&format!("{sign}{sign}"))))
            .part(format!("{sign}{sign}"))
            .what("Other languages count up and down that way. Python adds to a variable and stores the sum.")
            .almost(format!("Write `{sign}= 1` behind the name."));
        return Some(cured(site, text, cause));
    }
    for (strange, right, meaning) in [("&", "and", "both conditions hold"), ("|", "or", "at least one condition holds")]
    {
        if let Some(pair) = pairs().find(|pair| pair[0].is(strange) && pair[1].is(strange)) {
            let text = format!("{} {right} {}", line[..pair[0].start].trim_end(), line[pair[1].end()..].trim_start());
            let cause = Cause::new(format!("{} isn't an operator of Python.", code(&strange.repeat(2))))
                .part(strange.repeat(2))
                .what(format!("Whether {meaning} is asked with an English word in Python."))
                .almost(format!("Write `{right}`."));
            return Some(cured(site, text, cause));
        }
    }
    if let Some(token) = all.iter().find(|token| matches!(token.text, "=>" | "<>")) {
        let right = if token.is("=>") { ">=" } else { "!=" };
        let cause = Cause::new(format!("{} isn't an operator of Python.", code(token.text)))
            .part(token.text)
            .what("The comparison exists, but its two signs are written in another way.")
            .almost(format!("Write `{right}`."));
        return Some(cured(site, replace(token, right), cause));
    }
    if let Some(pair) = pairs().find(|pair| {
        (pair[0].is("=") && matches!(pair[1].text, "<" | ">" | "=" | "==")) || (pair[0].is("==") && pair[1].is("="))
    }) {
        return Some(
            Cause::new("Two comparison signs stand in a row, or in the wrong order.")
                .part(format!("{}{}", pair[0].text, pair[1].text))
                .what("A comparison is one sign: `==`, `!=`, `<`, `>`, `<=` or `>=`.")
                .almost("Write the one that you mean."),
        );
    }
    if let Some(token) = all.iter().find(|token| token.is("!")) {
        let text = format!("{}not {}", &line[..token.start], line[token.end()..].trim_start());
        let cause = Cause::new("`!` alone isn't an operator of Python.")
            .part("!")
            .what("The opposite of a condition is asked with an English word.")
            .almost("Write `not` before the condition.");
        return Some(cured(site, text, cause));
    }
    if let Some(token) = all.iter().find(|token| matches!(token.text, "?" | "$")) {
        return Some(
            Cause::new(format!("{} has no meaning in Python.", code(token.text)))
                .part(token.text)
                .what("It belongs to another language, or slipped in.")
                .almost("Take it away. For a choice between two values Python writes `a if condition else b`."),
        );
    }
    None
}

/// Words of other languages at the beginning of a line.
fn words(site: &Site<'_>, all: &[Token<'_>]) -> Option<Cause> {
    let line = site.text();
    let replace = |token: &Token<'_>, text: &str| format!("{}{text}{}", &line[..token.start], &line[token.end()..]);
    let first = all.first()?;
    let lower = first.text.to_lowercase();
    let word = match lower.as_str() {
        "function" | "func" | "fn" | "fun" | "sub" | "define" => Some("def"),
        "foreach" => Some("for"),
        "elseif" | "elsif" => Some("elif"),
        "switch" => Some("match"),
        "catch" => Some("except"),
        "throw" => Some("raise"),
        other => KEYWORDS.into_iter().find(|word| *word == other && *word != first.text),
    };
    if let Some(word) = word {
        let cause = Cause::new(format!("{} isn't a word of Python, so it is read as a name.", code(first.text)))
            .part(first.text)
            .what("Python's own words are written in lower case, and some differ from those of other languages.")
            .almost(format!("Python's word is `{word}`."));
        return Some(cured(site, replace(first, word), cause));
    }
    if DECLARING.contains(&lower.as_str()) && all.get(1).is_some_and(|token| token.kind == Kind::Name) {
        let text = format!("{}{}", indentation(line), &line[all[1].start..]);
        let cause =
            Cause::new(format!("{} before the name {} has no place in Python.", code(first.text), code(all[1].text)))
                .part(first.text)
                .what("A variable isn't announced in Python: it exists as soon as a value is stored in it.")
                .almost("Begin the line with the name.");
        return Some(cured(site, text, cause));
    }
    None
}
