//! "invalid syntax": what stands where Python gave up, told from the signs around it.

use super::{Cause, code, foreign};
use crate::{
    program::indentation,
    site::Site,
    tokens::{Kind, Token, tokens},
};

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    if !site.message().trim_start_matches("f-string: ").starts_with("invalid syntax") {
        return None;
    }
    let line = site.text();
    let all = tokens(line);
    let first = *all.first()?;
    let column = site.column.unwrap_or(0);
    let at = all.iter().position(|token| token.end() > column).unwrap_or(all.len());
    let (before, here) = (at.checked_sub(1).and_then(|index| all.get(index)).copied(), all.get(at).copied());
    foreign::find(site, &all)
        .or_else(|| keyword_as_name(site, &all, before, here))
        .or_else(|| without_beginning(site, first))
        .or_else(|| block_without_colon(site, first, here))
        .or_else(|| open_bracket(site, &all[..at], here))
        .or_else(|| incomplete(&all, before, here))
        .or_else(|| neighbours(site, before, here))
}

/// A word that belongs to Python in the place of a name.
fn keyword_as_name(
    site: &Site<'_>,
    all: &[Token<'_>],
    before: Option<Token<'_>>,
    here: Option<Token<'_>>,
) -> Option<Cause> {
    let is_reserved =
        |token: &Token<'_>| token.kind == Kind::Keyword && !matches!(token.text, "None" | "True" | "False");
    let assigned = all.windows(2).find(|pair| is_reserved(&pair[0]) && pair[1].is("=")).map(|pair| pair[0]);
    let defined = all
        .windows(2)
        .find(|pair| matches!(pair[0].text, "def" | "class" | "for" | "as" | "import") && is_reserved(&pair[1]))
        .map(|pair| pair[1]);
    let dotted = all.windows(2).find(|pair| pair[0].is(".") && pair[1].kind == Kind::Keyword).map(|pair| pair[1]);
    let in_brackets = before
        .zip(here)
        .filter(|(before, here)| {
            matches!(before.text, "(" | ",")
                && is_reserved(here)
                && !matches!(here.text, "lambda" | "not" | "await" | "yield")
        })
        .map(|(_, here)| here);
    let word = assigned.or(defined).or(dotted).or(in_brackets)?;
    let line = site.text();
    let text = format!("{}{}_{}", &line[..word.start], word.text, &line[word.end()..]);
    let cause = Cause::new(format!("{} is a word of Python itself and can't be used as a name.", code(word.text)))
        .part(word.text)
        .what("Python keeps 35 words for its own grammar, such as `class`, `for` and `in`. The editor shows them in another colour.")
        .almost(format!("Choose another name; by custom one adds an underscore: `{}_`.", word.text));
    Some(if assigned.is_some() && site.is_cured_by(site.line, &text) {
        cause.fix(site, site.line, text)
    } else {
        cause
    })
}

/// `else`, `except` and the like without what they belong to.
fn without_beginning(site: &Site<'_>, first: Token<'_>) -> Option<Cause> {
    let belongs_to = match first.text {
        "else" => "an `if`, a loop or a `try`",
        "elif" => "an `if`",
        "except" | "finally" => "a `try`",
        "case" => "a `match`",
        _ => return None,
    };
    if site.column.is_some_and(|column| column > first.start) {
        return None;
    }
    let width = indentation(site.text()).len();
    let partner = (1..site.line).rev().find_map(|line| {
        let text = site.program.line(line);
        let begins = tokens(text).first().map(|token| token.text).unwrap_or_default();
        let fits = match first.text {
            "else" => matches!(begins, "if" | "elif" | "for" | "while" | "try" | "except"),
            "elif" => matches!(begins, "if" | "elif"),
            "case" => begins == "match",
            _ => matches!(begins, "try" | "except"),
        };
        (fits && indentation(text).len() != width).then_some((line, indentation(text).to_owned()))
    });
    let cause = Cause::new(format!("This {} belongs to {belongs_to}, and there is none directly above it at the same distance from the left margin.", code(first.text)))
        .part(first.text);
    Some(match partner {
        Some((line, indent)) => {
            let text = format!("{indent}{}", site.text().trim_start());
            let cause = cause
                .what(format!("Line {line} might be its beginning, but the two lines don't begin at the same column; or a line in between, not indented, ended the block."))
                .almost(format!("Let it begin exactly below line {line}, with only indented lines between them."));
            if site.is_cured_by(site.line, &text) { cause.fix(site, site.line, text) } else { cause }
        }
        None => cause
            .what("Something between the two, at the left margin, ended the block; or the beginning is missing.")
            .almost(format!("Put the beginning above it, {belongs_to}, at the same column.")),
    })
}

/// `while ready go()`: the colon is missing, and something follows.
fn block_without_colon(site: &Site<'_>, first: Token<'_>, here: Option<Token<'_>>) -> Option<Cause> {
    if !matches!(first.text, "if" | "elif" | "else" | "while" | "for" | "def" | "class" | "try" | "with" | "except") {
        return None;
    }
    let line = site.text();
    let at = here?.start;
    let text = format!("{}: {}", line[..at].trim_end(), &line[at..]);
    site.is_cured_by(site.line, &text).then(|| {
        Cause::new(format!(
            "The line begins with {}, and the colon that announces what belongs to it is missing.",
            code(first.text)
        ))
        .what(format!("Where does the part that belongs to {} end, and where does the block begin?", code(first.text)))
        .almost("Put `:` between the two; the block may stand on the next line, indented.")
        .fix(site, site.line, text.clone())
    })
}

/// `range(3:` — a bracket still open where something else begins.
fn open_bracket(site: &Site<'_>, before: &[Token<'_>], here: Option<Token<'_>>) -> Option<Cause> {
    let mut open = Vec::new();
    for token in before {
        match token.text {
            "(" | "[" | "{" => open.push(*token),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
    }
    let (bracket, here) = (open.last()?, here?);
    let close = match bracket.text {
        "(" => ")",
        "[" => "]",
        _ => "}",
    };
    let line = site.text();
    let text = format!("{}{close}{}", line[..here.start].trim_end(), &line[here.start..]);
    site.is_cured_by(site.line, &text).then(|| {
        Cause::new(format!(
            "The bracket {} was opened in this line and is still open before {}.",
            code(bracket.text),
            code(here.text)
        ))
        .part(&line[bracket.start..here.end()])
        .what("Pair the brackets of the line from left to right.")
        .almost(format!("Put {} before {}.", code(close), code(here.text)))
        .fix(site, site.line, text.clone())
    })
}

/// The line ends, or a bracket closes, before a value.
fn incomplete(all: &[Token<'_>], before: Option<Token<'_>>, here: Option<Token<'_>>) -> Option<Cause> {
    let is_end = here.is_none_or(|token| matches!(token.text, ")" | "]" | "}" | ":" | ",") || token.is("="));
    let before = if here.is_none() { all.last().copied()? } else { before? };
    let wants_value = before.is_operator()
        || matches!(
            before.text,
            "and"
                | "or"
                | "not"
                | "in"
                | "is"
                | "if"
                | "while"
                | "elif"
                | "import"
                | "from"
                | "for"
                | "return"
                | "lambda"
                | "del"
                | "def"
                | "class"
                | "with"
                | "as"
                | "."
        );
    if !is_end || !wants_value {
        return None;
    }
    let end = here.map_or("the end of the line".to_owned(), |token| code(token.text));
    Some(
        Cause::new(format!(
            "Behind {} something is missing: Python expected a value or a name and found {end}.",
            code(before.text)
        ))
        .part(before.text)
        .what(format!("What should stand on the right of {}?", code(before.text)))
        .almost(format!(
            "Put a value or a name behind {}, or take {} away.",
            code(before.text),
            code(before.text)
        )),
    )
}

/// Whatever else: the two signs that can't follow one another.
fn neighbours(site: &Site<'_>, before: Option<Token<'_>>, here: Option<Token<'_>>) -> Option<Cause> {
    let line = site.text();
    match (before, here) {
        (Some(left), Some(right)) if left.ends_value() && right.begins_value() => {
            let cause = Cause::new(format!(
                "{} and {} stand side by side with nothing that connects them.",
                code(left.text),
                code(right.text)
            ))
            .part(&line[left.start..right.end()]);
            Some(
                cause
                    .what("Between two values stands an operator or a comma. Two instructions stand on lines of their own.")
                    .almost(format!("Put what is missing between {} and {}.", code(left.text), code(right.text))),
            )
        }
        (Some(left), Some(right)) if left.is_operator() && right.is_operator() => Some(
            Cause::new(format!("The signs {} and {} can't follow one another.", code(left.text), code(right.text)))
                .part(&line[left.start..right.end()])
                .what("Between two operators stands a value.")
                .almost("Take one of the two away, or put the missing value between them."),
        ),
        (Some(left), Some(right)) => Some(
            Cause::new(format!("Python read up to {} and can't go on with {}.", code(left.text), code(right.text)))
                .part(&line[left.start..right.end()])
                .what(format!(
                    "Up to {} the line can still become something meaningful. What did you want to say with {}?",
                    code(left.text),
                    code(right.text)
                ))
                .almost(format!(
                    "Compare with a line of the same kind that works: what follows there where {} stands here?",
                    code(right.text)
                )),
        ),
        (None, Some(token)) => {
            let above = (1..site.line)
                .rev()
                .map(|line| (line, site.program.line(line)))
                .find(|(_, text)| !text.trim().is_empty());
            let hint = above.map_or_else(String::new, |(line, _)| {
                format!(" Or line {line} above isn't finished: look at its end as well.")
            });
            Some(
                Cause::new(format!("A line can't begin with {} here.{hint}", code(token.text)))
                    .part(token.text)
                    .what(format!("{} belongs behind something else. What is missing before it?", code(token.text)))
                    .almost("Complete the line, or the one above."),
            )
        }
        (Some(last), None) => Some(
            Cause::new(format!("The line ends with {}, and isn't finished.", code(last.text)))
                .part(last.text)
                .what("What should follow?")
                .almost("Complete the line."),
        ),
        (None, None) => None,
    }
}
