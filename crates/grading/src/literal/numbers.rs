use num_bigint::BigInt;

use super::{LiteralError, Reader};
use crate::{order::approximation, print::MAX_DIGITS, value::Value};

impl Reader<'_> {
    /// A number with its signs, or a complex number written as a sum.
    pub(super) fn number(&mut self) -> Result<Value, LiteralError> {
        let mut negative = false;
        loop {
            self.skip_space();
            if self.take("-") {
                negative = !negative;
            } else if !self.take("+") {
                break;
            }
        }
        let first = self.unsigned()?;
        let first = if negative { negated(first) } else { first };
        if !matches!(first, Value::Int(_) | Value::Float(_)) {
            return Ok(first);
        }
        self.skip_space();
        let negative = match self.peek() {
            Some('+') => false,
            Some('-') => true,
            _ => return Ok(first),
        };
        self.rest = &self.rest[1..];
        self.skip_space();
        let start = self.rest;
        match self.unsigned()? {
            Value::Complex(_, imaginary) => {
                Ok(Value::Complex(approximation(&first), if negative { -imaginary } else { imaginary }))
            }
            _ => Err(self.error_at(start, "only an imaginary number can be added in a literal")),
        }
    }

    /// A number without signs.
    fn unsigned(&mut self) -> Result<Value, LiteralError> {
        let start = self.rest;
        let token = self.number_token();
        read_number(token).map_err(|problem| self.error_at(start, problem))
    }

    /// The longest run of characters that could be one number; the sign of an exponent belongs to it.
    fn number_token(&mut self) -> &str {
        let whole = self.rest;
        loop {
            self.take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'));
            let token = &whole[..whole.len() - self.rest.len()];
            let is_decimal = token.starts_with(|first: char| first.is_ascii_digit() || first == '.')
                && !token.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
            let has_exponent = is_decimal && token.ends_with(['e', 'E']);
            if !(has_exponent && self.rest.starts_with(['+', '-'])) {
                return token;
            }
            self.rest = &self.rest[1..];
        }
    }
}

fn negated(value: Value) -> Value {
    match value {
        Value::Int(number) => Value::Int(-number),
        Value::Float(number) => Value::Float(-number),
        Value::Complex(real, imaginary) => Value::Complex(-real, -imaginary),
        other => other,
    }
}

fn read_number(token: &str) -> Result<Value, String> {
    let fault = || format!("{} is no number", shortened(token));
    let plain = token.strip_suffix(['j', 'J']);
    match (token, plain) {
        ("inf", _) => return Ok(Value::Float(f64::INFINITY)),
        ("nan", _) => return Ok(Value::Float(f64::NAN)),
        (_, Some("inf")) => return Ok(Value::Complex(0.0, f64::INFINITY)),
        (_, Some("nan")) => return Ok(Value::Complex(0.0, f64::NAN)),
        (_, Some(plain)) => return float(plain).map(|number| Value::Complex(0.0, number)).ok_or_else(fault),
        _ => {}
    }
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| token.strip_prefix(prefix)) {
            let digits = without_underscores(digits.strip_prefix('_').unwrap_or(digits)).ok_or_else(fault)?;
            return BigInt::parse_bytes(digits.as_bytes(), radix).map(Value::Int).ok_or_else(fault);
        }
    }
    if token.contains(['.', 'e', 'E']) {
        return float(token).map(Value::Float).ok_or_else(fault);
    }
    let digits = decimal(token).ok_or_else(fault)?;
    if digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0') {
        return Err(format!("{} has leading zeros: Python does not allow them", shortened(token)));
    }
    if digits.len() > MAX_DIGITS {
        return Err(format!("the number has more than {MAX_DIGITS} digits: write it in hexadecimal"));
    }
    BigInt::parse_bytes(digits.as_bytes(), 10).map(Value::Int).ok_or_else(fault)
}

/// A float as Python writes it, or an integer read as one. Too large a number is infinite.
pub(crate) fn float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |part: &str| if part.is_empty() { Some(String::new()) } else { decimal(part) };
    let mut plain = format!("0{}.{}", digits(whole)?, digits(fraction)?);
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        plain.push_str(if exponent.starts_with('-') { "e-" } else { "e" });
        plain.push_str(&decimal(unsigned)?);
    }
    plain.parse().ok()
}

/// Digits, without the underscores between them.
fn decimal(text: &str) -> Option<String> {
    without_underscores(text).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn without_underscores(text: &str) -> Option<String> {
    let is_sound = !text.is_empty() && text.split('_').all(|part| !part.is_empty());
    is_sound.then(|| text.replace('_', ""))
}

fn shortened(token: &str) -> String {
    if token.chars().count() <= 40 { format!("{token:?}") } else { "this".to_owned() }
}
