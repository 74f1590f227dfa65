use std::time::{Duration, SystemTime};

/// Pauses between tries: how long to wait before which, or when to give up. Holds no clock and no randomness.
#[derive(Clone, Debug)]
pub struct Backoff {
    pauses: Vec<Duration>,
    used: usize,
}

impl Backoff {
    /// Waits the first pause after the first failure, and so on; gives up when they are used up.
    pub fn new(pauses: Vec<Duration>) -> Self {
        Self { pauses, used: 0 }
    }

    /// How long to wait after one more failure, none: give up. `left` is what is left of the time for the answer,
    /// `needed` what the next try needs of it at least, `asked` what the endpoint asked to wait, `random` from 0 to 1.
    ///
    /// The pause is the next one give or take a quarter, or, if the endpoint asked for another, that and up to a tenth
    /// more: never less than it asked for.
    pub fn next(&mut self, left: Duration, needed: Duration, asked: Option<Duration>, random: f64) -> Option<Duration> {
        let pause = *self.pauses.get(self.used)?;
        self.used += 1;
        let random = random.clamp(0.0, 1.0);
        let pause = match asked {
            Some(asked) => asked.saturating_add(asked.min(Duration::from_hours(1)).mul_f64(0.1 * random)),
            None => pause.mul_f64(0.75 + 0.5 * random),
        };
        (pause.saturating_add(needed) <= left).then_some(pause)
    }
}

/// What a `Retry-After` header asks for: seconds or a date. None if it is neither.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    // Some endpoints send fractions of seconds, which the standard does not know.
    if let Ok(seconds) = value.parse::<f64>()
        && (0.0..1e9).contains(&seconds)
    {
        return Some(Duration::from_secs_f64(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date in the past asks for nothing.
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Model use: `Retry-After` in seconds and as a date.
    #[test]
    fn retry_after_is_understood_in_all_its_forms() {
        let now = httpdate::parse_http_date("Fri, 06 Nov 2026 08:49:30 GMT").unwrap();
        let cases = [
            ("7", Some(7_000)),
            (" 0 ", Some(0)),
            ("1.5", Some(1_500)),
            ("Fri, 06 Nov 2026 08:49:37 GMT", Some(7_000)),
            ("Fri, 06 Nov 2026 08:49:29 GMT", Some(0)),
            ("Fri Nov  6 08:49:37 2026", Some(7_000)),
            ("", None),
            ("-3", None),
            ("soon", None),
            ("NaN", None),
            ("Fri, 31 Feb 2026 08:49:37 GMT", None),
        ];
        for (value, milliseconds) in cases {
            assert_eq!(retry_after(value, now), milliseconds.map(Duration::from_millis), "{value:?}");
        }
        assert_eq!(retry_after("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
    }

    proptest! {
        /// Model use: backoff 2/4/8 s with jitter, inside the caller's time, and never earlier than asked.
        #[test]
        fn pauses_grow_and_keep_their_bounds(
            left in 0_u64..30_000, needed in 0_u64..2_000, asked in proptest::option::of(0_u64..40_000),
            random in proptest::collection::vec(0.0_f64..=1.0, 5),
        ) {
            let [left, needed] = [left, needed].map(Duration::from_millis);
            let asked = asked.map(Duration::from_millis);
            let mut backoff = Backoff::new([2, 4, 8].map(Duration::from_secs).to_vec());
            for (index, random) in random.into_iter().enumerate() {
                let Some(pause) = backoff.next(left, needed, asked, random) else { continue };
                prop_assert!(index < 3, "more tries than pauses");
                prop_assert!(pause + needed <= left);
                let base = Duration::from_secs(2 << index);
                match asked {
                    Some(asked) => prop_assert!(pause >= asked && pause <= asked.mul_f64(1.11)),
                    None => prop_assert!(pause >= base.mul_f64(0.74) && pause <= base.mul_f64(1.26)),
                }
            }
        }
    }
}
