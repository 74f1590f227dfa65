//! Which hint a student may see.

use crate::STEPS;

/// How far a student has climbed for one problem. A new problem begins at the bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// The highest step seen, from 1; 0 before the first.
    pub seen: u32,
}

/// A step was asked for before those below it were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hint {asked} comes after the ones before it: ask for hint {next} first")]
pub struct TooFar {
    /// The step asked for.
    pub asked: u32,
    /// The highest step that may be asked for.
    pub next: u32,
}

impl Ladder {
    /// The step to show, and the ladder after it. Without a wish it is the present step: nobody climbs without asking.
    ///
    /// # Errors
    /// [`TooFar`] when steps would be left out.
    pub fn climb(self, asked: Option<u32>) -> Result<(u32, Self), TooFar> {
        let next = (self.seen + 1).min(STEPS);
        let step = asked.unwrap_or(self.seen).clamp(1, STEPS);
        if step > next {
            return Err(TooFar { asked: step, next });
        }
        Ok((step, Self { seen: self.seen.max(step) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-019: hints come one after the other, and only on request.
    #[test]
    fn nobody_skips_a_step() {
        let (step, ladder) = Ladder::default().climb(None).unwrap();
        assert_eq!((step, ladder.seen), (1, 1));
        assert_eq!(ladder.climb(None).unwrap(), (1, ladder), "asking again climbs nothing");
        assert_eq!(ladder.climb(Some(3)).unwrap_err(), TooFar { asked: 3, next: 2 });
        let (step, ladder) = ladder.climb(Some(2)).unwrap();
        assert_eq!((step, ladder.seen), (2, 2));
        assert_eq!(ladder.climb(Some(1)).unwrap(), (1, ladder), "looking back loses nothing");
        let (_, ladder) = ladder.climb(Some(3)).unwrap();
        let (step, ladder) = ladder.climb(Some(4)).unwrap();
        assert_eq!((step, ladder.climb(None).unwrap().0), (4, 4));
        assert_eq!(Ladder::default().climb(Some(2)).unwrap_err().next, 1);
    }
}
