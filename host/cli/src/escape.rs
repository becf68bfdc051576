//! Guest text on a terminal: control and bidi characters are shown, never obeyed.

/// The text with everything escaped that a terminal would obey; line breaks and tabs stay.
pub(crate) fn escape(text: &str) -> String {
    escape_but(text, |c| c == '\n' || c == '\t')
}

/// The same on one line.
pub(crate) fn escape_line(text: &str) -> String {
    escape_but(text, |_| false)
}

/// The same in JSON text, which stays the same value: where such a character can be, it can be written `\uXXXX`.
pub(crate) fn escape_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || !is_hostile(c) {
            shown.push(c);
        } else if c == '\r' {
            // It is between two values, where it can be no escape.
            shown.push(' ');
        } else {
            let mut units = [0; 2];
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    shown
}

fn escape_but(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if !stays(c) && is_hostile(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, and those that change the direction or hide (Unicode TR 36).
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("x\u{202e}y\u{200b}z\r"), "x\\u{202e}y\\u{200b}z\\u{d}");
        assert_eq!(escape("line\nü\t✓"), "line\nü\t✓");
        assert_eq!(escape_line("line\nnext"), "line\\u{a}next");
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({ "a\u{202e}": "\u{9b}31m \u{e0041}\u{1b}", "b": [1, "ü"] });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = escape_json(&text);
        assert!(shown.chars().all(|c| c == '\n' || !is_hostile(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(escape_json("{\r\n\t\u{c}}"), "{ \n\t\\u000c}");
    }
}
