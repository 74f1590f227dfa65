//! Brackets and quotation marks.

use super::{Cause, code, count, syntax::code_end};
use crate::{
    site::Site,
    tokens::{Kind, tokens},
};

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    let message = site.message();
    if site.text().trim().is_empty() {
        return None;
    }
    if message.contains("was never closed") {
        never_closed(site)
    } else if message.starts_with("unmatched") {
        never_opened(site)
    } else if message.starts_with("closing parenthesis") {
        wrong_kind(site)
    } else if message.starts_with("unterminated string literal") {
        open_text(site)
    } else if message.starts_with("unterminated triple-quoted") {
        Some(
            Cause::new(format!("The text that begins in line {} with three quotation marks has no end.", site.line))
                .what("Everything below became part of the text. Where should it have ended?")
                .almost("Put the same three quotation marks where the text ends."),
        )
    } else {
        None
    }
}

fn partner(bracket: &str) -> &'static str {
    match bracket {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}

fn never_closed(site: &Site<'_>) -> Option<Cause> {
    let open = *site.quoted().first()?;
    let (line, close) = (site.text(), partner(open));
    let all = tokens(line);
    let opened = all.iter().filter(|token| token.is(open)).count();
    let closed = all.iter().filter(|token| token.is(close)).count();
    let end = code_end(line);
    // Behind the last value, or before the colon that ends the line.
    let mut places = vec![end];
    if all.last().is_some_and(|token| token.is(":")) {
        places.insert(0, all.last()?.start);
    }
    if let Some(last) = all.iter().rev().find(|token| token.is(close)) {
        places.push(last.end());
    }
    let candidates = places.into_iter().map(|at| format!("{}{close}{}", &line[..at], &line[at..]));
    let fixed = candidates.into_iter().find(|text| site.is_cured_by(site.line, text));
    let cause = Cause::new(format!(
        "The bracket {} in line {} has no partner: Python looked for it up to the end of the program.",
        code(open),
        site.line
    ))
    .what(format!(
        "In this line stand {} of {} and {} of {}.",
        count(opened, "piece"),
        code(open),
        count(closed, "piece"),
        code(close)
    ))
    .almost(format!("Put one {} where the bracket should end.", code(close)));
    Some(match fixed {
        Some(fixed) => cause.fix(site, site.line, fixed),
        None => cause,
    })
}

fn never_opened(site: &Site<'_>) -> Option<Cause> {
    let close = *site.quoted().first()?;
    let line = site.text();
    let column = site.column.filter(|at| line[*at..].starts_with(close)).or_else(|| line.rfind(close))?;
    let fixed = format!("{}{}", &line[..column], &line[column + close.len()..]);
    let cause = Cause::new(format!("The bracket {} ends something that was never begun.", code(close)))
        .what(format!(
            "Pair the brackets from left to right: one {} is left over. Is it too much, or is its partner missing?",
            code(close)
        ))
        .almost(format!(
            "Take the last {} away, or put a {} where it should begin.",
            code(close),
            code(partner(close))
        ));
    Some(if site.is_cured_by(site.line, &fixed) { cause.fix(site, site.line, fixed) } else { cause })
}

fn wrong_kind(site: &Site<'_>) -> Option<Cause> {
    let quoted = site.quoted();
    let (close, open) = (*quoted.first()?, *quoted.get(1)?);
    let line = site.text();
    let column = site.column.filter(|at| line[*at..].starts_with(close)).or_else(|| line.rfind(close))?;
    let right = partner(open);
    let fixed = format!("{}{right}{}", &line[..column], &line[column + close.len()..]);
    let cause = Cause::new(format!("A bracket is opened with {} and closed with {}.", code(open), code(close)))
        .part(close)
        .what("Each kind of bracket has a partner of its own kind; the one opened last is closed first.")
        .almost(format!("{} is closed with {}.", code(open), code(right)));
    Some(if site.is_cured_by(site.line, &fixed) { cause.fix(site, site.line, fixed) } else { cause })
}

fn open_text(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let all = tokens(line);
    let last = all.iter().rev().find(|token| token.kind == Kind::Text)?;
    let mark = last.text.chars().find(|sign| matches!(sign, '"' | '\''))?;
    let other = if mark == '"' { '\'' } else { '"' };
    // 'It's here': the apostrophe ended the text.
    if mark == '\'' {
        let first = all.iter().find(|token| token.kind == Kind::Text && token.text.starts_with('\''))?;
        let is_apostrophe = line[first.end()..].chars().next().is_some_and(char::is_alphabetic);
        if is_apostrophe {
            let end = last.start;
            let inner = &line[first.start + 1..end];
            let fixed = format!("{}\"{inner}\"{}", &line[..first.start], &line[end + 1..]);
            let cause = Cause::new(format!("The apostrophe behind {} ends the text too early.", code(first.text)))
                .part(first.text)
                .what("Inside single quotation marks an apostrophe looks like the end of the text. Which other marks can a text have around it?")
                .almost("Put double quotation marks around a text that contains an apostrophe.")
                .topic("strings");
            return Some(if site.is_cured_by(site.line, &fixed) { cause.fix(site, site.line, fixed) } else { cause });
        }
    }
    let trimmed = line.trim_end();
    let closers = trimmed.len() - trimmed.trim_end_matches([')', ']', '}', ':', ',']).len();
    let at = trimmed.len() - closers;
    let mut candidates = Vec::new();
    if trimmed[..at].ends_with(other) {
        candidates.push(format!("{}{mark}{}", &trimmed[..at - 1], &trimmed[at..]));
    }
    for at in [at, trimmed.len()] {
        candidates.push(format!("{}{mark}{}", &trimmed[..at], &trimmed[at..]));
    }
    let is_mixed = trimmed[..at].ends_with(other);
    let fixed = candidates.into_iter().find(|text| site.is_cured_by(site.line, text));
    let cause = if is_mixed {
        Cause::new(format!(
            "The text begins with {} and seems to end with {}.",
            code(&mark.to_string()),
            code(&other.to_string())
        ))
        .what("A text ends with the same kind of quotation mark that it begins with.")
    } else {
        Cause::new(format!("The text that begins with {} has no end in its line.", code(last.text)))
            .what(format!("It began with {}. Where should the same mark stand once more?", code(&mark.to_string())))
    };
    let cause = cause.part(last.text).almost(format!("Put {} where the text ends.", code(&mark.to_string())));
    Some(match fixed {
        Some(fixed) => cause.fix(site, site.line, fixed),
        None => cause,
    })
}
