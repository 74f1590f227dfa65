//! Values as Python writes them.

use std::fmt::{self, Display, Formatter, Write};

use num_bigint::BigInt;

use crate::Value;

/// `CPython` does not read decimal integers with more digits.
pub(crate) const MAX_DIGITS: usize = 4_300;
/// Bits that surely fit into that many digits.
const BITS_IN_DECIMAL: u64 = 14_280;

/// Which characters a text is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As `repr`: printable characters as they are.
    Repr,
    /// As `ascii`; and what `eval` could not read back is written as a call.
    Ascii,
}

impl Display for Value {
    /// As `repr`.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write_value(formatter, self, Style::Repr)
    }
}

impl Value {
    /// As an expression in ASCII for `eval`, which besides literals uses the names `inf`, `nan`, `set`, `frozenset`,
    /// `bytearray`, `range` and `complex`. [`Value::parse`] reads it too.
    pub fn to_ascii(&self) -> String {
        struct Ascii<'a>(&'a Value);
        impl Display for Ascii<'_> {
            fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                write_value(formatter, self.0, Style::Ascii)
            }
        }
        Ascii(self).to_string()
    }
}

fn write_value(out: &mut Formatter<'_>, value: &Value, style: Style) -> fmt::Result {
    match value {
        Value::None => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Int(number) => write_int(out, number),
        Value::Float(number) => out.write_str(&float_repr(*number)),
        Value::Complex(real, imaginary) => write_complex(out, *real, *imaginary, style),
        Value::Str(text) => write_text(out, &text.0, style),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::ByteArray(bytes) => {
            out.write_str("bytearray(")?;
            write_bytes(out, bytes)?;
            out.write_char(')')
        }
        Value::List(items) => write_items(out, "[", items, "]", style),
        Value::Tuple(items) if items.len() == 1 => write_items(out, "(", items, ",)", style),
        Value::Tuple(items) => write_items(out, "(", items, ")", style),
        Value::Set(items) if items.is_empty() => out.write_str("set()"),
        Value::Set(items) => write_items(out, "{", items, "}", style),
        Value::FrozenSet(items) if items.is_empty() => out.write_str("frozenset()"),
        Value::FrozenSet(items) => write_items(out, "frozenset({", items, "})", style),
        Value::Dict(entries) => {
            out.write_char('{')?;
            for (index, (key, value)) in entries.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { ", " })?;
                write_value(out, key, style)?;
                out.write_str(": ")?;
                write_value(out, value, style)?;
            }
            out.write_char('}')
        }
        Value::Range(range) => {
            let [first, end, step] = &**range;
            out.write_str("range(")?;
            write_int(out, first)?;
            out.write_str(", ")?;
            write_int(out, end)?;
            if *step != BigInt::from(1) {
                out.write_str(", ")?;
                write_int(out, step)?;
            }
            out.write_char(')')
        }
        Value::Other { kind, repr } if repr.is_empty() => write!(out, "<{kind} object>"),
        Value::Other { repr, .. } => out.write_str(repr),
        Value::Cycle => out.write_str("..."),
        Value::TooLarge => out.write_str("<a very large value>"),
    }
}

fn write_items(out: &mut Formatter<'_>, open: &str, items: &[Value], close: &str, style: Style) -> fmt::Result {
    out.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        write_value(out, item, style)?;
    }
    out.write_str(close)
}

fn write_int(out: &mut Formatter<'_>, number: &BigInt) -> fmt::Result {
    if number.bits() <= BITS_IN_DECIMAL { write!(out, "{number}") } else { write!(out, "{number:#x}") }
}

/// The shortest text that reads back as the same float, in Python's form.
pub(crate) fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = mantissa.replace('.', "");
    let sign = if number.is_sign_negative() { "-" } else { "" };
    // Python's rule: plain from 1e-4 up to 1e16.
    match (usize::try_from(exponent), exponent) {
        (Ok(whole), ..=15) => {
            let whole = whole + 1;
            let (before, after) = digits.split_at(whole.min(digits.len()));
            let zeros = "0".repeat(whole - before.len());
            format!("{sign}{before}{zeros}.{}", if after.is_empty() { "0" } else { after })
        }
        (Err(_), -4..) => {
            let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
            format!("{sign}0.{zeros}{digits}")
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let exponent_sign = if exponent < 0 { '-' } else { '+' };
            format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
        }
    }
}

fn write_complex(out: &mut Formatter<'_>, real: f64, imaginary: f64, style: Style) -> fmt::Result {
    // A sum loses the sign of a zero, and names no infinity.
    let is_plain = |part: f64| part.is_finite() && !(part == 0.0 && part.is_sign_negative());
    if style == Style::Ascii && !(is_plain(real) && is_plain(imaginary)) {
        return write!(out, "complex({}, {})", float_repr(real), float_repr(imaginary));
    }
    let part = |number: f64| {
        let repr = float_repr(number);
        repr.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(repr)
    };
    if real == 0.0 && real.is_sign_positive() {
        return write!(out, "{}j", part(imaginary));
    }
    let sign = if imaginary.is_sign_negative() && !imaginary.is_nan() { "" } else { "+" };
    write!(out, "({}{sign}{}j)", part(real), part(imaginary))
}

fn write_text(out: &mut Formatter<'_>, points: &[u32], style: Style) -> fmt::Result {
    let has = |quote: char| points.contains(&u32::from(quote));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    out.write_char(quote)?;
    for &point in points {
        match char::from_u32(point) {
            Some(letter @ '\\') => write!(out, "\\{letter}")?,
            Some(letter) if letter == quote => write!(out, "\\{letter}")?,
            Some('\n') => out.write_str("\\n")?,
            Some('\r') => out.write_str("\\r")?,
            Some('\t') => out.write_str("\\t")?,
            Some(letter @ ' '..='~') => out.write_char(letter)?,
            Some(letter) if style == Style::Repr && is_printable(letter) => out.write_char(letter)?,
            _ if point < 0x100 => write!(out, "\\x{point:02x}")?,
            _ if point < 0x1_0000 => write!(out, "\\u{point:04x}")?,
            _ => write!(out, "\\U{point:08x}")?,
        }
    }
    out.write_char(quote)
}

/// Near enough to Python's rule: it escapes unassigned characters too, of its own edition of Unicode.
fn is_printable(letter: char) -> bool {
    letter.is_alphanumeric() || letter.escape_debug().len() == 1 && !letter.is_whitespace()
}

fn write_bytes(out: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    write!(out, "b{}", char::from(quote))?;
    for &byte in bytes {
        match byte {
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            _ if byte == quote => write!(out, "\\{}", char::from(byte))?,
            b' '..=b'~' => out.write_char(char::from(byte))?,
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    out.write_char(char::from(quote))
}
