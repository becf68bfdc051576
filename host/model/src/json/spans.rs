//! Finds where an array's elements are in a text that passed the gate.

use std::ops::Range;

use super::text::plain_end;

/// The elements' spans without the space around them; `None` when the text is not an array.
pub(super) fn elements(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut at = space(text, 0);
    if *text.get(at)? != b'[' {
        return None;
    }
    let mut spans = Vec::new();
    at = space(text, at + 1);
    if *text.get(at)? == b']' {
        return Some(spans);
    }
    loop {
        let end = value_end(text, at)?;
        spans.push(at..end);
        at = space(text, end);
        match text.get(at)? {
            b',' => at = space(text, at + 1),
            b']' => return Some(spans),
            _ => return None,
        }
    }
}

fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the value that begins at `start` ends.
fn value_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    match text.get(at)? {
        b'"' => string_end(text, at),
        b'[' | b'{' => {
            let mut depth = 0_usize;
            loop {
                match text.get(at)? {
                    b'"' => {
                        at = string_end(text, at)?;
                        continue;
                    }
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => {
                        depth -= 1;
                        if depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        _ => {
            while !matches!(text.get(at)?, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t') {
                at += 1;
            }
            (at > start).then_some(at)
        }
    }
}

fn string_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at = plain_end(text, at);
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
