//! Reads the values that come out of the sandbox.

use num_bigint::BigInt;
use num_traits::Zero as _;

use crate::{
    json::{self, Json},
    literal::float,
    print::MAX_DIGITS,
    value::{MAX_DEPTH, Text, Value},
};

/// Why a text is no tagged value. The program under test cannot cause it; a harness that does not fit can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tagged value: {0}")]
pub struct DecodeError(String);

impl Value {
    /// Reads a value in tagged JSON: an object with a tag `t` and, mostly, a value `v`.
    ///
    /// | `t` | `v` |
    /// |---|---|
    /// | `none` | |
    /// | `bool` | true or false |
    /// | `int` | decimal text; or hexadecimal text under `x` |
    /// | `float`, `complex` | text as `repr` gives; two of them |
    /// | `str`, `bytes`, `bytearray` | text; hexadecimal text |
    /// | `list`, `tuple`, `set`, `frozenset` | array of values |
    /// | `dict` | array of pairs |
    /// | `range` | start, stop, step as decimal texts |
    /// | `other` | name of the `type` and `repr` instead |
    /// | `cycle`, `too_large` | |
    ///
    /// Lone surrogates are escapes of their own; a high one before a low one is the character that the two encode.
    ///
    /// # Errors
    /// [`DecodeError`] when it is anything else.
    pub fn from_tagged_json(text: &str) -> Result<Self, DecodeError> {
        let json = json::parse(text).map_err(|problem| DecodeError(problem.to_owned()))?;
        value(json, 0)
    }
}

fn fault<T>(problem: impl Into<String>) -> Result<T, DecodeError> {
    Err(DecodeError(problem.into()))
}

/// The fields an object may have, each at most once.
#[derive(Default)]
struct Fields {
    tag: String,
    v: Option<Json>,
    x: Option<Json>,
    kind: Option<Json>,
    repr: Option<Json>,
    reason: Option<Json>,
}

impl Fields {
    fn of(json: Json) -> Result<Self, DecodeError> {
        let Json::Object(object) = json else { return fault("a value is not an object") };
        let mut fields = Self::default();
        let mut tag = None;
        for (name, json) in object {
            let place = match name.as_str() {
                "t" => &mut tag,
                "v" => &mut fields.v,
                "x" => &mut fields.x,
                "type" => &mut fields.kind,
                "repr" => &mut fields.repr,
                "reason" => &mut fields.reason,
                _ => return fault(format!("unknown field {name:?}")),
            };
            if place.replace(json).is_some() {
                return fault(format!("field {name:?} comes twice"));
            }
        }
        fields.tag = string(tag)?;
        Ok(fields)
    }
}

fn value(json: Json, depth: usize) -> Result<Value, DecodeError> {
    let Fields { tag, v, x, kind, repr, reason } = Fields::of(json)?;
    if depth > MAX_DEPTH {
        return fault(format!("more than {MAX_DEPTH} containers within each other"));
    }
    let (has_hex, has_type, has_reason) = (x.is_some(), kind.is_some() || repr.is_some(), reason.is_some());
    let misplaced = has_hex && tag != "int"
        || has_type && tag != "other"
        || has_reason && tag != "too_large"
        || has_hex && v.is_some();
    if misplaced || v.is_some() && matches!(tag.as_str(), "none" | "other" | "cycle" | "too_large") {
        return fault(format!("a {tag} has a field it must not have"));
    }
    let array = |json| items(json, |item| value(item, depth + 1));
    Ok(match tag.as_str() {
        "none" => Value::None,
        "bool" => match v {
            Some(Json::Bool(truth)) => Value::Bool(truth),
            _ => return fault("a bool is neither true nor false"),
        },
        "int" if has_hex => Value::Int(integer(&string(x)?, 16)?),
        "int" => Value::Int(integer(&string(v)?, 10)?),
        "float" => Value::Float(number(&string(v)?)?),
        "complex" => {
            let parts = items(v, |part| number(&string(Some(part))?))?;
            let &[real, imaginary] = parts.as_slice() else { return fault("a complex has not two parts") };
            Value::Complex(real, imaginary)
        }
        "str" => Value::Str(text(v)?),
        "bytes" => Value::Bytes(bytes(&string(v)?)?),
        "bytearray" => Value::ByteArray(bytes(&string(v)?)?),
        "list" => Value::List(array(v)?),
        "tuple" => Value::Tuple(array(v)?),
        "set" => Value::Set(array(v)?),
        "frozenset" => Value::FrozenSet(array(v)?),
        "dict" => Value::Dict(items(v, |pair| {
            let pair: Result<[Value; 2], _> = items(Some(pair), |item| value(item, depth + 1))?.try_into();
            pair.map(|[key, value]| (key, value)).or_else(|_| fault("an entry of a dict is no pair"))
        })?),
        "range" => {
            let parts: Result<[BigInt; 3], _> = items(v, |part| integer(&string(Some(part))?, 10))?.try_into();
            match parts {
                Ok(parts) if !parts[2].is_zero() => Value::Range(Box::new(parts)),
                _ => return fault("a range has not three parts, or makes no step"),
            }
        }
        "other" => {
            Value::Other { kind: string(kind)?, repr: repr.map_or(Ok(String::new()), |repr| string(Some(repr)))? }
        }
        "cycle" => Value::Cycle,
        "too_large" => Value::TooLarge,
        _ => return fault(format!("unknown tag {tag:?}")),
    })
}

fn items<T>(json: Option<Json>, item: impl FnMut(Json) -> Result<T, DecodeError>) -> Result<Vec<T>, DecodeError> {
    match json {
        Some(Json::Array(array)) => array.into_iter().map(item).collect(),
        _ => fault("there is no array where one should be"),
    }
}

fn text(json: Option<Json>) -> Result<Text, DecodeError> {
    match json {
        Some(Json::Text(points)) => Ok(Text(points)),
        _ => fault("there is no text where one should be"),
    }
}

fn string(json: Option<Json>) -> Result<String, DecodeError> {
    text(json).map(|text| text.to_string_lossy())
}

fn integer(text: &str, radix: u32) -> Result<BigInt, DecodeError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_sound = !digits.is_empty()
        && digits.chars().all(|digit| digit.is_digit(radix))
        && (radix != 10 || digits.len() <= MAX_DIGITS);
    match BigInt::parse_bytes(text.as_bytes(), radix) {
        Some(number) if is_sound => Ok(number),
        _ => fault("an int has no digits, or too many"),
    }
}

fn number(text: &str) -> Result<f64, DecodeError> {
    let (unsigned, negative) = text.strip_prefix('-').map_or((text, false), |unsigned| (unsigned, true));
    let number = match unsigned {
        "inf" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => float(unsigned),
    };
    match number {
        Some(number) => Ok(if negative { -number } else { number }),
        None => fault("a float is no number"),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, DecodeError> {
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| {
        let digits = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2 && pair.bytes().all(|d| d.is_ascii_hexdigit()));
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    });
    bytes.collect::<Option<_>>().map_or_else(|| fault("bytes are not in hexadecimal"), Ok)
}
