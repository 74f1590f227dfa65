//! The learned part: multinomial logistic regression (Jurafsky and Martin, *Speech and Language Processing*, chapter on
//! logistic regression) over hashed features (Weinberger and others, "Feature hashing for large scale multitask
//! learning", ICML 2009), fitted by stochastic gradient descent. As in `AdaGrad` (Duchi, Hazan and Singer, JMLR 12, 2011)
//! what is seen rarely learns faster. The same examples give the same model.
#![allow(clippy::cast_precision_loss, reason = "counts are small")]

use crate::{
    examples::{Example, KINDS},
    features::{Feature, features},
};

/// A number per kind.
type PerKind = [f32; KINDS.len()];

/// Weights, a power of two. A few of the features share one, which costs nothing measurable.
const SLOTS: u32 = 1 << 17;
/// How often the examples are gone through.
const EPOCHS: u8 = 5;
/// The length of the first steps.
const RATE: f32 = 15.0;

pub(crate) struct Model {
    weights: Vec<PerKind>,
}

impl Model {
    /// Learns from examples; those of an unknown kind are left out.
    pub(crate) fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Self {
        let mut examples: Vec<(usize, Vec<Feature>)> = examples
            .into_iter()
            .filter_map(|Example { kind, text, code, error }| {
                let features = slots(text, code.as_deref().unwrap_or_default(), error.as_deref().unwrap_or_default());
                Some((KINDS.iter().position(|known| known == kind)?, features))
            })
            .collect();
        // Every kind counts the same, however many examples it has.
        let mut of_kind = PerKind::default();
        let mut seen = vec![0.0_f32; SLOTS as usize];
        for (kind, features) in &examples {
            of_kind[*kind] += 1.0;
            for (slot, _) in features {
                seen[*slot as usize] += 1.0;
            }
        }
        let usual = of_kind.iter().sum::<f32>() / of_kind.iter().filter(|count| **count > 0.0).count().max(1) as f32;
        // What is seen a hundred times moves in steps a tenth as long.
        let scales: Vec<f32> = seen.into_iter().map(|count| (RATE / count.max(1.0).sqrt()).sqrt()).collect();
        for (slot, value) in examples.iter_mut().flat_map(|(_, features)| features) {
            *value *= scales[*slot as usize];
        }

        let mut model = Self { weights: vec![PerKind::default(); SLOTS as usize] };
        let mut random = Random(1);
        for epoch in 0..EPOCHS {
            random.shuffle(&mut examples);
            let slowed = 1.0 / (1.0 + f32::from(epoch) / 2.0);
            for (kind, features) in &examples {
                let mut error = model.probabilities(features);
                error[*kind] -= 1.0;
                let step = slowed * usual / of_kind[*kind];
                for (slot, value) in features {
                    let step = step * value;
                    model.weights[*slot as usize]
                        .iter_mut()
                        .zip(&error)
                        .for_each(|(weight, error)| *weight -= step * error);
                }
            }
        }
        for (weights, scale) in model.weights.iter_mut().zip(scales) {
            *weights = weights.map(|weight| weight * scale);
        }
        model
    }

    /// How probable each kind is for a question.
    pub(crate) fn classify(&self, text: &str, code: &str, error: &str) -> PerKind {
        self.probabilities(&slots(text, code, error))
    }

    fn probabilities(&self, features: &[Feature]) -> PerKind {
        let mut scores = PerKind::default();
        for (slot, value) in features {
            let weights = &self.weights[*slot as usize];
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += weight * value);
        }
        let highest = scores.into_iter().fold(f32::MIN, f32::max);
        let parts = scores.map(|score| (score - highest).exp());
        let sum: f32 = parts.iter().sum();
        parts.map(|part| part / sum)
    }
}

/// A question's features as places among the weights, with values that make long questions weigh no more than short ones.
fn slots(text: &str, code: &str, error: &str) -> Vec<Feature> {
    let mut features = features(text, code, error);
    let length = (features.len() as f32).sqrt();
    for (slot, value) in &mut features {
        *slot %= SLOTS;
        *value /= length;
    }
    features
}

/// Knuth's linear congruential generator: for an order that is mixed but always the same.
struct Random(u64);

impl Random {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            items.swap(last, (self.0 >> 33) as usize % (last + 1));
        }
    }
}
