//! Reading what Python says when a program fails.

use std::sync::LazyLock;

use regex::Regex;

/// A Python error, read from a traceback, from its last line, or from a student's sentence that quotes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonError {
    /// The exception's name without its module, such as `NameError`.
    pub error_type: String,
    /// What follows the name; may be empty.
    pub message: String,
    /// The line of the program, from 1, if the text says so.
    pub line: Option<u32>,
    /// The function in which it happened; none outside of functions.
    pub function: Option<String>,
    /// The text of that line, if it is shown.
    pub source: Option<String>,
    /// Python's own guess at a name ("Did you mean: 'total'?").
    pub suggestion: Option<String>,
    /// The type of the exception during whose handling this one arose, or which caused it.
    pub earlier: Option<String>,
}

/// Regular expressions that are part of the program can't fail; without one, nothing matches.
fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(concat!(
        r"(?m)(?P<start>^)?[ \t]*(?:[\w.]+\.)?\b",
        r"(?P<type>[A-Z]\w*(?:Error|Exception|Interrupt|Iteration|Exit|Warning|Operation)|Exception)\b(?::[ ]?(?P<message>[^\n]*))?",
    ))
});
static CUSTOM: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"^(?:[\w.]+\.)?(?P<type>[A-Za-z_]\w*)(?::[ ]?(?P<message>.*))?$"));
static FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r#"^\s*File "(?P<file>[^"]*)", line (?P<line>\d+)(?:, in (?P<function>.+))?"#));
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"(?i)\bline (?P<line>\d+)"));
static SUGGESTION: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"Did you mean:? '(?P<name>[^']+)'\?"));

/// Between the two tracebacks of one exception that led to another.
const LINKS: [&str; 2] =
    ["During handling of the above exception", "The above exception was the direct cause of the following exception"];

impl PythonError {
    /// Reads an error out of a text. None if the text names no exception.
    pub fn parse(text: &str) -> Option<Self> {
        let (before, last) = LINKS
            .iter()
            .filter_map(|link| text.rfind(link).map(|position| text.split_at(position)))
            .max_by_key(|(before, _)| before.len())
            .map_or((None, text), |(before, last)| (Some(before), last));
        let mut error = Self::last_line(last)?;
        error.earlier = before.and_then(Self::last_line).map(|earlier| earlier.error_type);
        error.locate(last);
        let captures = SUGGESTION.as_ref().and_then(|regex| regex.captures(&error.message));
        error.suggestion = captures.map(|captures| captures["name"].to_owned());
        Some(error)
    }

    /// The exception's name and message: in a traceback the first line after the frames that isn't indented, otherwise
    /// the last place that looks like an exception's name, preferably at the beginning of a line.
    fn last_line(text: &str) -> Option<Self> {
        let new = |captures: &regex::Captures<'_>| Self {
            error_type: captures["type"].to_owned(),
            message: captures.name("message").map_or("", |message| message.as_str()).trim().to_owned(),
            ..Self::default()
        };
        let lines: Vec<&str> = text.lines().collect();
        let is_frame = |line: &str| line.trim_start().starts_with("File \"");
        if let Some(frame) = lines.iter().rposition(|line| is_frame(line)) {
            let last = lines[frame..].iter().skip(1).find(|line| !line.starts_with([' ', '\t']) && !line.is_empty());
            if let Some(captures) = last.and_then(|line| CUSTOM.as_ref()?.captures(line.trim_end())) {
                return Some(new(&captures));
            }
        }
        let found: Vec<_> = NAMED.as_ref()?.captures_iter(text).collect();
        let at_line_start = found.iter().rev().find(|captures| captures.name("start").is_some());
        at_line_start.or(found.last()).map(new)
    }

    /// Line, function and source: of the last frame in the student's own file, or of a "line 3" in the text.
    fn locate(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let mut frames = lines.iter().enumerate().filter_map(|(number, line)| {
            let captures = FRAME.as_ref()?.captures(line)?;
            let is_library = ["/lib/", "site-packages", "<frozen"].iter().any(|part| captures["file"].contains(part));
            (!is_library).then_some((number, captures))
        });
        if let Some((number, captures)) = frames.next_back() {
            self.line = captures["line"].parse().ok();
            let function = captures.name("function").map(|function| function.as_str().trim());
            self.function = function.filter(|&name| name != "<module>").map(str::to_owned);
            let source =
                lines.get(number + 1).filter(|line| line.starts_with("    ")).map(|line| line.trim().to_owned());
            self.source = source.filter(|line| !line.is_empty());
        } else {
            let captures = LINE.as_ref().and_then(|regex| regex.captures(text));
            self.line = captures.and_then(|captures| captures["line"].parse().ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-017: root cause and line are read from real tracebacks.
    #[test]
    fn reads_tracebacks_of_all_kinds() {
        let error = PythonError::parse(concat!(
            "Traceback (most recent call last):\n",
            "  File \"/home/me/main.py\", line 8, in <module>\n    report()\n",
            "  File \"/home/me/main.py\", line 5, in report\n    print(totl)\n          ^^^^\n",
            "NameError: name 'totl' is not defined. Did you mean: 'total'?\n",
        ))
        .unwrap();
        assert_eq!((error.error_type.as_str(), error.line), ("NameError", Some(5)));
        assert_eq!(error.function.as_deref(), Some("report"));
        assert_eq!(error.source.as_deref(), Some("print(totl)"));
        assert_eq!(error.suggestion.as_deref(), Some("total"));

        // A syntax error has no "Traceback" line, and its message may name another line.
        let error = PythonError::parse(concat!(
            "  File \"main.py\", line 4\n    print(1)\n    ^\n",
            "IndentationError: expected an indented block after 'if' statement on line 3",
        ))
        .unwrap();
        assert_eq!((error.error_type.as_str(), error.line), ("IndentationError", Some(4)));

        // The last frame of the student's own file counts, not the library's; the module's name is dropped.
        let error = PythonError::parse(concat!(
            "Traceback (most recent call last):\n",
            "  File \"main.py\", line 2, in <module>\n    json.loads('')\n",
            "  File \"/usr/lib/python3.11/json/decoder.py\", line 355, in raw_decode\n    raise JSONDecodeError()\n",
            "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)\n",
        ))
        .unwrap();
        assert_eq!((error.error_type.as_str(), error.line), ("JSONDecodeError", Some(2)));

        // One exception during the handling of another, the second of a class of the program's own.
        let error = PythonError::parse(concat!(
            "Traceback (most recent call last):\n  File \"main.py\", line 2, in <module>\n    stock['x']\nKeyError: 'x'\n\n",
            "During handling of the above exception, another exception occurred:\n\n",
            "Traceback (most recent call last):\n  File \"main.py\", line 4, in <module>\n    raise OutOfStock('x')\n",
            "__main__.OutOfStock: nothing left: 3\n",
        ))
        .unwrap();
        assert_eq!((error.error_type.as_str(), error.message.as_str()), ("OutOfStock", "nothing left: 3"));
        assert_eq!((error.line, error.earlier.as_deref()), (Some(4), Some("KeyError")));

        // Just a sentence.
        let error = PythonError::parse("why do I get ZeroDivisionError: division by zero on line 7").unwrap();
        assert_eq!((error.error_type.as_str(), error.line), ("ZeroDivisionError", Some(7)));
        assert_eq!(PythonError::parse("my loop never ends"), None);
    }
}
