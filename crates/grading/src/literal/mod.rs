//! Reads Python literals.

mod numbers;
mod strings;

use num_bigint::BigInt;
use num_traits::Zero as _;

pub(crate) use self::numbers::float;
use self::strings::Prefix;
use crate::{
    order::{canonical, order},
    value::{MAX_DEPTH, Value},
};

/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Why a text is no literal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character {at}: {problem}")]
pub struct LiteralError {
    /// Where, counted in characters from 1.
    pub at: usize,
    /// What is wrong there.
    pub problem: String,
}

impl Value {
    /// Reads a literal: what `ast.literal_eval` reads, except `\N{...}` escapes, comments and line continuations; and
    /// beyond it the names `inf` and `nan` and the calls `set()`, `frozenset(...)`, `bytearray(...)`, `range(...)` and
    /// `complex(..., ...)` of literals. At most 64 KiB and [`MAX_DEPTH`] containers deep.
    ///
    /// # Errors
    /// [`LiteralError`] says where and why.
    pub fn parse(text: &str) -> Result<Self, LiteralError> {
        let mut reader = Reader { text, rest: text };
        if text.len() > MAX_TEXT {
            return Err(reader.error(format!("the text has more than {MAX_TEXT} bytes")));
        }
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.rest.is_empty() { Ok(value) } else { Err(reader.error("the literal should end here")) }
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn error(&self, problem: impl Into<String>) -> LiteralError {
        self.error_at(self.rest, problem)
    }

    /// An error at the place where only `rest` was left.
    fn error_at(&self, rest: &str, problem: impl Into<String>) -> LiteralError {
        let read = &self.text[..self.text.len() - rest.len()];
        LiteralError { at: read.chars().count() + 1, problem: problem.into() }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), LiteralError> {
        self.skip_space();
        if self.take(token) { Ok(()) } else { Err(self.error(format!("there should be {token:?} here"))) }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(|letter| !belongs(letter)).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn value(&mut self, depth: usize) -> Result<Value, LiteralError> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return Err(self.error(format!("more than {MAX_DEPTH} brackets within each other")));
        }
        match self.peek() {
            None => Err(self.error("there should be a value here")),
            Some('[') => {
                self.take("[");
                Ok(Value::List(self.items("]", depth)?.0))
            }
            Some('(') => {
                self.take("(");
                let (mut items, comma) = self.items(")", depth)?;
                // Parentheses around one value are no tuple.
                match items.pop() {
                    Some(value) if items.is_empty() && !comma => Ok(value),
                    last => {
                        items.extend(last);
                        Ok(Value::Tuple(items))
                    }
                }
            }
            Some('{') => {
                self.take("{");
                self.braces(depth)
            }
            Some('0'..='9' | '.' | '+' | '-') => self.number(),
            Some('\'' | '"') => self.strings(Prefix::default()),
            Some(letter) if letter.is_alphabetic() || letter == '_' => self.word(depth),
            Some(letter) => Err(self.error(format!("{letter:?} begins no literal"))),
        }
    }

    /// Values up to the closing bracket, and whether a comma was among them.
    fn items(&mut self, close: &str, depth: usize) -> Result<(Vec<Value>, bool), LiteralError> {
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.skip_space();
            if self.take(close) {
                return Ok((items, comma));
            }
            if !items.is_empty() {
                self.expect(",")?;
                comma = true;
                self.skip_space();
                if self.take(close) {
                    return Ok((items, comma));
                }
            }
            items.push(self.value(depth + 1)?);
        }
    }

    /// A dictionary or set behind its opening brace.
    fn braces(&mut self, depth: usize) -> Result<Value, LiteralError> {
        self.skip_space();
        let start = self.rest;
        if self.take("}") {
            return Ok(Value::Dict(Vec::new()));
        }
        let first = self.value(depth + 1)?;
        self.skip_space();
        if !self.rest.starts_with(':') {
            let mut items = vec![first];
            self.skip_space();
            if !self.take("}") {
                self.expect(",")?;
                items.extend(self.items("}", depth)?.0);
            }
            self.check_keys(start, items.iter())?;
            return Ok(Value::Set(items));
        }
        self.expect(":")?;
        let mut entries = vec![(first, self.value(depth + 1)?)];
        loop {
            self.skip_space();
            if self.take("}") {
                break;
            }
            self.expect(",")?;
            self.skip_space();
            if self.take("}") {
                break;
            }
            let key = self.value(depth + 1)?;
            self.expect(":")?;
            entries.push((key, self.value(depth + 1)?));
        }
        self.check_keys(start, entries.iter().map(|(key, _)| key))?;
        Ok(Value::Dict(entries))
    }

    /// Refuses what Python cannot hash, and keys that Python takes for one (1, 1.0 and True are): whoever writes both
    /// means something else.
    fn check_keys<'v>(&self, start: &str, keys: impl Iterator<Item = &'v Value>) -> Result<(), LiteralError> {
        let mut hashed = Vec::new();
        for key in keys {
            let key = hash_form(key).ok_or_else(|| {
                self.error_at(start, format!("a {} can be neither in a set nor a key", key.type_name()))
            })?;
            hashed.push(canonical(&key));
        }
        hashed.sort_by(order);
        match hashed.windows(2).find(|pair| order(&pair[0], &pair[1]).is_eq()) {
            Some(pair) => Err(self.error_at(start, format!("{} is here twice", pair[0]))),
            None => Ok(()),
        }
    }

    /// A name, a call of one, or a string with a prefix.
    fn word(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let start = self.rest;
        let word = self.take_while(|letter| letter.is_alphanumeric() || letter == '_');
        if self.rest.starts_with(['\'', '"']) {
            let prefix = Prefix::parse(word)
                .ok_or_else(|| self.error_at(start, format!("{word:?} is no prefix of a plain string")))?;
            return self.strings(prefix);
        }
        match word {
            "None" => Ok(Value::None),
            "True" => Ok(Value::Bool(true)),
            "False" => Ok(Value::Bool(false)),
            "inf" | "nan" | "infj" | "nanj" => {
                self.rest = start;
                self.number()
            }
            "set" | "frozenset" | "bytearray" | "range" | "complex" => {
                self.expect("(")?;
                let (arguments, _) = self.items(")", depth)?;
                self.call(start, word, &arguments)
            }
            _ => Err(self.error_at(start, format!("{word:?} is no literal"))),
        }
    }

    fn call(&self, start: &str, name: &str, arguments: &[Value]) -> Result<Value, LiteralError> {
        match (name, arguments) {
            ("set", []) => Ok(Value::Set(Vec::new())),
            ("frozenset", []) => Ok(Value::FrozenSet(Vec::new())),
            ("frozenset", [Value::Set(items) | Value::List(items) | Value::Tuple(items)]) => {
                self.check_keys(start, items.iter())?;
                Ok(Value::FrozenSet(items.clone()))
            }
            ("bytearray", []) => Ok(Value::ByteArray(Vec::new())),
            ("bytearray", [Value::Bytes(bytes)]) => Ok(Value::ByteArray(bytes.clone())),
            ("complex", [re, im]) => match (real(re), real(im)) {
                (Some(real), Some(imaginary)) => Ok(Value::Complex(real, imaginary)),
                _ => Err(self.error_at(start, "complex(...) takes two numbers")),
            },
            ("range", [Value::Int(end)]) => Ok(range(BigInt::zero(), end.clone(), BigInt::from(1))),
            ("range", [Value::Int(first), Value::Int(end)]) => Ok(range(first.clone(), end.clone(), BigInt::from(1))),
            ("range", [Value::Int(first), Value::Int(end), Value::Int(step)]) if !step.is_zero() => {
                Ok(range(first.clone(), end.clone(), step.clone()))
            }
            _ => Err(self.error_at(start, format!("these are no arguments that a literal {name}(...) takes"))),
        }
    }
}

fn real(value: &Value) -> Option<f64> {
    matches!(value, Value::Int(_) | Value::Float(_)).then(|| crate::order::approximation(value))
}

fn range(first: BigInt, end: BigInt, step: BigInt) -> Value {
    Value::Range(Box::new([first, end, step]))
}

/// A value in which what Python's `==` takes for equal has one form; `None` for what cannot be hashed.
fn hash_form(value: &Value) -> Option<Value> {
    let all = |items: &[Value]| items.iter().map(hash_form).collect::<Option<Vec<_>>>();
    Some(match value {
        Value::Bool(truth) => Value::Int(BigInt::from(u8::from(*truth))),
        Value::Float(number) if number.fract() == 0.0 => {
            num_traits::FromPrimitive::from_f64(*number).map_or(Value::Float(*number), Value::Int)
        }
        Value::Complex(real, imaginary) if *imaginary == 0.0 => hash_form(&Value::Float(*real))?,
        Value::Tuple(items) => Value::Tuple(all(items)?),
        Value::FrozenSet(items) => Value::FrozenSet(all(items)?),
        Value::ByteArray(_) | Value::List(_) | Value::Set(_) | Value::Dict(_) => return None,
        other => other.clone(),
    })
}
