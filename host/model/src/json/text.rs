//! Scans JSON strings, eight bytes at a time where they are plain.

use super::walk::Fault;
use crate::code::Code;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
const SPACES: u64 = u64::from_le_bytes([0x20; 8]);
const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const SLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);

/// Where the first byte from `at` on is that ends a plain stretch: `"`, `\` or a control character; else the end.
pub(super) fn plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')) {
        at += 1;
    }
    at
}

/// Sets the high bit of the lowest special byte. Bytes above it may be flagged wrongly (a borrow runs upward), the
/// lowest never is.
fn special(word: u64) -> u64 {
    let quote = word ^ QUOTES;
    let slash = word ^ SLASHES;
    let control = word.wrapping_sub(SPACES) & !word;
    (control | (quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash)) & HIGHS
}

/// A string of the text, without its quotes.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) escaped: bool,
}

/// Reads the string whose opening quote is at `open`; the closing quote is at `to`.
pub(super) fn string(text: &[u8], open: usize) -> Result<Span, Fault> {
    let from = open + 1;
    let mut at = from;
    let mut escaped = false;
    loop {
        at = plain_end(text, at);
        match text.get(at) {
            Some(b'"') => {
                return Ok(Span { from, to: at, escaped });
            }
            Some(b'\\') => {
                escaped = true;
                at = escape(text, at)?;
            }
            Some(0) => return Err(nul(at)),
            Some(byte) => {
                let detail = format!(
                    "a string has the control character `\\u{byte:04x}`; write it as an escape"
                );
                return Err(Fault::new(Code::PayloadInvalidJson, at, detail));
            }
            None => return Err(Fault::end(at, "the closing `\"` of a string")),
        }
    }
}

/// The text has the character NUL at `at`.
pub(super) fn nul(at: usize) -> Fault {
    Fault::new(
        Code::PayloadNulNotAllowed,
        at,
        "the text has the character NUL, which cannot be stored; remove it",
    )
}

/// Checks the escape at `at` and answers where it ends.
fn escape(text: &[u8], at: usize) -> Result<usize, Fault> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => unicode_escape(text, at),
        Some(_) => Err(Fault::new(
            Code::PayloadInvalidJson,
            at,
            "a string has an escape that JSON does not know; write `\\\\` for a backslash",
        )),
        None => Err(Fault::end(at + 1, "the rest of an escape")),
    }
}

fn unicode_escape(text: &[u8], at: usize) -> Result<usize, Fault> {
    let alone = || {
        let detail = "a string has half of a surrogate pair, which no character stands for; write the whole pair";
        Fault::new(Code::PayloadInvalidUnicode, at, detail)
    };
    match hex4(text, at + 2)? {
        0 => Err(nul(at)),
        0xD800..=0xDBFF => {
            if text.get(at + 6..at + 8) != Some(b"\\u") {
                return Err(alone());
            }
            match hex4(text, at + 8)? {
                0xDC00..=0xDFFF => Ok(at + 12),
                _ => Err(alone()),
            }
        }
        0xDC00..=0xDFFF => Err(alone()),
        _ => Ok(at + 6),
    }
}

fn hex4(text: &[u8], at: usize) -> Result<u32, Fault> {
    let mut value = 0;
    for at in at..at + 4 {
        let byte = text.get(at).ok_or_else(|| Fault::end(at, "four hexadecimal digits"))?;
        let digit = char::from(*byte).to_digit(16).ok_or_else(|| {
            Fault::new(Code::PayloadInvalidJson, at, "`\\u` needs four hexadecimal digits")
        })?;
        value = value * 16 + digit;
    }
    Ok(value)
}

/// Appends what a string that passed [`string`] stands for.
pub(super) fn decode(raw: &[u8], into: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        if *byte != b'\\' {
            let end = plain_end(raw, at).max(at + 1);
            into.extend_from_slice(raw.get(at..end).unwrap_or_default());
            at = end;
            continue;
        }
        let escaped = raw.get(at + 1).copied().unwrap_or(b'\\');
        let plain = match escaped {
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                at = decode_unicode(raw, at, into);
                continue;
            }
            other => other,
        };
        into.push(plain);
        at += 2;
    }
}

fn decode_unicode(raw: &[u8], at: usize, into: &mut Vec<u8>) -> usize {
    let high = hex4(raw, at + 2).unwrap_or_default();
    let (scalar, end) = match high {
        0xD800..=0xDBFF => {
            let low = hex4(raw, at + 8).unwrap_or(0xDC00);
            (0x1_0000 + ((high - 0xD800) << 10) + low.saturating_sub(0xDC00), at + 12)
        }
        _ => (high, at + 6),
    };
    let character = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain_end_one_by_one(text: &[u8]) -> usize {
        let special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
        text.iter().position(special).unwrap_or(text.len())
    }

    proptest! {
        #[test]
        fn the_fast_scan_stops_where_the_slow_one_does(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(plain_end(&text, 0), plain_end_one_by_one(&text));
        }

        #[test]
        fn a_decoded_string_is_what_serde_json_reads(text in any::<String>()) {
            let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let mut decoded = Vec::new();
            decode(ascii.as_bytes(), &mut decoded);
            prop_assert_eq!(decoded, text.as_bytes());
            let quoted = serde_json::to_string(&text).unwrap();
            let mut decoded = Vec::new();
            decode(&quoted.as_bytes()[1..quoted.len() - 1], &mut decoded);
            prop_assert_eq!(decoded, text.as_bytes());
        }
    }
}
