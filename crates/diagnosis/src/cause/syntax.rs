//! Colons, equal signs, commas and what else the parser names.

use super::{Cause, code};
use crate::{
    program::indentation,
    site::Site,
    tokens::{Kind, Token, tokens},
};

pub(super) fn find(site: &Site<'_>) -> Option<Cause> {
    let message = site.message();
    if site.text().trim().is_empty() {
        return None;
    }
    if message == "expected ':'" {
        colon(site)
    } else if message.contains("instead of '='") || message.contains("perhaps you meant \"==\"") {
        equals(site)
    } else if message.starts_with("Missing parentheses in call") {
        call_without_brackets(site)
    } else if message.contains("Perhaps you forgot a comma") {
        side_by_side(site)
    } else if message == "expected '('" {
        let name = tokens(site.text()).into_iter().find(|token| token.kind == Kind::Name)?;
        let line = site.text();
        let fixed = format!("{}(){}", &line[..name.end()], &line[name.end()..]);
        Some(
            Cause::new(format!("Behind the name {} the round brackets of a function are missing.", code(name.text)))
                .what("Every function has them, even one that takes nothing.")
                .almost(format!("Put `()` right behind {}.", code(name.text)))
                .fix(site, site.line, fixed),
        )
    } else if message.starts_with("invalid character") || message.starts_with("invalid non-printable") {
        strange_sign(site)
    } else if message.starts_with("leading zeros") {
        leading_zeros(site)
    } else if message.starts_with("invalid decimal literal") {
        number_and_letters(site)
    } else if message == "'return' outside function" {
        outside(site, "return")
    } else {
        None
    }
}

/// Where the code of a line ends, its comment and white space left out.
pub(super) fn code_end(line: &str) -> usize {
    tokens(line).last().map_or(0, Token::end)
}

fn with_insertion(line: &str, at: usize, text: &str) -> String {
    format!("{}{text}{}", &line[..at], &line[at..])
}

fn colon(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let all = tokens(line);
    let first = all.first()?;
    if first.is("else") && all.get(1).is_some_and(|token| token.is("if")) {
        let fixed = format!("{}elif{}", indentation(line), &line[all[1].end()..]);
        return Some(
            Cause::new("`else` takes no condition, so Python wants the colon right behind it.")
                .what("To ask another question after an `if`, Python has a word of its own, made from these two.")
                .almost("Write `elif` instead of `else if`.")
                .fix(site, site.line, fixed),
        );
    }
    let arrow = site.column.unwrap_or(line.len()).min(line.len());
    let before_arrow = line.get(..arrow).map_or(line.len(), |before| before.trim_end().len());
    let places = [code_end(line), before_arrow];
    let candidates = places.map(|at| with_insertion(line, at, ":"));
    let fixed = candidates.into_iter().find(|text| site.is_cured_by(site.line, text));
    let cause = Cause::new(format!(
        "The line begins with {}, so a block belongs to it; the colon that announces the block is missing.",
        code(first.text)
    ))
    .what(format!(
        "Between the {} part and the block stands a colon. Read the line up to its end: there is none.",
        code(first.text)
    ))
    .almost("Put `:` where the line ends, before anything that belongs to the block.");
    Some(match fixed {
        Some(fixed) => cause.fix(site, site.line, fixed),
        None => cause,
    })
}

fn equals(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let all = tokens(line);
    let single: Vec<&Token<'_>> = all.iter().filter(|token| token.is("=")).collect();
    let first = all.first()?;
    let fixed = single.iter().find_map(|token| {
        let text = format!("{}=={}", &line[..token.start], &line[token.end()..]);
        site.is_cured_by(site.line, &text).then_some(text)
    });
    let is_question = matches!(first.text, "if" | "elif" | "while" | "assert" | "return" | "print");
    let cause = if is_question {
        Cause::new(format!("Behind {} a single `=` stands where a comparison belongs.", code(first.text)))
            .what("One `=` stores a value. To ask whether two values are equal, Python has a sign of two characters.")
            .almost("Write `==` to compare.")
    } else {
        let left = single.first().map(|token| line[..token.start].trim()).filter(|text| !text.is_empty())?;
        Cause::new(format!("On the left of `=` stands {}, and a value can't be stored there.", code(left)))
            .what("On the left of a single `=` belongs a name. Either the sides are the wrong way round, or it should compare.")
            .almost("To store, put a name on the left. To compare, write `==`.")
    };
    Some(match fixed {
        Some(fixed) if is_question => cause.fix(site, site.line, fixed),
        _ => cause,
    })
}

fn call_without_brackets(site: &Site<'_>) -> Option<Cause> {
    let name = *site.quoted().first()?;
    let line = site.text();
    let all = tokens(line);
    let called = all.iter().find(|token| token.is(name))?;
    let end = code_end(line);
    let arguments = line.get(called.end()..end)?.trim();
    let fixed = format!("{}{name}({arguments}){}", &line[..called.start], &line[end..]);
    Some(
        Cause::new(format!("{} is a function, and what it should get stands behind it without brackets.", code(name)))
            .what(format!("Compare with other calls, such as `len(text)`. What should {} get here?", code(name)))
            .almost(format!("Put round brackets around everything that {} should get.", code(name)))
            .fix(site, site.line, fixed),
    )
}

fn side_by_side(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let all = tokens(line);
    let from = site.column.unwrap_or(0);
    let gap = all.windows(2).find(|pair| pair[0].start >= from && pair[0].ends_value() && pair[1].begins_value());
    let gap = gap.or_else(|| all.windows(2).find(|pair| pair[0].ends_value() && pair[1].begins_value()))?;
    let (left, right) = (gap[0], gap[1]);
    let at = left.end();
    let fixed = Some(with_insertion(line, at, ",")).filter(|text| site.is_cured_by(site.line, text));
    let cause = Cause::new(format!(
        "{} and {} stand side by side with nothing that connects them.",
        code(left.text),
        code(right.text)
    ))
    .part(format!("{}{}", left.text, &line[at..right.end()]))
    .what("Two values need something between them: a comma in a list or a call, or an operator such as `+`. A quotation mark too few can be the reason too.")
    .almost(format!("If they are two items, put a comma behind {}.", code(left.text)));
    Some(match fixed {
        Some(fixed) => cause.fix(site, site.line, fixed),
        None => cause,
    })
}

/// Signs that look like those of Python.
const LOOK_ALIKE: [(char, &str); 24] = [
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('«', "\""),
    ('»', "\""),
    ('‘', "'"),
    ('’', "'"),
    ('‚', "'"),
    ('–', "-"),
    ('—', "-"),
    ('−', "-"),
    ('×', "*"),
    ('·', "*"),
    ('÷', "/"),
    ('≤', "<="),
    ('≥', ">="),
    ('≠', "!="),
    ('，', ","),
    ('：', ":"),
    ('；', ";"),
    ('（', "("),
    ('）', ")"),
    ('＝', "="),
    ('\u{a0}', " "),
];

fn strange_sign(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let fixed: String = line
        .chars()
        .map(|sign| {
            let known = LOOK_ALIKE.iter().find(|(strange, _)| *strange == sign).map(|(_, plain)| (*plain).to_owned());
            let is_invisible = matches!(sign, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}')
                || (sign.is_control() && sign != '\t');
            if is_invisible { String::new() } else { known.unwrap_or_else(|| sign.to_string()) }
        })
        .collect();
    if fixed == line {
        return None;
    }
    let strange: Vec<String> = line
        .chars()
        .filter(|sign| LOOK_ALIKE.iter().any(|(other, _)| other == sign))
        .filter(|sign| !sign.is_whitespace())
        .map(|sign| code(&sign.to_string()))
        .collect();
    let root = if strange.is_empty() {
        "The line contains a sign that can't be seen, as web pages and documents use it.".to_owned()
    } else {
        format!("The line contains {}, which only looks like a sign of Python.", strange.join(" and "))
    };
    Some(
        Cause::new(root)
            .what("Word processors, chats and web pages replace quotation marks, dashes and spaces by prettier ones. Python knows only those of the keyboard.")
            .almost("Delete the signs and type them again.")
            .fix(site, site.line, fixed),
    )
}

fn leading_zeros(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let is_padded = |token: &&Token<'_>| {
        token.kind == Kind::Number
            && token.text.len() > 1
            && token.text.bytes().all(|digit| digit.is_ascii_digit())
            && token.text.starts_with('0')
    };
    let all = tokens(line);
    let number = all.iter().find(is_padded)?;
    let plain = number.text.trim_start_matches('0');
    let plain = if plain.is_empty() { "0" } else { plain };
    Some(
        Cause::new(format!("The number {} begins with a zero.", code(number.text)))
            .part(number.text)
            .what("Python reads zeros in front of a number as a mistake, because they mean different things in different languages.")
            .almost("As a number, write it without the zeros. As text, as with a telephone number, put quotation marks around it.")
            .fix(site, site.line, format!("{}{plain}{}", &line[..number.start], &line[number.end()..])),
    )
}

fn number_and_letters(site: &Site<'_>) -> Option<Cause> {
    let line = site.text();
    let all = tokens(line);
    let mixed = all.iter().find(|token| token.kind == Kind::Number && token.text.chars().any(char::is_alphabetic))?;
    let digits = mixed.text.find(|sign: char| !sign.is_ascii_digit() && sign != '.' && sign != '_')?;
    let (number, letters) = mixed.text.split_at(digits);
    let cause = Cause::new(format!(
        "{} begins with a digit, so Python reads a number and stumbles over the letters.",
        code(mixed.text)
    ))
    .part(mixed.text);
    let is_name = all.get(1).is_some_and(|token| token.is("=")) && all[0].start == mixed.start;
    Some(if is_name {
        cause
            .what("It stands on the left of `=`, so it is meant as a name. A name may contain digits, but not at its beginning.")
            .almost(format!("Begin the name with a letter, for example {}.", code(&format!("{letters}{number}"))))
            .fix(site, site.line, format!("{}{letters}{number}{}", &line[..mixed.start], &line[mixed.end()..]))
    } else if site.program.lines.iter().any(|line| tokens(line).iter().any(|token| token.is(letters))) {
        cause
            .what(format!(
                "In mathematics the sign between a number and {} may be left out. Python needs it.",
                code(letters)
            ))
            .almost(format!("Write `*` between {} and {}.", code(number), code(letters)))
            .fix(site, site.line, format!("{}{number} * {letters}{}", &line[..mixed.start], &line[mixed.end()..]))
    } else {
        cause
            .what("Is it a name, a text or a calculation?")
            .almost("A name begins with a letter, a text stands in quotation marks, a calculation has an operator.")
    })
}

fn outside(site: &Site<'_>, word: &str) -> Option<Cause> {
    let before = site.line.checked_sub(1)?;
    let above = site.program.functions.iter().rfind(|function| function.line <= before);
    let header = (1..=before)
        .rev()
        .map(|line| (line, site.program.line(line)))
        .find(|(_, text)| text.trim_start().starts_with("def "));
    let (line, name) = match (above, header) {
        (Some(function), _) => (function.line, function.name().to_owned()),
        (None, Some((line, text))) => {
            let name = tokens(text).into_iter().find(|token| token.kind == Kind::Name)?;
            (line, name.text.to_owned())
        }
        (None, None) => return None,
    };
    Some(
        Cause::new(format!(
            "This {} stands too far to the left to belong to the function {} of line {line}.",
            code(word),
            code(&name)
        ))
        .what(format!("Compare where this line begins with where the other lines of {} begin.", code(&name)))
        .almost(format!("Indent the line as far as the block of {}.", code(&name)))
        .fix(site, site.line, format!("{}    {}", indentation(site.program.line(line)), site.text().trim_start()))
        .topic("return-values"),
    )
}
