//! Programs that Python cannot read: one comment, in plain words.

use learnflow_curriculum::Level;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{InterpolatedStringErrorType, LexicalErrorType, ParseError, ParseErrorType};
use ruff_text_size::{TextRange, TextSize};

use crate::{Category, Review, Severity, model::Report, rating, rules::RuleInfo};

pub(crate) const SYNTAX_ERROR: RuleInfo = RuleInfo {
    name: "syntax-error",
    code: None,
    category: Category::Bug,
    severity: Severity::Error,
    from: Level::Beginner,
};

const PRAISE: &str = "You got something down: that is where every program starts.";

/// What ruff says about programs that parse, but that Python refuses all the same.
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) range: TextRange,
    pub(crate) message: String,
}

pub(crate) fn review(code: &str, error: &ParseError) -> Review {
    let (mut message, suggestion) = explain(&error.error);
    let mut at = error.location;
    let before = code.get(..at.start().to_usize()).unwrap_or_default().trim_end();
    if is_expected_elsewhere(&error.error) && !code[before.len()..].trim_start_matches([' ', '\t']).is_empty() {
        // The parser notices a missing token at the next one, which may stand lines below.
        at = TextRange::empty(TextSize::try_from(before.len().saturating_sub(1)).unwrap_or_default());
    }
    let mut suggestion = suggestion;
    if let Some((bracket, offset)) = open_bracket(code).filter(|(_, offset)| *offset <= at.start().to_usize()) {
        message =
            format!("The `{bracket}` in this line is never closed, so Python takes what follows as its contents.");
        suggestion = "Each bracket opened needs its closing one: put it where the contents end.";
        at = TextRange::empty(TextSize::try_from(offset).unwrap_or_default());
    }
    single(code, at, &format!("{message} Python stops reading here, before it runs anything."), suggestion)
}

pub(crate) fn refused(error: &Refused) -> Review {
    let message = error.message.trim_end_matches('.');
    single(
        &error.code,
        error.range,
        &format!("Python refuses this line: {message}."),
        "Compare it with an example of the same kind.",
    )
}

pub(crate) fn unreadable() -> Review {
    single("", TextRange::default(), "This cannot be read as a Python program.", "")
}

pub(crate) fn too_deep() -> Review {
    let message =
        "Blocks, brackets or operators are nested here more deeply than a reader, and often Python itself, can follow.";
    single(
        "",
        TextRange::default(),
        message,
        "Give the inner parts names of their own, and put them together from those.",
    )
}

fn single(code: &str, at: TextRange, message: &str, suggestion: &str) -> Review {
    let mut report = Report::new(code, Level::Beginner);
    report.add(
        &SYNTAX_ERROR,
        TextRange::empty(at.start().min(code.len().try_into().unwrap_or_default())),
        message,
        suggestion,
    );
    let mut review = report.finish(Vec::new(), PRAISE.to_owned());
    review.parts = rating::unreadable();
    review.rating = rating::rate(&review.parts);
    review.summary = format!(
        "{PRAISE} Python cannot read line {} yet; once it can, the rest of the review follows.",
        review.comments.first().map_or(1, |comment| comment.line)
    );
    review
}

/// Errors that are noticed at the token after the place where something is missing.
fn is_expected_elsewhere(error: &ParseErrorType) -> bool {
    matches!(error, ParseErrorType::ExpectedToken { found, .. } if matches!(found, TokenKind::EndOfFile | TokenKind::Dedent))
}

/// The innermost bracket that is open at the end, and where it stands. Texts of one line and comments are skipped.
fn open_bracket(code: &str) -> Option<(char, usize)> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut comment = false;
    for (offset, character) in code.char_indices() {
        match (character, quote) {
            ('\n', _) => (comment, quote) = (false, None),
            _ if comment => {}
            ('#', None) => comment = true,
            ('"' | '\'', None) => quote = Some(character),
            (character, Some(opening)) if character == opening => quote = None,
            ('(' | '[' | '{', None) => open.push((character, offset)),
            (')' | ']' | '}', None) => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

fn explain(error: &ParseErrorType) -> (String, &'static str) {
    use ParseErrorType as E;
    let (message, suggestion) = match error {
        E::ExpectedToken { expected: TokenKind::Colon, .. } => (
            "A colon is missing.",
            "Lines with `if`, `else`, `for`, `while`, `def`, `class` and the like end with `:`.",
        ),
        E::ExpectedToken { expected: TokenKind::Indent, .. } => {
            ("An indented block is missing.", "Indent the lines that belong to the line above by four spaces.")
        }
        E::ExpectedToken { expected: TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace, .. } => (
            "A closing bracket or a comma is missing.",
            "Count the brackets: each one opened needs its closing one, and items a comma between them.",
        ),
        E::ExpectedToken { expected: TokenKind::Lpar, .. } => (
            "An opening parenthesis is missing.",
            "A function's name is followed by `(` and `)`, even when nothing is between them.",
        ),
        E::ExpectedToken { expected: TokenKind::Name, .. } => (
            "A name is missing.",
            "Names consist of letters, digits and `_`, don't begin with a digit, and aren't keywords like `class`.",
        ),
        E::ExpectedToken { expected: TokenKind::In, .. } => {
            ("`in` is missing.", "A loop is written `for item in items:`.")
        }
        E::ExpectedToken { expected: TokenKind::Equal, .. } => {
            ("A `=` is missing.", "An assignment is written `name = value`.")
        }
        E::ExpectedToken { .. } => (
            "Something is missing, or something here doesn't belong.",
            "Compare the line with an example of the same kind, sign by sign.",
        ),
        E::UnexpectedIndentation | E::Lexical(LexicalErrorType::IndentationError) => (
            "The line is indented in a way that fits no block.",
            "Lines of the same block begin at the same column; use four spaces per step, and no tabs.",
        ),
        E::InvalidAssignmentTarget | E::InvalidAnnotatedAssignmentTarget | E::InvalidAugmentedAssignmentTarget => (
            "What stands left of `=` cannot be given a value.",
            "Left of `=` stands a name. If you meant to compare, write `==`.",
        ),
        E::InvalidNamedAssignmentTarget => {
            ("Left of `:=` stands a single name.", "Use a plain `=` on a line of its own.")
        }
        E::InvalidDeleteTarget => ("`del` needs a name, an item or an attribute.", "For example `del items[0]`."),
        E::SimpleStatementsOnSameLine => (
            "Two instructions stand on one line, or an operator, comma or quote between two values is missing.",
            "Put each instruction on a line of its own.",
        ),
        E::SimpleAndCompoundStatementOnSameLine => {
            ("A line like `if` or `for` begins in the middle of another line.", "Begin it on a line of its own.")
        }
        E::ExpectedExpression | E::EmptySlice | E::UnexpectedExpressionToken => (
            "A value is missing here, or an operator doesn't fit.",
            "Between two operators, and after a `=`, stands a value.",
        ),
        E::PositionalAfterKeywordArgument | E::PositionalAfterKeywordUnpacking => (
            "An argument without a name comes after one with a name.",
            "Put the arguments without names first: `f(1, size=2)`.",
        ),
        E::NonDefaultParamAfterDefaultParam => (
            "A parameter without a default comes after one that has one.",
            "Put the parameters without a default first.",
        ),
        E::UnparenthesizedGeneratorExpression
        | E::UnparenthesizedTupleExpression
        | E::UnparenthesizedNamedExpression => {
            ("Parentheses are missing around this part.", "Put `(` and `)` around it.")
        }
        E::EmptyImportNames => ("`import` needs to know what to import.", "For example `from math import sqrt`."),
        E::Lexical(LexicalErrorType::UnclosedStringError | LexicalErrorType::StringError) => (
            "A text was begun and not ended: its closing quote is missing.",
            "End the text with the same kind of quote that begins it.",
        ),
        E::FStringError(InterpolatedStringErrorType::UnclosedLbrace | InterpolatedStringErrorType::SingleRbrace) => (
            "In the f-string, a `{` or `}` has no partner.",
            "Each `{` needs its `}`; to show the sign itself, write it twice.",
        ),
        E::FStringError(InterpolatedStringErrorType::UnterminatedString) => (
            "An f-string was begun and not ended.",
            "End it with the same kind of quote that begins it. Inside the braces use the other kind.",
        ),
        E::Lexical(LexicalErrorType::LineContinuationError) => {
            ("A `\\` stands in the middle of a line.", "Outside of texts, `\\` may only be the last sign of a line.")
        }
        E::Lexical(LexicalErrorType::UnrecognizedToken { tok }) => {
            return (
                format!("Python doesn't know the sign `{tok}`."),
                "Typographic quotes and signs from other programs look alike, but aren't: type it anew.",
            );
        }
        other => {
            return (
                format!("Python cannot make sense of this line ({other})."),
                "Compare it with an example of the same kind, sign by sign.",
            );
        }
    };
    (message.to_owned(), suggestion)
}
