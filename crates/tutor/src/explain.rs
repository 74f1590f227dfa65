//! Explaining a topic, and asking back when the question leaves it open.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use learnflow_curriculum::{Curriculum, Level, Misconception, Topic};

use crate::{
    Confidence, Match, Query, Reply, Tutor,
    terms::{Origin, terms},
};

impl Tutor {
    /// Explains what the question is about, at the student's level or the nearest lower one there is a text for. If the
    /// question leaves the topic open, the answer says what was understood and how to ask; its topic is then none.
    pub fn explain(&self, query: &Query<'_>, level: Level) -> Reply {
        let found = self.find_topic(query);
        match found.topic {
            Some(topic) if found.confidence > Confidence::Unsure => self.explain_topic(query, topic, &found, level),
            _ => self.ask_back(query, &found),
        }
    }

    fn explain_topic(&self, query: &Query<'_>, topic: &Topic, found: &Match<'_>, level: Level) -> Reply {
        let mut text = format!("**{}**", topic.title);
        let alternatives: Vec<_> =
            found.alternatives.iter().take(2).map(|topic| format!("*{}*", topic.title)).collect();
        if found.confidence == Confidence::Likely && !alternatives.is_empty() {
            write_to(&mut text, format_args!(" is what I take your question to be about; if I am wrong, "));
            write_to(&mut text, format_args!("ask me about {} instead.", alternatives.join(" or ")));
        }
        let level = topic.explanation_level(level);
        let prerequisites: Vec<_> = topic
            .prerequisites
            .iter()
            .filter_map(|id| Some(format!("*{}*", self.curriculum.topic(id)?.title)))
            .collect();
        if level == Level::Beginner && !prerequisites.is_empty() {
            write_to(&mut text, format_args!("\n\nIt builds on {}.", prerequisites.join(" and ")));
        }
        write_to(&mut text, format_args!("\n\n{}", topic.explanation(level).trim()));
        let misconception = self.misconceptions.fitting(query.text, topic);
        if let Some(Misconception { belief, correction }) = misconception {
            write_to(&mut text, format_args!("\n\n**Easily mixed up.** *“{belief}”* Not quite: {correction}"));
        }
        let own = query.next.and_then(|id| self.curriculum.topic(id));
        if let Some(next) = own.or_else(|| self.curriculum.next_topic(&topic.id)) {
            write_to(&mut text, format_args!("\n\n**Next topic:** *{}*", next.title));
            if let Some(module) = self.curriculum.module(&next.module).filter(|module| {
                let is_first = module.topics.first().is_some_and(|first| first.id == next.id);
                is_first && module.id != topic.module
            }) {
                write_to(&mut text, format_args!(", the beginning of the module *{}*", module.title));
            }
            text.push('.');
        }
        Reply { topic: Some(topic.id.clone()), level, markdown: text }
    }

    fn ask_back(&self, query: &Query<'_>, found: &Match<'_>) -> Reply {
        let mut text = String::new();
        let understood = self.index.understood(query.text);
        let closest: Vec<&Topic> = found.topic.into_iter().chain(found.alternatives.iter().copied()).take(3).collect();
        if query.text.trim().is_empty() {
            text.push_str("Your question arrived without any text.");
        } else if !found.about_python {
            text.push_str(
                "That doesn't look like a question about Python, or at least not about a part of it that I teach.",
            );
        } else {
            text.push_str("I'm not sure which part of Python you are asking about.");
        }
        if !understood.is_empty() {
            let words: Vec<_> = understood.iter().take(6).map(|word| format!("`{}`", word.replace('`', "'"))).collect();
            write_to(&mut text, format_args!(" What I recognised: {}.", words.join(", ")));
        }
        let (heading, topics) = if closest.is_empty() {
            ("Good topics to begin with", self.curriculum.topics().take(3).collect())
        } else {
            ("The topics that come closest", closest)
        };
        write_to(&mut text, format_args!("\n\n{heading}:\n\n"));
        for topic in topics {
            let module = self.curriculum.module(&topic.module).map_or("", |module| module.title.as_str());
            write_to(&mut text, format_args!("- **{}** (module *{module}*)\n", topic.title));
        }
        text.push_str(
            "\nI can help best if you say what you want to do (\"add an item to a list\"), or name a word of Python \
             (\"what does `append` do?\"). If a program doesn't work, send me its code and the error message.",
        );
        Reply { topic: None, level: Level::Beginner, markdown: text }
    }
}

type Words = HashSet<String>;

/// The words of each topic's misconceptions, by the topic's id: of the belief and of the correction.
pub(crate) struct Misconceptions(HashMap<String, Vec<(Words, Words)>>);

impl Misconceptions {
    pub(crate) fn new(curriculum: &Curriculum) -> Self {
        let words_of = |topic: &Topic| {
            let pairs = topic.misconceptions.iter();
            pairs.map(|misconception| (words(&misconception.belief), words(&misconception.correction))).collect()
        };
        Self(curriculum.topics().map(|topic| (topic.id.clone(), words_of(topic))).collect())
    }

    /// The misconception that shares most words with the question, or else the first, which is the commonest.
    fn fitting<'a>(&self, question: &str, topic: &'a Topic) -> Option<&'a Misconception> {
        let asked = words(question);
        let shared = |(belief, correction): &(Words, Words)| {
            2 * belief.intersection(&asked).count() + correction.intersection(&asked).count()
        };
        let candidates = topic.misconceptions.iter().zip(self.0.get(&topic.id)?);
        // max_by_key takes the last maximum, so go backwards for the first one.
        candidates.rev().max_by_key(|(_, words)| shared(words)).map(|(misconception, _)| misconception)
    }
}

fn words(text: &str) -> Words {
    terms(text, Origin::Prose).into_iter().map(|term| term.text).collect()
}

/// Writing to a string can't fail.
pub(crate) fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}
