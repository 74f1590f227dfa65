//! The rules by which questions are sorted. The first rule that fits decides; what fits none goes to concepts, whose
//! agent has a helpful answer for everything.

use regex::RegexSet;

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

/// Whether a rule looks at the presence of code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Any,
    Needed,
}

struct Rule {
    name: &'static str,
    agent: Agent,
    code: Code,
    pattern: &'static str,
}

const fn rule(name: &'static str, agent: Agent, code: Code, pattern: &'static str) -> Rule {
    Rule { name, agent, code, pattern }
}

/// In the order in which they are tried, over the question's words.
const RULES: &[Rule] = &[
    rule(
        "asks-for-exercise",
        Agent::Exercise,
        Code::Any,
        r"\b(give|make|create|generate|set|get|want|need|have|like|try|send|suggest|do|show)\b.{0,40}\b(exercises?|challenges?|practi[cs]e (problems?|tasks?|questions?)|homework|puzzles?|coding tasks?|katas?|drills?)\b",
    ),
    rule(
        "wants-to-practise",
        Agent::Exercise,
        Code::Any,
        r"\b(quiz|test|challenge) me\b|\b(let me|want to|wanna|like to|can i|could i|how (can|do) i|where can i|help me) practi[cs]e\b|\bpractice (problems?|exercises?|questions?|tasks?)\b|^\W*(an? |another |more |one more |next )?(easy |medium |hard |harder |easier )?(exercises?|challenges?)( please| pls| for me| (on|about|for|with) .{1,60})?\W*$",
    ),
    // A traceback or an error line, wherever it was pasted.
    rule(
        "error-message",
        Agent::Debug,
        Code::Any,
        r"traceback \(most recent call last\)|\b[a-z]*(error|exception|warning|interrupt)\s*:\s*\S|\bfile .{1,80}, line \d+",
    ),
    rule(
        "asks-for-review",
        Agent::CodeReview,
        Code::Any,
        r"\b(review|rate|grade|critique|assess|judge)\b.{0,30}\b(code|program|script|function|solution|class|this|it|work)\b|\bcode review\b|\bfeedback\b.{0,40}\b(code|program|script|function|solution|class|this|it)\b|\bis (this|my) (code|program|solution|function|script|class) (ok|okay|good|fine|clean|pythonic|readable|efficient)\b",
    ),
    rule(
        "asks-to-improve",
        Agent::CodeReview,
        Code::Needed,
        r"\b(feedback|review|improve|improvements?|cleaner|clean (it |this )?up|refactor|better way|nicer|more (pythonic|readable|efficient|elegant)|shorter|simplify|style|pep ?8|what do you think|any (tips|suggestions|advice|thoughts|comments))\b|\bis (this|it) (ok|okay|good|fine|right|correct|clean|pythonic)\b",
    ),
    rule(
        "something-wrong",
        Agent::Debug,
        Code::Any,
        r"\b(my|this|the|that) (code|program|script|function|loop|list|class|output|result|answer|variable|game)\b.{0,60}\b(wrong|broken|crash(es|ed|ing)?|fail(s|ed|ing)?|stuck|hang(s|ing)?|freez(es|ing)|weird|unexpected|bug(gy)?|(does ?n.?t|do ?n.?t|did ?n.?t|wo ?n.?t|is ?n.?t|not|never|no longer) (work(ing)?|run(ning)?|print(ing)?|stop(ping)?|end(ing)?|return(ing)?|do(ing)?|chang(e|ing)|updat(e|ing)))\b|\b(debug|fix|find (the|my) (bug|mistake|error)|whats? (is )?wrong with|what'?s wrong with|what did i do wrong)\b|\b(get|getting|got|gives?|giving|throws?|throwing|raises?|shows?|says?) (me )?(an?|this|the) (\w+ ){0,2}(error|exception|traceback)\b",
    ),
    rule(
        "wrong-behaviour",
        Agent::Debug,
        Code::Needed,
        r"\b(does ?n.?t|do ?n.?t|did ?n.?t|wo ?n.?t|is ?n.?t|not|never) (work|run|print|stop|end|return|do|give|show|go|change|update|sort|count|add|loop)\w*\b|\b(wrong|bug|broken|crash|infinite|instead of|expected|should (be|print|return|give|show)|error|help|why (is|does|do|am|are|did|isn'?t|doesn'?t|won'?t))\b",
    ),
    rule(
        "asks-about-a-concept",
        Agent::Concepts,
        Code::Any,
        r"\b(what|whats|how|why|when|where|which|who|explain|difference|mean(s|ing)?|tell me|teach|learn|understand|describe|define|example|show me|can (i|you|we)|is there|are there|do i|does|should i)\b",
    ),
];

/// The compiled rules.
pub struct Classifier {
    patterns: RegexSet,
    error: RegexSet,
}

impl Classifier {
    /// Compiles the rules.
    pub fn new() -> Result<Self, regex::Error> {
        let patterns = RegexSet::new(RULES.iter().map(|rule| format!("(?is){}", rule.pattern)))?;
        // A pasted error keeps its spelling: "TypeError: can only concatenate str".
        let error = RegexSet::new([
            r"(?i)traceback \(most recent call last\)",
            r"(?m)^\s*[A-Z]\w*(Error|Exception|Iteration|Interrupt|Exit)\b",
        ])?;
        Ok(Self { patterns, error })
    }

    /// Says where a question belongs.
    pub fn classify(&self, text: &str, code: Option<&str>, error: Option<&str>) -> Verdict {
        let verdict = |agent, rule| Verdict { agent, rule, certain: true };
        let has_code = code.is_some_and(|code| !code.trim().is_empty());
        let fits = self.patterns.matches(text);
        let matching = || {
            RULES
                .iter()
                .enumerate()
                .filter(|(index, rule)| fits.matched(*index) && (rule.code == Code::Any || has_code))
        };
        // Who sends an error wants it explained, unless they plainly ask for something to practise.
        if error.is_some_and(|error| !error.trim().is_empty()) {
            return match matching().next() {
                Some((_, rule)) if rule.agent == Agent::Exercise => verdict(rule.agent, rule.name),
                _ => verdict(Agent::Debug, "error-given"),
            };
        }
        if let Some((_, rule)) = matching().next() {
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
