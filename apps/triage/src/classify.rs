//! Sorting questions. The first rule that fits decides, else what was learned from examples; what remains unclear goes
//! to concepts, whose agent has a helpful answer for everything.

use anyhow::Context as _;

use crate::{
    examples::{self, Example, UNCLEAR},
    model::Model,
    program::{looks_broken, split},
    rules::Rules,
};

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

/// In the order of [`examples::KINDS`].
const AGENTS: [Agent; UNCLEAR] = [Agent::Concepts, Agent::Debug, Agent::CodeReview, Agent::Exercise];

/// Where a question belongs, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub agent: Agent,
    pub rule: &'static str,
    pub certain: bool,
}

/// Below this probability nobody claims to know.
const CERTAIN: f32 = 0.4;

/// The rules and the model.
pub struct Classifier {
    rules: Rules,
    model: Model,
}

impl Classifier {
    /// Compiles the rules and learns from the examples that come with triage.
    ///
    /// # Errors
    /// When a rule or an example cannot be read.
    pub fn new() -> anyhow::Result<Self> {
        Self::trained_on(&examples::all()?)
    }

    /// Compiles the rules and learns from some examples.
    ///
    /// # Errors
    /// When a rule cannot be read.
    pub fn trained_on<'a>(examples: impl IntoIterator<Item = &'a Example>) -> anyhow::Result<Self> {
        Ok(Self { rules: Rules::new().context("a rule of triage is wrong")?, model: Model::of(examples) })
    }

    /// Says where a question belongs.
    pub fn classify(&self, text: &str, code: Option<&str>, error: Option<&str>) -> Verdict {
        let verdict = |agent, rule| Verdict { agent, rule, certain: true };
        let (code, error) = (code.unwrap_or_default().trim(), error.unwrap_or_default().trim());
        let (words, pasted) = if code.is_empty() { split(text) } else { (text.to_owned(), String::new()) };
        let (text, code) = (words.as_str(), if code.is_empty() { pasted.as_str() } else { code });
        let rule = self.rules.find(text);
        // Who sends an error wants it explained, unless they plainly ask for something to practise.
        if !error.is_empty() && rule.is_none_or(|rule| rule.agent != Agent::Exercise) {
            return verdict(Agent::Debug, "error-given");
        }
        if let Some(rule) = rule {
            return verdict(rule.agent, rule.name);
        }
        if !code.is_empty() && !text.chars().any(char::is_alphanumeric) {
            let is_in_doubt = looks_broken(code) || text.contains('?');
            return if is_in_doubt {
                verdict(Agent::Debug, "code-in-doubt")
            } else {
                verdict(Agent::CodeReview, "code-without-words")
            };
        }
        let probabilities = self.model.classify(text, code, error);
        let best = AGENTS.into_iter().zip(probabilities).max_by(|(_, one), (_, other)| one.total_cmp(other));
        match best {
            // Who sends a program has a question about it, however they put it.
            Some((agent, _)) if !code.is_empty() => verdict(agent, "learned"),
            Some((agent, probability)) if probability > probabilities[UNCLEAR].max(CERTAIN) => {
                verdict(agent, "learned")
            }
            _ => Verdict { agent: Agent::Concepts, rule: "default", certain: false },
        }
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
            ("i understood recursion, what can i practise it on", None, None, Exercise),
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
            ("i want my code to be shorter", code, None, CodeReview),
            ("rate my solution", code, None, CodeReview),
            ("how can I make it more pythonic", code, None, CodeReview),
            (":)", code, None, CodeReview),
            ("give me an exercise about lists", None, None, Exercise),
            ("I want to practice for loops", None, None, Exercise),
            ("quiz me on dictionaries", None, None, Exercise),
            ("another exercise please", None, None, Exercise),
            ("can i have a harder challenge", None, None, Exercise),
            ("make me some practice problems on strings", None, None, Exercise),
            ("the wall of my maze has a hole", None, None, Debug),
            ("somehow it is 12 although i typed 3", None, None, Debug),
            ("feels clunky\n\nfor i in range(len(a)):\n    print(a[i])", None, None, CodeReview),
            ("give me an exercise", code, Some("NameError: name 'x' is not defined"), Exercise),
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
