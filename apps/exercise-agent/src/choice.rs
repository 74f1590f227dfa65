//! Which variation of which template a seed stands for.

use learnflow_curriculum::{Difficulty, Exercise, Topic};
use uuid::Uuid;

/// Seeds lie below this, so that a second and third choice of a seed is no other seed's first one.
const SEEDS: u64 = 1 << 32;
/// Choices of a seed: the second is for a first one that its own tests refute.
const CHOICES: u64 = 3;

/// A template and the seed of its variation.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    pub topic: &'a Topic,
    pub template: &'a Exercise,
    pub seed: u64,
}

/// The choices of a seed, first the best; none if the topic has no exercise of this difficulty. Seeds in a row take
/// the templates by turns, and of each template one combination of parameters after the other.
pub fn choices(topic: &Topic, difficulty: Difficulty, seed: u32) -> impl Iterator<Item = Choice<'_>> + Send {
    let templates: Vec<_> = topic.exercises.iter().filter(|template| template.difficulty == difficulty).collect();
    let count = templates.len() as u64;
    (0..CHOICES).filter_map(move |number| {
        let place = u64::from(seed).checked_rem(count)?;
        let template = templates.get(usize::try_from(place).ok()?)?;
        Some(Choice { topic, template, seed: u64::from(seed) / count + number * SEEDS })
    })
}

impl Choice<'_> {
    /// The exercise's id: the same for the same content, whoever makes it.
    pub fn id(&self) -> String {
        let Self { topic, template, seed } = self;
        let name = format!("exercise/{}/{}/{seed}/{}", topic.id, template.id, topic.version());
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use learnflow_curriculum::Curriculum;

    use super::*;

    /// FR-021..024: every topic has exercises of each difficulty; a seed always names the same one, and six seeds in a
    /// row name six that differ in template or parameters.
    #[test]
    fn seeds_choose_variations() {
        let curriculum = Curriculum::load("../../curriculum").unwrap();
        for topic in curriculum.topics() {
            for difficulty in Difficulty::ALL {
                let first = |seed| choices(topic, difficulty, seed).next();
                let (mut ids, mut texts) = (HashSet::new(), HashSet::new());
                for seed in 100..106 {
                    let choice = first(seed).unwrap_or_else(|| panic!("{} has no {difficulty:?} exercise", topic.id));
                    assert_eq!(choice.id(), first(seed).unwrap().id());
                    ids.insert(choice.id());
                    let variation = choice.template.instantiate(choice.seed);
                    texts.insert((choice.template.id.clone(), format!("{:?}", variation.parameters)));
                }
                assert_eq!((ids.len(), texts.len()), (6, 6), "{} {difficulty:?}", topic.id);
                let others: HashSet<_> = choices(topic, difficulty, 100).map(|choice| choice.id()).collect();
                assert_eq!(others.len(), 3);
            }
        }
    }
}
