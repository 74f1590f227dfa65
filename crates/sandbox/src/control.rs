//! What the interpreter says about a program. The program's own process says it, so nothing here is
//! believed further than that: it stops the program's clock while the processor's is limited, and
//! tells executed lines.

use std::io::ErrorKind;

use tokio::net::unix::OwnedReadHalf;

/// One thing said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The program has been taken and is about to begin.
    Started,
    /// It waits for input.
    Waits,
    /// It does not wait any more.
    Goes,
    /// These lines of it were executed.
    Lines(Vec<u32>),
    /// A frame of another kind: its letter and content.
    Frame(u8, Vec<u8>),
}

/// More than this is not listened to.
const MOST: usize = 32 << 20;
/// The most a frame can hold.
const MAX_FRAME: usize = 1 << 20;

/// The reader of a control socket.
#[derive(Debug)]
pub(crate) struct Control<R> {
    reader: R,
    bytes: Vec<u8>,
    heard: usize,
    is_open: bool,
}

impl Control<OwnedReadHalf> {
    pub(crate) fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, bytes: Vec::new(), heard: 0, is_open: true }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open || self.is_complete()
    }

    fn is_complete(&self) -> bool {
        length_of_first(&self.bytes).is_some_and(|length| length <= self.bytes.len())
    }

    /// Waits for the next note; nothing at the end. Losing the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Note> {
        loop {
            if let Some(note) = self.parse() {
                return Some(note);
            }
            if !self.is_open {
                return None;
            }
            self.is_open = self.reader.readable().await.is_ok();
            self.read();
        }
    }

    /// The next note, if it is there already.
    pub(crate) fn next_now(&mut self) -> Option<Note> {
        loop {
            if let Some(note) = self.parse() {
                return Some(note);
            }
            if !self.is_open || !self.read() {
                return None;
            }
        }
    }

    /// Reads once; false if there was nothing.
    fn read(&mut self) -> bool {
        let mut space = [0; 4096];
        match self.reader.try_read(&mut space) {
            Ok(length @ 1..) if self.heard + length <= MOST => {
                self.heard += length;
                self.bytes.extend(&space[..length]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => false,
            Ok(_) | Err(_) => {
                self.is_open = false;
                false
            }
        }
    }

    fn parse(&mut self) -> Option<Note> {
        let length = length_of_first(&self.bytes)?;
        if length > MAX_FRAME {
            (self.is_open, self.bytes) = (false, Vec::new());
            return None;
        }
        if length > self.bytes.len() {
            return None;
        }
        let frame: Vec<u8> = self.bytes.drain(..length).collect();
        Some(match frame[0] {
            b'S' => Note::Started,
            b'W' => Note::Waits,
            b'G' => Note::Goes,
            b'L' => Note::Lines(lines_of(&frame[5..])),
            letter => Note::Frame(letter, frame[5..].to_vec()),
        })
    }
}

/// How long the first note is, as far as that can be told: single letters, and frames of a letter, a
/// length (u32, little-endian) and a content.
fn length_of_first(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'S' | b'W' | b'G' => Some(1),
        _ => {
            let length = bytes.get(1..5)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
            Some(5 + length)
        }
    }
}

/// One bit per line, the first for line 0, which does not exist.
pub(crate) fn lines_of(bits: &[u8]) -> Vec<u32> {
    let is_set = |line: &u32| bits[(*line / 8) as usize] >> (line % 8) & 1 == 1;
    (1..u32::try_from(bits.len() * 8).unwrap_or(0)).filter(is_set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_lines() {
        assert_eq!(lines_of(&[0b1000_0011, 0, 0b1]), [1, 7, 16]);
        assert_eq!(lines_of(&[]), Vec::<u32>::new());
    }

    #[test]
    fn a_note_is_as_long_as_it_says() {
        assert_eq!(length_of_first(b"SL"), Some(1));
        assert_eq!(length_of_first(b"L\x02\x01"), None);
        assert_eq!(length_of_first(b"L\x02\x01\0\0"), Some(5 + 258));
    }
}
