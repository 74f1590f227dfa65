//! Join codes.

use rand::RngExt as _;

/// Characters that nobody takes for another, read aloud or from a blackboard: no 0 and O, 1, I and L.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
/// Together about 40 random bits. Wrong tries are limited, so that guessing any of a thousand codes takes centuries.
const LENGTH: usize = 8;

/// A new code, from a generator made for secrets.
pub(super) fn new() -> String {
    let mut random = rand::rng();
    (0..LENGTH).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

/// A code as it is stored, from how somebody typed it; `None` when it can be none.
pub(super) fn read(typed: &str) -> Option<String> {
    let code: String = typed.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    let code = code.to_ascii_uppercase();
    (code.len() == LENGTH && code.bytes().all(|letter| ALPHABET.contains(&letter))).then_some(code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// FR-042: codes differ, use every character, hold none that is taken for another, and survive how they are typed.
    #[test]
    fn codes_can_be_told_apart() {
        let codes: HashSet<String> = (0..1_000).map(|_| new()).collect();
        assert_eq!(codes.len(), 1_000);
        let letters: HashSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), ALPHABET.len());
        for code in &codes {
            assert_eq!(read(code).as_ref(), Some(code));
        }
        assert_eq!(read(" abcd-2345 \n").as_deref(), Some("ABCD2345"));
        for wrong in ["", "ABCD234", "ABCD23456", "ABCD2340", "ABCD234I", "ABCD234é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
