//! Whether a text gives a solution away, whoever wrote it.

use std::collections::HashSet;

/// Tokens in a row that are compared: longer than Python's phrases, shorter than its statements.
const PHRASE: usize = 6;
/// The share of the reference's phrases that a text must hold to give it away.
const SHARE: f64 = 0.6;
/// A reference with fewer tokens says too little to be told from an everyday line, unless it stands there literally.
const SHORT: usize = 9;

/// Names that mean something by themselves. All others are the author's choice and don't tell solutions apart.
const WORDS: &[&str] = &[
    "False",
    "None",
    "True",
    "abs",
    "all",
    "and",
    "any",
    "as",
    "assert",
    "async",
    "await",
    "bool",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "dict",
    "elif",
    "else",
    "enumerate",
    "except",
    "filter",
    "finally",
    "float",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "input",
    "int",
    "is",
    "isinstance",
    "iter",
    "lambda",
    "len",
    "list",
    "map",
    "match",
    "max",
    "min",
    "next",
    "nonlocal",
    "not",
    "open",
    "or",
    "pass",
    "pow",
    "print",
    "raise",
    "range",
    "return",
    "reversed",
    "round",
    "self",
    "set",
    "sorted",
    "str",
    "sum",
    "super",
    "try",
    "tuple",
    "type",
    "while",
    "with",
    "yield",
    "zip",
];

/// Whether a Markdown text gives away a program: holds, in one code block, in all of them together, or outside of any,
/// most of what the program consists of. Names, layout, comments, type hints, quotes, additions and the order of
/// statements make no difference; hints that show a part of the program pass.
pub fn leaks_solution(markdown: &str, reference: &str) -> bool {
    let wanted = tokens(reference);
    if wanted.is_empty() {
        return false;
    }
    // Code without any fence is found in the whole text; code in pieces, where the prose between them is left out.
    [without_fences(markdown), code_alone(markdown)].iter().any(|text| gives_away(text, &wanted, reference))
}

fn gives_away(text: &str, wanted: &[String], reference: &str) -> bool {
    if wanted.len() < SHORT {
        // Literally: with the author's names, as otherwise `print(x)` would be everywhere.
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        let literal = squeezed(reference);
        return literal.len() > 3 && squeezed(text).contains(&literal);
    }
    let found = tokens(text);
    let phrases: HashSet<&[String]> = wanted.windows(PHRASE).collect();
    let found: HashSet<&[String]> = found.windows(PHRASE).collect();
    let shared = phrases.intersection(&found).count();
    ratio(shared, phrases.len()) >= SHARE
}

fn without_fences(markdown: &str) -> String {
    markdown.lines().filter(|line| !is_fence(line)).collect::<Vec<_>>().join("\n")
}

/// What stands in fences and between backticks.
fn code_alone(markdown: &str) -> String {
    let mut code = String::new();
    let mut in_fence = false;
    for line in markdown.lines() {
        if is_fence(line) {
            in_fence = !in_fence;
        } else if in_fence {
            code.push_str(line);
            code.push('\n');
        } else {
            for span in line.split('`').skip(1).step_by(2) {
                code.push_str(span);
                code.push('\n');
            }
        }
    }
    code
}

fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") || line.starts_with("~~~")
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    float(part) / float(whole).max(1.0)
}

/// The tokens of a program, or of what looks like one, in one way of writing it.
fn tokens(code: &str) -> Vec<String> {
    let raw = without_docstrings(&raw_tokens(code));
    let raw = without_annotations(&raw);
    let mut tokens: Vec<String> = Vec::with_capacity(raw.len());
    let mut after_dot = false;
    for token in raw {
        let first = token.chars().next().unwrap_or_default();
        if first == '\n' {
            continue;
        }
        let is_name = first.is_alphabetic() || first == '_';
        if is_name && !after_dot && WORDS.binary_search(&token.as_str()).is_err() {
            tokens.push("name".to_owned());
        } else if let Some(operator) = augmented(&token) {
            // x += y is x = x + y
            let target = tokens.last().cloned().unwrap_or_default();
            tokens.extend(["=".to_owned(), target, operator.to_owned()]);
        } else {
            tokens.push(token.clone());
        }
        after_dot = token == ".";
    }
    tokens
}

fn augmented(token: &str) -> Option<&str> {
    let operator = token.strip_suffix('=')?;
    ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "@"].contains(&operator).then_some(operator)
}

/// Cuts a text into names, numbers, strings, operators and line ends; comments and spaces go.
fn raw_tokens(code: &str) -> Vec<String> {
    let characters: Vec<char> = code.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let rest = &characters[at..];
        let taken = match character {
            '#' => {
                at += length_while(rest, |character| character != '\n');
                continue;
            }
            '\n' => 1,
            character if character.is_whitespace() || character == '`' => {
                at += 1;
                continue;
            }
            '"' | '\'' => {
                let (length, content) = string(rest);
                tokens.push(format!("\"{content}"));
                at += length;
                continue;
            }
            character if character.is_alphanumeric() || character == '_' => {
                length_while(rest, |character| character.is_alphanumeric() || character == '_')
            }
            _ => operator(rest),
        };
        tokens.push(rest[..taken].iter().collect());
        at += taken;
    }
    tokens
}

fn length_while(characters: &[char], test: impl Fn(char) -> bool) -> usize {
    characters.iter().take_while(|character| test(**character)).count()
}

/// The length of a string literal with its quotes, and what is between them. One without end goes to the end of its line:
/// in prose, a quote is an apostrophe.
fn string(characters: &[char]) -> (usize, String) {
    let quote = characters[0];
    let size = if characters.len() > 2 && characters[..3].iter().all(|character| *character == quote) { 3 } else { 1 };
    let mut at = size;
    while at < characters.len() {
        if characters[at] == '\\' {
            at += 2;
            continue;
        }
        if size == 1 && characters[at] == '\n' {
            break;
        }
        let closes = characters[at..].iter().take(size).filter(|character| **character == quote).count() == size;
        if closes {
            return (at + size, characters[size..at].iter().collect());
        }
        at += 1;
    }
    // No literal: a quote by itself.
    (1, String::new())
}

fn operator(characters: &[char]) -> usize {
    const LONG: [&str; 22] = [
        "**=", "//=", "<<=", ">>=", "...", "->", ":=", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=",
        "|=", "^=", "@=", "**", "//",
    ];
    let fits = |operator: &&&str| operator.chars().zip(characters).filter(|(a, b)| a == *b).count() == operator.len();
    LONG.iter().find(fits).map_or(1, |operator| operator.len())
}

/// Without strings that stand alone on their line.
fn without_docstrings(tokens: &[String]) -> Vec<String> {
    let is_end = |token: Option<&String>| token.is_none_or(|token| token == "\n");
    let alone = |index: usize| {
        tokens[index].starts_with('"')
            && is_end(index.checked_sub(1).map(|before| &tokens[before]))
            && is_end(tokens.get(index + 1))
    };
    (0..tokens.len()).filter(|&index| !alone(index)).map(|index| tokens[index].clone()).collect()
}

/// Without the types in the heads of functions.
fn without_annotations(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut rest = tokens.iter().peekable();
    while let Some(token) = rest.next() {
        kept.push(token.clone());
        if token != "def" {
            continue;
        }
        let (mut depth, mut in_type) = (0_i32, false);
        while let Some(token) = rest.next_if(|token| *token != "\n" || depth > 0) {
            match token.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            in_type = match (token.as_str(), depth) {
                (":", 1) | ("->", 0) => true,
                ("," | "=", 1) | (")" | ":", 0) => false,
                _ => in_type,
            };
            if !in_type {
                kept.push(token.clone());
            }
            if token == ":" && depth == 0 {
                break;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "def count_vowels(text):\n    total = 0\n    for letter in text.lower():\n        \
                             if letter in 'aeiou':\n            total += 1\n    return total\n";

    /// Model use, FR-017: a solution is told from a hint, however it is dressed up.
    #[test]
    fn solutions_are_told_from_hints() {
        let fenced = |code: &str| format!("Look:\n\n```python\n{code}\n```\n");
        let renamed = "def f(s: str) -> int:\n  \"\"\"Counts.\"\"\"\n  n = 0  # so far\n  for c in s.lower():\n    \
                       if c in \"aeiou\":\n      n = n + 1\n  return n";
        let leaks = [
            fenced(REFERENCE),
            fenced(renamed),
            format!("~~~\n{REFERENCE}~~~"),
            format!("Without a fence:\n\n{REFERENCE}"),
            fenced(&format!("import sys\n\nprint('before')\n{REFERENCE}\nprint(count_vowels(input()))")),
            "First `def g(t):` and `k = 0`, then\n```\nfor x in t.lower():\n    if x in 'aeiou':\n        k += 1\n```\n\
             and in the end\n```\nreturn k\n```"
                .to_owned(),
            fenced(&REFERENCE.replace("    total = 0\n", "").replace("(text):\n", "(text, total=0):\n")),
        ];
        for text in &leaks {
            assert!(leaks_solution(text, REFERENCE), "not seen: {text}");
        }
        let hints = [
            "Go through the letters one by one and count those that are vowels.".to_owned(),
            fenced("for letter in 'abc':\n    print(letter)"),
            fenced("if letter in 'aeiou':\n    ..."),
            fenced("total = 0\nfor number in [1, 2, 3]:\n    total += number\nprint(total)"),
            fenced("def count_digits(text):\n    return sum(c.isdigit() for c in text)"),
            fenced("def count_vowels(text):\n    total = 0\n    ...\n    return total"),
            String::new(),
        ];
        for text in &hints {
            assert!(!leaks_solution(text, REFERENCE), "a hint was taken for the solution: {text}");
        }
    }

    /// Model use, FR-017: a solution of one line is one when it stands there literally.
    #[test]
    fn short_solutions_are_compared_literally() {
        assert!(leaks_solution("Write `print( name )`.", "print(name)\n"));
        assert!(!leaks_solution("Use `print(value)` to show a value.", "print(name)\n"));
        assert!(!leaks_solution("Anything", ""));
    }

    /// Model use: the list of meaningful names is searched by bisection.
    #[test]
    fn words_are_sorted() {
        assert!(WORDS.is_sorted());
    }
}
