//! Sorting questions. The first rule that fits decides; what fits none goes to concepts, whose agent has a helpful answer
//! for everything.

use regex::{RegexSet, RegexSetBuilder};

use crate::rules::{Code, RULES, Rule};

/// Who can answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    Concepts,
    CodeReview,
    Debug,
    Exercise,
}

impl Agent {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concepts => "concepts",
            Self::CodeReview => "code-review",
            Self::Debug => "debug",
            Self::Exercise => "exercise",
        }
    }
}

/// Where a question belongs, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub agent: Agent,
    pub rule: &'static str,
    pub certain: bool,
}

/// Most bytes of the automaton that is built while questions are sorted. With the usual 2 MB all patterns at once do not
/// fit, and sorting takes ten times as long: 150 µs instead of 15.
const AUTOMATON: usize = 32 << 20;

/// The compiled rules.
pub struct Classifier {
    patterns: RegexSet,
    /// The rule of each pattern.
    rules: Vec<&'static Rule>,
    error: RegexSet,
}

impl Classifier {
    /// Compiles the rules.
    pub fn new() -> Result<Self, regex::Error> {
        let patterns = || RULES.iter().flat_map(|rule| rule.patterns.iter().map(move |pattern| (rule, pattern)));
        let rules = patterns().map(|(rule, _)| rule).collect();
        let patterns = RegexSetBuilder::new(patterns().map(|(_, pattern)| format!("(?is){pattern}")))
            .dfa_size_limit(AUTOMATON)
            .build()?;
        // A pasted error keeps its spelling: "TypeError: can only concatenate str".
        let error = RegexSet::new([
            r"(?i)traceback \(most recent call last\)",
            r"(?m)^\s*[A-Z]\w*(Error|Exception|Iteration|Interrupt|Exit)\b",
        ])?;
        Ok(Self { patterns, rules, error })
    }

    /// Says where a question belongs.
    pub fn classify(&self, text: &str, code: Option<&str>, error: Option<&str>) -> Verdict {
        let verdict = |agent, rule| Verdict { agent, rule, certain: true };
        let has_code = code.is_some_and(|code| !code.trim().is_empty());
        let fits = self.patterns.matches(text);
        let mut matching =
            fits.iter().filter_map(|index| self.rules.get(index)).filter(|rule| rule.code == Code::Any || has_code);
        // Who sends an error wants it explained, unless they plainly ask for something to practise.
        if error.is_some_and(|error| !error.trim().is_empty()) {
            return match matching.next() {
                Some(rule) if rule.agent == Agent::Exercise => verdict(rule.agent, rule.name),
                _ => verdict(Agent::Debug, "error-given"),
            };
        }
        if let Some(rule) = matching.next() {
            return verdict(rule.agent, rule.name);
        }
        if self.error.is_match(text) {
            return verdict(Agent::Debug, "error-name");
        }
        if has_code {
            return verdict(Agent::CodeReview, "code-without-a-question");
        }
        Verdict { agent: Agent::Concepts, rule: "default", certain: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-005..008: the four kinds of questions, as beginners ask them, and the default.
    #[test]
    fn sorts_questions_of_every_kind() {
        use Agent::{CodeReview, Concepts, Debug, Exercise};
        let code = Some("xs = [3, 1, 2]\nprint(xs.sort())");
        let questions = [
            ("What is a list?", None, None, Concepts),
            ("how do i loop over a dictionary", None, None, Concepts),
            ("explain list comprehensions to me like im five", None, None, Concepts),
            ("difference between a tuple and a list??", None, None, Concepts),
            ("what does self mean", None, None, Concepts),
            ("What is a NameError?", None, None, Concepts),
            ("when should I use while instead of for", None, None, Concepts),
            ("how do I practice? what is recursion", None, None, Exercise),
            ("can you show me an example of a class", None, None, Concepts),
            ("why does python start counting at 0", None, None, Concepts),
            ("why does this print None", code, None, Debug),
            ("my code doesnt work", None, None, Debug),
            ("my code doesn't work, it never stops", code, None, Debug),
            ("help", code, None, Debug),
            ("I get an error and dont know why", None, None, Debug),
            ("TypeError: can only concatenate str (not \"int\") to str", None, None, Debug),
            ("Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>", None, None, Debug),
            ("what is happening here?", code, Some("NameError: name 'x' is not defined"), Debug),
            ("it should print 6 but prints 5", code, None, Debug),
            ("can you find the bug", code, None, Debug),
            ("whats wrong with my loop", None, None, Debug),
            ("IndexError", None, None, Debug),
            ("my program crashes when i type a letter", None, None, Debug),
            ("please review my code", code, None, CodeReview),
            ("can you give me feedback on this function?", code, None, CodeReview),
            ("is this ok?", code, None, CodeReview),
            ("is there a better way to do this", code, None, CodeReview),
            ("rate my solution", code, None, CodeReview),
            ("how can I make it more pythonic", code, None, CodeReview),
            (":)", code, None, CodeReview),
            ("give me an exercise about lists", None, None, Exercise),
            ("I want to practice for loops", None, None, Exercise),
            ("quiz me on dictionaries", None, None, Exercise),
            ("another exercise please", None, None, Exercise),
            ("can i have a harder challenge", None, None, Exercise),
            ("make me some practice problems on strings", None, None, Exercise),
            ("hello", None, None, Concepts),
            ("dictionaries", None, None, Concepts),
            ("asdf qwer", None, None, Concepts),
            ("¿Qué es una lista?", None, None, Concepts),
        ];
        let classifier = Classifier::new().unwrap();
        let wrong: Vec<_> = questions
            .into_iter()
            .map(|(text, code, error, agent)| (text, agent, classifier.classify(text, code, error)))
            .filter(|(_, agent, verdict)| verdict.agent != *agent)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(!classifier.classify("hello", None, None).certain);
    }
}
