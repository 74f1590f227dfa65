//! The few rules that are surer than anything learned. Whatever is in doubt is left to the model.

use regex::{RegexSet, RegexSetBuilder};

use crate::classify::Agent;

/// Questions with one of these patterns belong to this agent.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) agent: Agent,
    patterns: &'static [&'static str],
}

/// In the order in which they are tried. Case does not matter unless a pattern says so.
static RULES: [Rule; 4] = [
    Rule {
        name: "error-message",
        agent: Agent::Debug,
        patterns: &[
            r"traceback \(most recent call last\)|\bfile .+, line \d+|\[errno -?\d+\]",
            r"(?-i:\b[A-Z]\w*(Error|Exception|Interrupt|Iteration|Warning))\s*:\s*\S",
            r"'\w+' object (is not|has no|does not|cannot)|\bobject is not (callable|iterable|subscriptable)",
            r"\b(list|string|tuple) index out of range|\bindices must be integers|\binvalid literal for\b",
            r"\bunexpected (indent|eof)\b|\bunindent does not match|\bexpected an indented block",
            r"\b(eol|eof) while scanning|\bunterminated (string|triple)|\bwas never closed\b|\bno module named\b",
            r"\breferenced before assignment|\bunsupported operand|\bpositional arguments? (but|follows)",
            r"\bmaximum recursion depth exceeded|\b(too many|not enough) values to unpack|\bunhashable type\b",
            r"\bcould not convert string to float|\bcannot assign to\b|\bcan only concatenate\b|\bcannot import name\b",
        ],
    },
    Rule {
        name: "name-of-an-error",
        agent: Agent::Debug,
        patterns: &[r"^\W*[a-z]+(error|exception)\W*( (help|again|pls|please|plz)\b.*)?$"],
    },
    Rule {
        name: "asks-for-exercise",
        agent: Agent::Exercise,
        patterns: &[
            r"\b(give me|gimme|i want|i need|i.?d like|can i (have|get)|another|more|next|new) (an? |another |some |more |the |\d+ )?(\w+ ){0,2}(exercises?|challenges?|puzzles?|quiz|practice (problems?|questions?))\b",
            r"\b(quiz|challenge|drill) me\b",
        ],
    },
    Rule {
        name: "asks-for-review",
        agent: Agent::CodeReview,
        patterns: &[
            r"\b(review|rate|grade|critique|improve|refactor) my (\w+ )?(code|program|script|function|solution|class)\b|\bcode review (please|pls|plz)",
            r"\bfeedback (on|for|about) my (\w+ )?(code|program|script|function|solution|class)\b",
        ],
    },
];

/// The compiled rules.
pub(crate) struct Rules {
    patterns: RegexSet,
    /// The rule of each pattern.
    rules: Vec<&'static Rule>,
}

impl Rules {
    /// Compiles them.
    pub(crate) fn new() -> Result<Self, regex::Error> {
        let (rules, patterns): (_, Vec<_>) =
            RULES.iter().flat_map(|rule| rule.patterns.iter().map(move |pattern| (rule, *pattern))).unzip();
        Ok(Self { patterns: RegexSetBuilder::new(patterns).case_insensitive(true).build()?, rules })
    }

    /// The first rule that fits a text.
    pub(crate) fn find(&self, text: &str) -> Option<&'static Rule> {
        self.patterns.matches(text).iter().next().and_then(|index| self.rules.get(index)).copied()
    }
}
