//! Ranking the topics for a question: BM25 over titles, keywords and explanations, with a bonus for whole keyword phrases.

use std::collections::{HashMap, HashSet};

use learnflow_curriculum::{Curriculum, Level, Topic};

use crate::{
    Confidence, Query,
    spelling::Dictionary,
    terms::{Origin, Term, is_misspelled_stop_word, stem, terms},
};

/// What one occurrence of a term counts, by the field it stands in.
const TITLE: f32 = 3.0;
const KEYWORD: f32 = 4.0;
const PHRASE_WORD: f32 = 1.2;
/// What a term can count at most by standing in phrases, however many a topic has.
const PHRASES_MOST: f32 = 3.0;
const TEXT: f32 = 0.25;
/// BM25's saturation: how soon more occurrences stop counting more.
const K1: f32 = 2.0;
/// How much of its weight a term keeps when it was misspelled, or only stands in the student's code.
const MISSPELLED: f32 = 0.8;
const FROM_CODE: f32 = 0.25;
/// What an error's own topic gets, in units of a very telling term.
const ERROR_TOPIC: f32 = 10.0;
/// What a topic gets when the question names it and nothing else, in the same units: "what is a list?".
const NAMED: f32 = 10.0;
/// What a topic must reach to be worth a mention: small words alone don't.
const LOWEST_SCORE: f32 = 1.0;
/// Below these shares of the question understood, the tutor is unsure, or not sure.
const LIKELY_COVERAGE: f32 = 0.45;
const SURE_COVERAGE: f32 = 0.6;
/// By how much the best topic must lead to be sure.
const SURE_LEAD: f32 = 1.2;
/// The share below which the question isn't about Python.
const PYTHON_COVERAGE: f32 = 0.3;
/// The lead that makes up for a question understood only in part.
const CLEAR_LEAD: f32 = 1.5;

/// One topic a term leads to.
struct Posting {
    topic: usize,
    /// Occurrences, weighted by field.
    frequency: f32,
    /// How well the term alone identifies the topic, 0 to 1.
    strength: f32,
}

/// A keyword of several words.
struct Phrase {
    topic: usize,
    /// Each once, sorted: sums over them are the same in every process.
    terms: Vec<usize>,
}

pub(crate) struct Index {
    topics: Vec<String>,
    vocabulary: HashMap<String, usize>,
    /// By term.
    postings: Vec<Vec<Posting>>,
    idf: Vec<f32>,
    phrases: Vec<Phrase>,
    /// The terms of each topic's title, sorted.
    titles: Vec<Vec<usize>>,
    /// Positions in `phrases` by each of their terms.
    phrases_with: HashMap<usize, Vec<usize>>,
    dictionary: Dictionary,
    unknown_idf: f32,
}

/// The topics by rank.
pub(crate) struct Ranking {
    /// Ids, best first; only topics that have anything to do with the question.
    pub(crate) topics: Vec<String>,
    pub(crate) score: f32,
    pub(crate) confidence: Confidence,
    pub(crate) about_python: bool,
}

/// A term of the question that may lead somewhere.
struct Asked {
    /// None if no topic speaks of it.
    id: Option<usize>,
    weight: f32,
}

impl Index {
    pub(crate) fn new(curriculum: &Curriculum) -> Self {
        let mut builder = Builder::default();
        let topics: Vec<&Topic> = curriculum.topics().collect();
        for (number, topic) in topics.iter().enumerate() {
            builder.add(number, topic);
        }
        builder.finish(topics.iter().map(|topic| topic.id.clone()).collect())
    }

    pub(crate) fn rank(&self, query: &Query<'_>, error_topic: Option<&str>) -> Ranking {
        let mut asked = self.asked(query.text, Origin::Prose);
        // A topic that isn't an id is a hint in the student's words.
        if let Some(topic) = query.topic {
            asked.extend(self.asked(&topic.replace('-', " "), Origin::Python));
        }
        let mut from_code = query.code.map(|code| self.asked(code, Origin::Python)).unwrap_or_default();
        from_code.retain(|term| term.id.is_some());
        let is_vague = asked.iter().all(|term| term.id.is_none() || term.weight < 0.5);
        for term in &mut from_code {
            term.weight *= if is_vague { 1.0 } else { FROM_CODE };
        }
        let has_code = !from_code.is_empty();

        let mut scores = vec![0.0; self.topics.len()];
        for term in asked.iter().chain(&from_code) {
            let Some(id) = term.id else { continue };
            for posting in &self.postings[id] {
                let saturated = posting.frequency * (K1 + 1.0) / (posting.frequency + K1);
                scores[posting.topic] += term.weight * self.idf[id] * saturated;
            }
        }
        let whole_phrases = self.whole_phrases(&asked);
        for (topic, &bonus) in &whole_phrases {
            scores[*topic] += bonus;
        }
        if let Some(topic) = self.named(&asked) {
            scores[topic] += NAMED;
        }
        if let Some(topic) = error_topic.and_then(|id| self.topics.iter().position(|topic| topic == id)) {
            scores[topic] += ERROR_TOPIC;
        }

        let mut order: Vec<usize> = (0..self.topics.len()).filter(|&topic| scores[topic] >= LOWEST_SCORE).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let (confidence, about_python) =
            self.judge(&order, &scores, &asked, &whole_phrases, has_code || error_topic.is_some());
        Ranking {
            score: order.first().map_or(0.0, |&topic| scores[topic]),
            topics: order.iter().take(4).map(|&topic| self.topics[topic].clone()).collect(),
            confidence,
            about_python,
        }
    }

    /// The topic whose title the question consists of, small words apart.
    fn named(&self, asked: &[Asked]) -> Option<usize> {
        let telling = asked.iter().filter(|term| term.weight >= 0.5);
        let mut terms: Vec<usize> = telling.map(|term| term.id).collect::<Option<_>>()?;
        terms.sort_unstable();
        (!terms.is_empty()).then(|| self.titles.iter().position(|title| *title == terms)).flatten()
    }

    /// The words of a text that some topic speaks of, for telling the student what was understood.
    pub(crate) fn understood(&self, text: &str) -> Vec<String> {
        let known = terms(text, Origin::Prose).into_iter().filter(|term| term.weight >= 0.5);
        let mut words: Vec<String> = known
            .filter_map(|term| {
                let id = self.vocabulary.get(&term.text)?;
                let telling = self.postings[*id].iter().any(|posting| posting.strength >= 0.5);
                telling.then_some(if term.word.is_empty() { term.text } else { term.word })
            })
            .collect();
        words.dedup();
        words
    }

    fn asked(&self, text: &str, origin: Origin) -> Vec<Asked> {
        let terms = terms(text, origin);
        let mut asked: Vec<Asked> = Vec::with_capacity(terms.len() + 4);
        let mut add = |id: Option<usize>, weight: f32| match asked.iter_mut().find(|term| id.is_some() && term.id == id)
        {
            Some(known) => known.weight = known.weight.max(weight),
            None => asked.push(Asked { id, weight }),
        };
        for (position, term) in terms.iter().enumerate() {
            // "name error", "f string": a name that Python writes as one word.
            let next = terms.get(position + 1).filter(|next| !term.word.is_empty() && !next.word.is_empty());
            let joined = next.map(|next| stem(&format!("{}{}", term.word, next.word)));
            if let Some(&id) = joined.and_then(|name| self.vocabulary.get(&name)) {
                add(Some(id), 1.0);
            }
            if let Some(&id) = self.vocabulary.get(&term.text) {
                add(Some(id), term.weight.min(1.0));
            } else if origin == Origin::Prose {
                // A name or a word of another subject isn't a misspelled one of Python's.
                if term.weight > 1.0 {
                    add(None, term.weight);
                    continue;
                }
                if is_misspelled_stop_word(&term.word) {
                    continue;
                }
                match self.meant(term) {
                    meant if meant.is_empty() => add(None, term.weight),
                    meant => meant.into_iter().for_each(|id| add(Some(id), term.weight * MISSPELLED)),
                }
            }
        }
        asked
    }

    /// What an unknown word may stand for: a known word misspelled, or two known words run together.
    fn meant(&self, term: &Term) -> Vec<usize> {
        if let Some(word) = self.dictionary.closest(&term.word) {
            return self.vocabulary.get(&stem(word)).copied().into_iter().collect();
        }
        if !term.word.is_ascii() || term.word.len() < 5 {
            return Vec::new();
        }
        let mut halves = (2..term.word.len() - 2).map(|middle| term.word.split_at(middle));
        let known = |word: &str| {
            let id = *self.vocabulary.get(&stem(word))?;
            self.postings[id].iter().any(|posting| posting.strength > 0.4).then_some(id)
        };
        halves.find_map(|(left, right)| Some(vec![known(left)?, known(right)?])).unwrap_or_default()
    }

    /// The bonus of each topic with a keyword phrase whose words are all in the question; the best phrase counts.
    fn whole_phrases(&self, asked: &[Asked]) -> HashMap<usize, f32> {
        let weights: HashMap<usize, f32> = asked.iter().filter_map(|term| Some((term.id?, term.weight))).collect();
        let mut bonuses: HashMap<usize, f32> = HashMap::new();
        for id in weights.keys() {
            for &phrase in self.phrases_with.get(id).into_iter().flatten() {
                let Phrase { topic, terms } = &self.phrases[phrase];
                if terms.iter().all(|term| weights.contains_key(term)) {
                    let bonus: f32 = terms.iter().map(|term| weights[term] * self.idf[*term]).sum();
                    let best = bonuses.entry(*topic).or_default();
                    *best = best.max(bonus);
                }
            }
        }
        bonuses
    }

    /// How sure the ranking is, by the share of the question that the best topic accounts for and by its lead.
    fn judge(
        &self,
        order: &[usize],
        scores: &[f32],
        asked: &[Asked],
        whole_phrases: &HashMap<usize, f32>,
        has_code_or_error: bool,
    ) -> (Confidence, bool) {
        let says_nothing = asked.iter().all(|term| term.weight < 0.5);
        let Some(&best) = order.first() else { return (Confidence::Unsure, says_nothing || has_code_or_error) };
        let idf = |term: &Asked| term.id.map_or(self.unknown_idf, |id| self.idf[id]);
        let total: f32 = asked.iter().map(|term| term.weight * idf(term)).sum();
        let strength = |term: &Asked, topic: Option<usize>| {
            let postings = term.id.map(|id| self.postings[id].as_slice()).unwrap_or_default();
            let relevant = postings.iter().filter(|posting| topic.is_none_or(|topic| topic == posting.topic));
            relevant.map(|posting| posting.strength).fold(0.0, f32::max)
        };
        let covered = |topic| asked.iter().map(|term| term.weight * idf(term) * strength(term, topic)).sum::<f32>();
        // The words of a phrase that is there as a whole are all understood.
        let phrase = whole_phrases.get(&best).copied().unwrap_or_default();
        let share = |covered: f32| if total > 0.0 { covered / total } else { 0.0 };
        let coverage = share(covered(Some(best)).max(phrase));
        let about_python = has_code_or_error || share(covered(None).max(phrase)) >= PYTHON_COVERAGE;

        let lead = order.get(1).map_or(f32::INFINITY, |&second| scores[best] / scores[second]);
        let known = asked.iter().filter(|term| term.id.is_some() && term.weight >= 0.5).count();
        let all_known = asked.iter().all(|term| term.id.is_some() || term.weight < 0.5);
        let is_clear = known > 1 && (lead >= CLEAR_LEAD || all_known);
        let confidence = if coverage >= SURE_COVERAGE && lead >= SURE_LEAD {
            Confidence::Sure
        } else if coverage >= LIKELY_COVERAGE || has_code_or_error || (about_python && is_clear) {
            Confidence::Likely
        } else {
            Confidence::Unsure
        };
        (confidence, about_python)
    }
}

#[derive(Default)]
struct Builder {
    vocabulary: HashMap<String, usize>,
    /// By term, then topic: frequency and strength.
    occurrences: Vec<HashMap<usize, (f32, f32)>>,
    /// Topics with the term in title or keywords.
    named_by: Vec<HashSet<usize>>,
    phrases: Vec<Phrase>,
    titles: Vec<Vec<usize>>,
    words: HashSet<String>,
}

impl Builder {
    fn add(&mut self, number: usize, topic: &Topic) {
        let mut title = Vec::new();
        for term in terms(&topic.title, Origin::Prose) {
            self.occurrence(number, &term, TITLE, 1.0);
            if term.weight >= 0.5 {
                title.push(self.id(&term.text));
            }
        }
        title.sort_unstable();
        title.dedup();
        self.titles.push(title);
        for keyword in &topic.keywords {
            let parts = terms(keyword, Origin::Python);
            let is_phrase = parts.len() > 1 && keyword.contains(' ');
            for term in &parts {
                let (count, strength) = match keyword.contains(' ') {
                    true if is_phrase => (PHRASE_WORD, 0.4),
                    // All other words of the phrase say nothing, so this one isn't the whole keyword either.
                    true => (2.0 * PHRASE_WORD, 0.6),
                    false => (KEYWORD, 1.0),
                };
                self.occurrence(number, term, count, strength);
            }
            if is_phrase {
                let mut terms: Vec<usize> = parts.iter().map(|term| self.id(&term.text)).collect();
                terms.sort_unstable();
                terms.dedup();
                self.phrases.push(Phrase { topic: number, terms });
            }
        }
        for paragraph in prose(topic.explanation(Level::Beginner)) {
            for term in terms(paragraph, Origin::Prose).iter().filter(|term| term.weight >= 0.5) {
                let id = self.id(&term.text);
                let entry = self.occurrences[id].entry(number).or_insert((0.0, 0.2));
                entry.0 += TEXT;
            }
        }
    }

    fn occurrence(&mut self, topic: usize, term: &Term, count: f32, strength: f32) {
        let id = self.id(&term.text);
        self.named_by[id].insert(topic);
        let entry = self.occurrences[id].entry(topic).or_insert((0.0, 0.0));
        let is_in_phrase = strength < 1.0;
        entry.0 += if is_in_phrase { count.min((PHRASES_MOST - entry.0).max(0.0)) } else { count };
        entry.1 = entry.1.max(strength);
        if term.word.chars().all(|letter| letter.is_ascii_lowercase()) {
            self.words.insert(term.word.clone());
        }
    }

    fn id(&mut self, term: &str) -> usize {
        if let Some(&id) = self.vocabulary.get(term) {
            return id;
        }
        let id = self.occurrences.len();
        self.vocabulary.insert(term.to_owned(), id);
        self.occurrences.push(HashMap::new());
        self.named_by.push(HashSet::new());
        id
    }

    fn finish(self, topics: Vec<String>) -> Index {
        #[expect(clippy::cast_precision_loss, reason = "counts of topics are small")]
        let idf = |count: usize| {
            let (all, count) = (topics.len() as f32, count as f32);
            (1.0 + (all - count + 0.5) / (count + 0.5)).ln()
        };
        // How rare a term is among titles and keywords says more than how often texts happen to use it.
        let idfs = self
            .named_by
            .iter()
            .zip(&self.occurrences)
            .map(|(named, occurring)| idf(if named.is_empty() { occurring.len() } else { named.len() }));
        let mut phrases_with: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, phrase) in self.phrases.iter().enumerate() {
            phrase.terms.iter().for_each(|&term| phrases_with.entry(term).or_default().push(number));
        }
        let postings = self.occurrences.iter().map(|topics| {
            let mut postings: Vec<Posting> =
                topics.iter().map(|(&topic, &(frequency, strength))| Posting { topic, frequency, strength }).collect();
            postings.sort_by_key(|posting| posting.topic);
            postings
        });
        Index {
            idf: idfs.collect(),
            postings: postings.collect(),
            vocabulary: self.vocabulary,
            phrases: self.phrases,
            titles: self.titles,
            phrases_with,
            dictionary: Dictionary::new(self.words),
            unknown_idf: idf(1),
            topics,
        }
    }
}

/// The lines of a Markdown text outside of code blocks.
fn prose(markdown: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    markdown.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}
