//! As much JSON as the tagged values need: no numbers, but strings with lone surrogates.

/// A JSON value; strings are code points.
#[derive(Debug)]
pub(crate) enum Json {
    Bool(bool),
    Text(Vec<u32>),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Brackets within each other; a value is at most three of them.
const MAX_NESTING: usize = 4 * crate::MAX_DEPTH;

/// Reads one JSON value.
pub(crate) fn parse(text: &str) -> Result<Json, &'static str> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at == text.len() { Ok(value) } else { Err("there is something behind the value") }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        let space = self.text.as_bytes()[self.at..].iter();
        self.at += space.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(token.as_bytes());
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self, nesting: usize) -> Result<Json, &'static str> {
        if nesting > MAX_NESTING {
            return Err("it is nested too deep");
        }
        match self.peek() {
            Some(b't') if self.take("true") => Ok(Json::Bool(true)),
            Some(b'f') if self.take("false") => Ok(Json::Bool(false)),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'[') => {
                let mut items = Vec::new();
                self.elements(b']', |reader| {
                    items.push(reader.value(nesting + 1)?);
                    Ok(())
                })?;
                Ok(Json::Array(items))
            }
            Some(b'{') => {
                let mut fields = Vec::new();
                self.elements(b'}', |reader| {
                    if reader.peek() != Some(b'"') {
                        return Err("a field has no name");
                    }
                    let name = reader.string()?.into_iter().map(|point| char::from_u32(point).unwrap_or('?')).collect();
                    if reader.peek() != Some(b':') {
                        return Err("a field has no value");
                    }
                    reader.at += 1;
                    fields.push((name, reader.value(nesting + 1)?));
                    Ok(())
                })?;
                Ok(Json::Object(fields))
            }
            _ => Err("there is no value where one should be"),
        }
    }

    /// What is between the bracket at hand and the closing one.
    fn elements(
        &mut self,
        close: u8,
        mut element: impl FnMut(&mut Self) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        self.at += 1;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            let next = self.peek();
            self.at += 1;
            match next {
                Some(b',') => {}
                Some(next) if next == close => return Ok(()),
                _ => return Err("a bracket does not close"),
            }
        }
    }

    /// A string at its quote.
    fn string(&mut self) -> Result<Vec<u32>, &'static str> {
        self.at += 1;
        let mut points: Vec<u32> = Vec::new();
        loop {
            let Some(letter) = self.text[self.at..].chars().next() else { return Err("a string does not end") };
            self.at += letter.len_utf8();
            match letter {
                '"' => return Ok(points),
                '\\' => {
                    let Some(&escape) = self.text.as_bytes().get(self.at) else { return Err("a string does not end") };
                    self.at += 1;
                    let point = match escape {
                        b'"' | b'\\' | b'/' => u32::from(escape),
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        b'u' => self.unicode()?,
                        _ => return Err("an escape is unknown"),
                    };
                    points.push(point);
                }
                letter if u32::from(letter) < 0x20 => return Err("a string has a control character"),
                letter => points.push(u32::from(letter)),
            }
        }
    }

    /// The four digits of a code unit; two surrogates that belong together are one code point.
    fn unicode(&mut self) -> Result<u32, &'static str> {
        let high = self.code_unit()?;
        if (0xd800..0xdc00).contains(&high) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let low = self.code_unit()?;
            if (0xdc00..0xe000).contains(&low) {
                return Ok(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
            self.at = back;
        }
        Ok(high)
    }

    fn code_unit(&mut self) -> Result<u32, &'static str> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        self.at += 4;
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or("an escape has no four digits")
    }
}
