//! The signs of a single line, also of one that Python cannot read.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Keyword,
    Number,
    Text,
    Sign,
}

/// A token and where it begins in its line, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// Whether a value can end with it.
    pub(crate) fn ends_value(&self) -> bool {
        matches!(self.kind, Kind::Name | Kind::Number | Kind::Text)
            || matches!(self.text, ")" | "]" | "}" | "True" | "False" | "None")
    }

    /// Whether a value can begin with it.
    pub(crate) fn begins_value(&self) -> bool {
        matches!(self.kind, Kind::Name | Kind::Number | Kind::Text)
            || matches!(self.text, "(" | "[" | "{" | "True" | "False" | "None" | "not" | "lambda")
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.kind == Kind::Sign && !matches!(self.text, "(" | ")" | "[" | "]" | "{" | "}" | "," | ":" | ";" | ".")
    }
}

pub(crate) const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

const SIGNS: [&str; 26] = [
    "**=", "//=", "<<=", ">>=", "...", "==", "!=", "<=", ">=", ":=", "->", "**", "//", "<<", ">>", "+=", "-=", "*=",
    "/=", "%=", "&=", "|=", "^=", "@=", "<>", "=>",
];

/// The tokens of a line without its comment. A text that isn't closed goes on to the end.
pub(crate) fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = line[start..].chars().next() {
        let rest = &line[start..];
        if first.is_whitespace() {
            start += first.len_utf8();
            continue;
        }
        if first == '#' {
            break;
        }
        let (kind, length) = if first.is_alphabetic() || first == '_' {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            match rest[word..].chars().next() {
                Some('"' | '\'') if word <= 2 && rest[..word].chars().all(|c| "rRbBfFuU".contains(c)) => {
                    (Kind::Text, word + quoted(&rest[word..]))
                }
                _ if KEYWORDS.contains(&&rest[..word]) => (Kind::Keyword, word),
                _ => (Kind::Name, word),
            }
        } else if first.is_ascii_digit() {
            (Kind::Number, rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len()))
        } else if first == '"' || first == '\'' {
            (Kind::Text, quoted(rest))
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            (Kind::Sign, sign.map_or(first.len_utf8(), |sign| sign.len()))
        };
        tokens.push(Token { kind, text: &line[start..start + length], start });
        start += length;
    }
    tokens
}

/// The length of a text that begins with its quotation mark.
fn quoted(text: &str) -> usize {
    let mark = if text.starts_with("\"\"\"") || text.starts_with("'''") { &text[..3] } else { &text[..1] };
    let mut from = mark.len();
    loop {
        let Some(found) = text[from..].find(['\\', mark.chars().next().unwrap_or('"')]) else { return text.len() };
        let at = from + found;
        if text[at..].starts_with('\\') {
            let escaped = text[at + 1..].chars().next().map_or(0, char::len_utf8);
            from = at + 1 + escaped;
        } else if text[at..].starts_with(mark) {
            return at + mark.len();
        } else {
            from = at + 1;
        }
    }
}

/// Replaces a name as a whole word, outside of texts and comments.
pub(crate) fn rename(line: &str, name: &str, by: &str) -> String {
    let mut renamed = String::with_capacity(line.len() + by.len());
    let mut from = 0;
    for token in tokens(line) {
        let is_interpolated = token.kind == Kind::Text && token.text.starts_with(['f', 'F']);
        if is_interpolated {
            renamed.push_str(&line[from..token.start]);
            renamed.push_str(&token.text.replace(&format!("{{{name}"), &format!("{{{by}")));
            from = token.end();
        } else if token.is(name) {
            renamed.push_str(&line[from..token.start]);
            renamed.push_str(by);
            from = token.end();
        }
    }
    renamed.push_str(&line[from..]);
    renamed
}
