use std::{collections::HashMap, time::Duration};

use learnflow_service::{ConfigError, env};

use crate::{BreakerConfig, Tier};

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// For tokens sent.
    pub input: f64,
    /// For tokens received.
    pub output: f64,
}

/// Which model, and how much time, money and patience for it.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// `MODEL_BASE_URL`: what comes before `/chat/completions`, `https://api.openai.com/v1` unless set.
    pub base_url: String,
    /// `MODEL_STRONG`: the model for hard tasks.
    pub strong: String,
    /// `MODEL_CHEAP`: the model for the others.
    pub cheap: String,
    /// `MODEL_TIMEOUT_MS`: how long one call may take to its end, 12 s unless set.
    pub timeout: Duration,
    /// `MODEL_IDLE_MS`: the longest silence of the model, before its first word and between two, 5 s unless set.
    pub idle: Duration,
    /// `MODEL_BUDGET_MS`: how long all calls for one answer and the pauses between them may take, 13 s unless set.
    pub budget: Duration,
    /// `MODEL_PAUSES_MS`: the pauses between calls, `2000,4000,8000` unless set.
    pub pauses: Vec<Duration>,
    /// `MODEL_MAX_TOKENS`: the longest answer, 1500 tokens unless set.
    pub max_tokens: u32,
    /// `MODEL_STUDENT_TOKENS`: tokens for one student a day, sent and received together, 200000 unless set; 0: no limit.
    pub student_tokens: u64,
    /// `MODEL_KEY_AGE_MS`: how old the key may grow before it is read again, 25 s unless set.
    pub key_age: Duration,
    /// `MODEL_BREAKER_FAILURES` (10) and `MODEL_BREAKER_OPEN_MS` (20 s).
    pub breaker: BreakerConfig,
    /// `MODEL_PRICES`: `model=input/output` in US dollars per million tokens, separated by commas. A model that is not
    /// listed counts as free.
    pub prices: HashMap<String, Price>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        let price = |model: &str, input, output| (model.to_owned(), Price { input, output });
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            strong: "gpt-4.1".to_owned(),
            cheap: "gpt-4.1-mini".to_owned(),
            timeout: Duration::from_secs(12),
            idle: Duration::from_secs(5),
            budget: Duration::from_secs(13),
            pauses: [2, 4, 8].map(Duration::from_secs).to_vec(),
            max_tokens: 1_500,
            student_tokens: 200_000,
            key_age: Duration::from_secs(25),
            breaker: BreakerConfig::default(),
            prices: HashMap::from([price("gpt-4.1", 2.0, 8.0), price("gpt-4.1-mini", 0.4, 1.6)]),
        }
    }
}

impl ModelConfig {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let plain = Self::default();
        let milliseconds = |name: &str, default: Duration| {
            let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
            env::or(name, default).map(Duration::from_millis)
        };
        let base_url: String = env::or("MODEL_BASE_URL", plain.base_url)?;
        if !base_url.starts_with("https://") && !base_url.starts_with("http://") {
            return Err(ConfigError::new("MODEL_BASE_URL", format!("{base_url:?} is not an http or https address")));
        }
        let pauses: Option<String> = env::optional("MODEL_PAUSES_MS")?;
        let prices: Option<String> = env::optional("MODEL_PRICES")?;
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            strong: env::or("MODEL_STRONG", plain.strong)?,
            cheap: env::or("MODEL_CHEAP", plain.cheap)?,
            timeout: milliseconds("MODEL_TIMEOUT_MS", plain.timeout)?,
            idle: milliseconds("MODEL_IDLE_MS", plain.idle)?,
            budget: milliseconds("MODEL_BUDGET_MS", plain.budget)?,
            pauses: pauses.map_or(Ok(plain.pauses), |text| parse_pauses(&text))?,
            max_tokens: env::or("MODEL_MAX_TOKENS", plain.max_tokens)?,
            student_tokens: env::or("MODEL_STUDENT_TOKENS", plain.student_tokens)?,
            key_age: milliseconds("MODEL_KEY_AGE_MS", plain.key_age)?,
            breaker: BreakerConfig {
                failures: env::or("MODEL_BREAKER_FAILURES", plain.breaker.failures)?,
                open: milliseconds("MODEL_BREAKER_OPEN_MS", plain.breaker.open)?,
            },
            prices: prices.map_or(Ok(plain.prices), |text| parse_prices(&text))?,
        })
    }

    /// The name of the model for a tier.
    pub fn model(&self, tier: Tier) -> &str {
        match tier {
            Tier::Strong => &self.strong,
            Tier::Cheap => &self.cheap,
        }
    }
}

fn parse_pauses(text: &str) -> Result<Vec<Duration>, ConfigError> {
    let wrong = || ConfigError::new("MODEL_PAUSES_MS", format!("{text:?} is not a list like 2000,4000,8000"));
    let one = |pause: &str| pause.trim().parse().map(Duration::from_millis).map_err(|_| wrong());
    text.split(',').map(one).collect()
}

fn parse_prices(text: &str) -> Result<HashMap<String, Price>, ConfigError> {
    let wrong = |entry: &str| ConfigError::new("MODEL_PRICES", format!("{entry:?} is not like gpt-4.1=2.0/8.0"));
    let one = |entry: &str| {
        let (model, prices) = entry.rsplit_once('=')?;
        let (input, output) = prices.split_once('/')?;
        let price = |text: &str| text.trim().parse().ok().filter(|price: &f64| price.is_finite() && *price >= 0.0);
        Some((model.trim().to_owned(), Price { input: price(input)?, output: price(output)? }))
    };
    text.split(',').map(|entry| one(entry).ok_or_else(|| wrong(entry))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model use: prices and pauses are configuration, and a wrong one is named.
    #[test]
    fn lists_are_read_or_refused_by_name() {
        let prices = parse_prices("a=1/2.5, org/b:latest=0/0").unwrap();
        assert_eq!(prices["a"], Price { input: 1.0, output: 2.5 });
        assert_eq!(prices["org/b:latest"], Price { input: 0.0, output: 0.0 });
        for wrong in ["", "a", "a=1", "a=1/x", "a=-1/2", "a=1/inf"] {
            let error = parse_prices(wrong).unwrap_err().to_string();
            assert!(error.contains("MODEL_PRICES"), "{error}");
        }
        assert_eq!(parse_pauses("1, 20").unwrap(), [1, 20].map(Duration::from_millis));
        assert!(parse_pauses("1,,2").unwrap_err().to_string().contains("MODEL_PAUSES_MS"));
    }
}
