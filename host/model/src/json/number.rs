//! Scans JSON numbers and refuses those that readers could not hold.

use super::walk::Fault;
use crate::code::Code;

/// Decimal places of the longest exact f64 (2^-1074): a number with more says what no reader can hold.
///
/// Also the bound on what Postgres prints for one number: `0e-16383` is 8 bytes here and 16 KB there.
const MAX_PLACES: usize = 1_074;

/// Largest exponent that is looked at; with at most [`MAX_PLACES`] places no number past it fits an f64.
const MAX_EXPONENT: usize = 1_500;

/// What a number is written with.
#[derive(Default)]
struct Shape {
    whole: usize,
    fraction: usize,
    exponent: usize,
    exponent_negative: bool,
    written_exponent: bool,
}

/// Reads the number at `at`, which begins with a digit or `-`, and answers where it ends.
pub(super) fn number(text: &[u8], at: usize) -> Result<usize, Fault> {
    let (shape, end) = shape(text, at)?;
    let small = if shape.written_exponent {
        shape.whole <= 40 && shape.fraction <= 40 && shape.exponent <= 200
    } else {
        shape.whole <= 300 && shape.fraction <= 300
    };
    if small || fits(&shape, text.get(at..end).unwrap_or_default()) {
        return Ok(end);
    }
    Err(Fault::new(
        Code::PayloadNumberOutOfRange,
        at,
        "a number fits neither a 64-bit integer nor a finite 64-bit float; send it as a string",
    ))
}

/// The slow and exact answer.
fn fits(shape: &Shape, literal: &[u8]) -> bool {
    let places = if shape.exponent_negative {
        shape.fraction + shape.exponent
    } else {
        shape.fraction.saturating_sub(shape.exponent)
    };
    if shape.fraction > MAX_EXPONENT || shape.exponent > MAX_EXPONENT || places > MAX_PLACES {
        return false;
    }
    let mantissa = literal.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let is_zero = !mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    let Ok(literal) = std::str::from_utf8(literal) else {
        return false;
    };
    let exact =
        literal.parse::<f64>().is_ok_and(|value| value.is_finite() && (is_zero || value != 0.0));
    // serde_json rounds a little differently at the very edge of the range; what passes must pass there too.
    exact && serde_json::from_str::<f64>(literal).is_ok_and(f64::is_finite)
}

fn shape(text: &[u8], start: usize) -> Result<(Shape, usize), Fault> {
    let mut shape = Shape::default();
    let mut at = start;
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    shape.whole = digits(text, at, "a digit")?;
    if shape.whole > 1 && text.get(at) == Some(&b'0') {
        return Err(Fault::new(
            Code::PayloadInvalidJson,
            at,
            "a number has a leading zero; remove it",
        ));
    }
    at += shape.whole;
    if text.get(at) == Some(&b'.') {
        shape.fraction = digits(text, at + 1, "a digit after `.`")?;
        at += 1 + shape.fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        shape.written_exponent = true;
        at += 1;
        if let Some(sign @ (b'+' | b'-')) = text.get(at) {
            shape.exponent_negative = *sign == b'-';
            at += 1;
        }
        let count = digits(text, at, "a digit in the exponent")?;
        shape.exponent = value(text.get(at..at + count).unwrap_or_default());
        at += count;
    }
    Ok((shape, at))
}

fn digits(text: &[u8], at: usize, wanted: &str) -> Result<usize, Fault> {
    let rest = text.get(at..).unwrap_or_default();
    let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    match (count, rest.is_empty()) {
        (0, true) => Err(Fault::end(at, wanted)),
        (0, false) => Err(Fault::unexpected(text, at, wanted)),
        (count, _) => Ok(count),
    }
}

/// The value of an exponent's digits, held at one past [`MAX_EXPONENT`].
fn value(digits: &[u8]) -> usize {
    digits
        .iter()
        .fold(0, |value, digit| (value * 10 + usize::from(digit - b'0')).min(MAX_EXPONENT + 1))
}
