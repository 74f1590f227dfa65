use super::{LiteralError, Reader};
use crate::value::{Text, Value};

/// What stands before a string's quote.
#[derive(Clone, Copy, Default)]
pub(super) struct Prefix {
    raw: bool,
    bytes: bool,
}

impl Prefix {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "u" => Some(Self::default()),
            "r" => Some(Self { raw: true, bytes: false }),
            "b" => Some(Self { raw: false, bytes: true }),
            "br" | "rb" => Some(Self { raw: true, bytes: true }),
            _ => None,
        }
    }
}

impl Reader<'_> {
    /// A string at its quote, and those that follow it: Python joins them.
    pub(super) fn strings(&mut self, prefix: Prefix) -> Result<Value, LiteralError> {
        let mut points = self.string(prefix)?;
        loop {
            self.skip_space();
            let start = self.rest;
            let word = self.take_while(|letter| letter.is_ascii_alphabetic());
            let next = if word.is_empty() { Some(Prefix::default()) } else { Prefix::parse(word) };
            match next {
                Some(next) if self.rest.starts_with(['\'', '"']) => {
                    if next.bytes != prefix.bytes {
                        return Err(self.error_at(start, "text and bytes cannot be joined"));
                    }
                    points.extend(self.string(next)?);
                }
                _ => {
                    self.rest = start;
                    break;
                }
            }
        }
        if prefix.bytes {
            // The reader of the string lets only bytes through.
            Ok(Value::Bytes(points.into_iter().map(|point| point.to_le_bytes()[0]).collect()))
        } else {
            Ok(Value::Str(Text(points)))
        }
    }

    fn string(&mut self, prefix: Prefix) -> Result<Vec<u32>, LiteralError> {
        let start = self.rest;
        let quotes = ["'''", "\"\"\"", "'", "\""];
        let quote = quotes.into_iter().find(|quote| self.rest.starts_with(quote)).unwrap_or("'");
        self.take(quote);
        let mut points = Vec::new();
        loop {
            if self.take(quote) {
                return Ok(points);
            }
            let before = self.rest;
            let mut letters = self.rest.chars();
            let Some(letter) = letters.next() else {
                return Err(self.error_at(start, "the string does not end"));
            };
            self.rest = letters.as_str();
            match letter {
                '\n' | '\r' if quote.len() == 1 => {
                    return Err(self.error_at(start, "the string does not end in its line"));
                }
                '\r' => {
                    // Python reads any line end as a newline.
                    self.take("\n");
                    points.push(u32::from('\n'));
                }
                '\\' if prefix.raw => {
                    points.push(u32::from('\\'));
                    // What follows is kept as it is, a quote too.
                    let mut letters = self.rest.chars();
                    if let Some(kept) = letters.next() {
                        self.rest = letters.as_str();
                        points.push(self.plain(before, kept, prefix)?);
                    }
                }
                '\\' => self.escape(before, prefix, &mut points)?,
                letter => points.push(self.plain(before, letter, prefix)?),
            }
        }
    }

    fn plain(&self, at: &str, letter: char, prefix: Prefix) -> Result<u32, LiteralError> {
        if prefix.bytes && !letter.is_ascii() {
            return Err(self.error_at(at, "bytes are written in ASCII; others as \\xhh"));
        }
        Ok(u32::from(letter))
    }

    /// An escape behind its backslash.
    fn escape(&mut self, at: &str, prefix: Prefix, points: &mut Vec<u32>) -> Result<(), LiteralError> {
        let mut letters = self.rest.chars();
        let Some(letter) = letters.next() else {
            return Err(self.error_at(at, "the string does not end"));
        };
        let behind = letters.as_str();
        let simple = match letter {
            '\\' | '\'' | '"' => Some(u32::from(letter)),
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            _ => None,
        };
        if let Some(point) = simple {
            self.rest = behind;
            points.push(point);
            return Ok(());
        }
        match letter {
            '\n' => self.rest = behind,
            '\r' => {
                self.rest = behind;
                self.take("\n");
            }
            '0'..='7' => {
                let digits = self.rest.bytes().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                let point = u32::from_str_radix(&self.rest[..digits], 8).unwrap_or_default();
                self.rest = &self.rest[digits..];
                points.push(if prefix.bytes { point & 0xff } else { point });
            }
            'x' => points.push(self.hexadecimal(at, behind, 2)?),
            'u' if !prefix.bytes => points.push(self.hexadecimal(at, behind, 4)?),
            'U' if !prefix.bytes => {
                let point = self.hexadecimal(at, behind, 8)?;
                if point > 0x10_ffff {
                    return Err(self.error_at(at, "there is no such character"));
                }
                points.push(point);
            }
            'N' if !prefix.bytes => {
                return Err(self.error_at(at, "\\N{...} is not read here: write the character itself"));
            }
            // Python keeps the backslash of an escape it does not know.
            _ => points.push(u32::from('\\')),
        }
        Ok(())
    }

    fn hexadecimal(&mut self, at: &str, behind: &str, digits: usize) -> Result<u32, LiteralError> {
        let text = behind.get(..digits).filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let text = text.ok_or_else(|| self.error_at(at, format!("{digits} hexadecimal digits should follow")))?;
        self.rest = &self.rest[1 + digits..];
        u32::from_str_radix(text, 16).map_err(|_| self.error_at(at, "there is no such character"))
    }
}
