//! Values of every kind, and their tagged JSON.

#![allow(dead_code, reason = "every test uses a part of this")]

use std::{collections::HashSet, fmt::Write as _};

use learnflow_grading::Value;
use proptest::{collection::vec, prelude::*};

/// Any value of built-in types. Made from literals, for keys and items have to be unlike each other.
pub fn any_value() -> impl Strategy<Value = Value> {
    any_literal().prop_map(|text| Value::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn any_literal() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        hashable(),
        vec(any::<u8>(), 0..6).prop_map(|bytes| format!("bytearray({})", bytes_literal(&bytes)))
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            vec(inner.clone(), 0..5).prop_map(|items| tuple(&items)),
            vec(hashable(), 1..5).prop_map(|items| format!("{{{}}}", different(items).join(","))),
            vec(hashable(), 0..5).prop_map(|items| format!("frozenset([{}])", different(items).join(","))),
            vec((hashable(), inner), 0..5).prop_map(|entries| {
                let keys = different(entries.iter().map(|(key, _)| key.clone()).collect());
                let entries = entries.into_iter().filter(|(key, _)| keys.contains(key)).collect::<Vec<_>>();
                let mut seen = HashSet::new();
                let entries = entries.into_iter().filter(|(key, _)| seen.insert(key.clone()));
                let entries: Vec<_> = entries.map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

fn tuple(items: &[String]) -> String {
    let comma = if items.len() == 1 { "," } else { "" };
    format!("({}{comma})", items.join(", "))
}

/// Items of which Python takes no two for one.
fn different(items: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for item in items {
        let mut more = kept.clone();
        more.push(item);
        if Value::parse(&format!("{{{}}}", more.join(","))).is_ok() {
            kept = more;
        }
    }
    kept
}

fn hashable() -> impl Strategy<Value = String> {
    let float = prop_oneof![
        any::<f64>().prop_filter("read back by name", |number| !number.is_nan()),
        (-9i32..20, 1u32..999).prop_map(|(exponent, digits)| f64::from(digits) * 10f64.powi(exponent)),
        Just(0.0),
        Just(-0.0),
    ];
    // Rust writes every digit of a float, and Python reads that.
    let float = float.prop_map(|number| {
        if number.fract() == 0.0 && number.is_finite() { format!("{number:.1}") } else { number.to_string() }
    });
    let text = vec(
        prop_oneof![
            any::<char>().prop_map(u32::from),
            0u32..0x80,
            // Low ones only: JSON cannot tell a high one before a low one from the character of the two.
            0xdc00u32..0xe000,
            Just(u32::from('\'')),
            Just(u32::from('"')),
            Just(u32::from('\\')),
        ],
        0..8,
    );
    prop_oneof![
        Just("None".to_owned()),
        Just("True".to_owned()),
        Just("False".to_owned()),
        Just("nan".to_owned()),
        any::<i16>().prop_map(|number| number.to_string()),
        any::<i128>().prop_map(|number| number.to_string()),
        float.clone(),
        (any::<i8>(), float).prop_map(|(real, imaginary)| format!("complex({real}, {imaginary})")),
        text.prop_map(|points| text_literal(&points)),
        vec(any::<u8>(), 0..8).prop_map(|bytes| bytes_literal(&bytes)),
        (any::<i8>(), any::<i8>(), 1i8..9).prop_map(|(first, end, step)| format!("range({first}, {end}, {step})")),
        vec(any::<i8>().prop_map(|number| number.to_string()), 0..3).prop_map(|items| tuple(&items)),
    ]
}

fn text_literal(points: &[u32]) -> String {
    points.iter().fold("'".to_owned(), |mut text, point| {
        let _ = write!(text, "\\U{point:08x}");
        text
    }) + "'"
}

fn bytes_literal(bytes: &[u8]) -> String {
    bytes.iter().fold("b'".to_owned(), |mut text, byte| {
        let _ = write!(text, "\\x{byte:02x}");
        text
    }) + "'"
}

/// What the sandbox's harness writes for a value.
pub fn tagged(value: &Value) -> String {
    let list = |items: &[Value]| format!("[{}]", items.iter().map(tagged).collect::<Vec<_>>().join(","));
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let float = |number: &f64| Value::Float(*number).to_string();
    match value {
        Value::None => r#"{"t":"none"}"#.to_owned(),
        Value::Bool(truth) => format!(r#"{{"t":"bool","v":{truth}}}"#),
        Value::Int(number) => format!(r#"{{"t":"int","v":"{number}"}}"#),
        Value::Float(number) => format!(r#"{{"t":"float","v":"{}"}}"#, float(number)),
        Value::Complex(real, imaginary) => {
            format!(r#"{{"t":"complex","v":["{}","{}"]}}"#, float(real), float(imaginary))
        }
        Value::Str(text) => format!(r#"{{"t":"str","v":"{}"}}"#, json_text(text)),
        Value::Bytes(bytes) => format!(r#"{{"t":"bytes","v":"{}"}}"#, hex(bytes)),
        Value::ByteArray(bytes) => format!(r#"{{"t":"bytearray","v":"{}"}}"#, hex(bytes)),
        Value::List(items) => format!(r#"{{"t":"list","v":{}}}"#, list(items)),
        Value::Tuple(items) => format!(r#"{{"t":"tuple","v":{}}}"#, list(items)),
        Value::Set(items) => format!(r#"{{"t":"set","v":{}}}"#, list(items)),
        Value::FrozenSet(items) => format!(r#"{{"t":"frozenset","v":{}}}"#, list(items)),
        Value::Dict(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("[{},{}]", tagged(key), tagged(value))).collect();
            format!(r#"{{"t":"dict","v":[{}]}}"#, entries.join(","))
        }
        Value::Range(range) => {
            let [first, end, step] = &**range;
            format!(r#"{{"t":"range","v":["{first}","{end}","{step}"]}}"#)
        }
        Value::Other { kind, repr } => format!(r#"{{"t":"other","type":"{kind}","repr":"{repr}"}}"#),
        Value::Cycle => r#"{"t":"cycle"}"#.to_owned(),
        Value::TooLarge => r#"{"t":"too_large","reason":"size"}"#.to_owned(),
    }
}

fn json_text(text: &learnflow_grading::Text) -> String {
    let mut units = String::new();
    for point in text.points() {
        match char::from_u32(point) {
            Some(letter) => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(units, "\\u{unit:04x}");
            }),
            None => {
                let _ = write!(units, "\\u{point:04x}");
            }
        }
    }
    units
}
