//! A look at programs that is cheaper than parsing them.

/// Words that begin a line that has to have a colon.
const HEADERS: [&str; 10] = ["if", "elif", "else", "for", "while", "def", "class", "try", "except", "with"];

/// Longer programs are not looked at: sorting has to stay quick.
const MOST_BYTES: usize = 4 * 1024;

/// Whether Python surely refuses a program: brackets that do not match, a string that does not end, a header without
/// its colon. Nothing is claimed of programs that are long or have triple quotes.
pub(crate) fn looks_broken(code: &str) -> bool {
    if code.len() > MOST_BYTES || code.contains("\"\"\"") || code.contains("'''") {
        return false;
    }
    let (mut open, mut quote) = (Vec::new(), None);
    for line in code.lines() {
        let header = open.is_empty() && HEADERS.contains(&first_word(line));
        let (mut escaped, mut colon) = (false, false);
        for char in line.chars() {
            match (quote, char) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(end), _) if char == end => quote = None,
                (None, '\'' | '"') => quote = Some(char),
                (None, '#') => break,
                (None, '(') => open.push(')'),
                (None, '[') => open.push(']'),
                (None, '{') => open.push('}'),
                (None, ')' | ']' | '}') if open.pop() != Some(char) => return true,
                (None, ':') => colon |= open.is_empty(),
                (Some(_) | None, _) => {}
            }
        }
        let continues = line.ends_with('\\');
        if !continues && (quote.is_some() || (header && !colon && open.is_empty())) {
            return true;
        }
    }
    !open.is_empty()
}

/// Takes a text of several lines apart: words, and the program among them.
pub(crate) fn split(text: &str) -> (String, String) {
    if !text.trim().contains('\n') {
        return (text.to_owned(), String::new());
    }
    let (code, words): (Vec<_>, Vec<_>) = text.lines().partition(|line| is_code(line));
    let code: Vec<&str> = code.into_iter().filter(|line| !line.starts_with("```")).collect();
    (words.join("\n"), code.join("\n"))
}

/// Whether a line is one of a program: indented, a header, an import, an assignment, or a call.
fn is_code(line: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '.' | '[' | ']'))
    };
    let trimmed = line.trim();
    let is_header = || HEADERS.contains(&first_word(line)) && trimmed.ends_with(':');
    let is_import = || trimmed.starts_with("import ") || (trimmed.starts_with("from ") && trimmed.contains(" import "));
    let is_assignment =
        || trimmed.split_once('=').is_some_and(|(name, _)| is_name(name.trim_end_matches([' ', '+', '-', '*'])));
    let is_call = || trimmed.ends_with(')') && trimmed.split_once('(').is_some_and(|(name, _)| is_name(name));
    let is_indented = line.starts_with("  ") || line.starts_with('\t');
    !trimmed.is_empty()
        && (is_indented || line.starts_with("```") || is_header() || is_import() || is_assignment() || is_call())
}

/// The name that a line begins with.
fn first_word(line: &str) -> &str {
    line.trim_start().split(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{looks_broken, split};

    /// FR-006: a program within the text is taken out of it; a traceback stays what can be recognised as one.
    #[test]
    fn pasted_programs_are_found() {
        let text = "is this ok?\n\ndef f(x):\n    return x + 1\ny = f(2)\nprint(y)\nthanks (a lot)";
        let code = "def f(x):\n    return x + 1\ny = f(2)\nprint(y)";
        assert_eq!(split(text), ("is this ok?\n\nthanks (a lot)".into(), code.into()));
        assert_eq!(split("```python\nx = 1\n```\nbetter?"), ("better?".into(), "x = 1".into()));
        assert_eq!(split("why is x = 1 wrong"), ("why is x = 1 wrong".into(), String::new()));
        let traceback =
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nNameError: name 'x' is not defined";
        assert!(split(traceback).0.ends_with("NameError: name 'x' is not defined"));
    }

    /// FR-006: what Python refuses speaks for a question about an error; correct programs never do.
    #[test]
    fn broken_programs_are_seen() {
        let broken =
            ["print(1", "f)", "print('a)", "for i in range(3)\n    print(i)", "def f()\n    pass", "x = [1, 2)"];
        assert!(broken.iter().all(|code| looks_broken(code)), "{:?}", broken.map(looks_broken));
        let correct = [
            "print('(') # ]",
            "d = {'a': [1, (2)]}",
            "if f(\n    1,\n):\n    pass",
            "x = 'it\\'s'",
            "format_ = 1\nif_ = 2",
            "with open('a') as f: pass",
            "\"\"\"don't\"\"\"",
            "s = 'a\\\nb'",
        ];
        assert!(!correct.iter().any(|code| looks_broken(code)), "{:?}", correct.map(looks_broken));
    }
}
