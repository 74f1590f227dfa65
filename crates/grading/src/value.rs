use num_bigint::BigInt;

/// Containers within containers; deeper values are refused.
pub const MAX_DEPTH: usize = 64;

/// A Python value of built-in types, or what is known of another.
///
/// It has no `PartialEq`: how values are equal is a question of the [`Comparison`](crate::Comparison).
#[derive(Clone, Debug)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` of any size.
    Int(BigInt),
    /// A `float`, infinities and not-a-number included.
    Float(f64),
    /// A `complex`: real and imaginary part.
    Complex(f64, f64),
    /// A `str`.
    Str(Text),
    /// A `bytes`.
    Bytes(Vec<u8>),
    /// A `bytearray`.
    ByteArray(Vec<u8>),
    /// A `list`.
    List(Vec<Value>),
    /// A `tuple`.
    Tuple(Vec<Value>),
    /// A `set`, in any order.
    Set(Vec<Value>),
    /// A `frozenset`, in any order.
    FrozenSet(Vec<Value>),
    /// A `dict`, in the order of insertion.
    Dict(Vec<(Value, Value)>),
    /// A `range`: start, stop, step.
    Range(Box<[BigInt; 3]>),
    /// A value of any other type. It is equal to nothing.
    Other {
        /// The name of its type.
        kind: String,
        /// What `repr` says of it; may be empty.
        repr: String,
    },
    /// A container inside itself. It is equal to nothing.
    Cycle,
    /// A value too large or too deep to be looked at. It is equal to nothing.
    TooLarge,
}

/// The text of a `str`: code points, lone surrogates included, which no Rust string can hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(pub(crate) Vec<u32>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.chars().map(u32::from).collect())
    }
}

impl Text {
    /// The code points.
    pub fn points(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// The code points; lone surrogates become replacement characters.
    pub fn to_string_lossy(&self) -> String {
        self.0.iter().map(|&point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }
}

impl Value {
    /// The name of its type, as Python has it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::ByteArray(_) => "bytearray",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::Range(_) => "range",
            Self::Other { kind, .. } => kind,
            Self::Cycle | Self::TooLarge => "value",
        }
    }
}
