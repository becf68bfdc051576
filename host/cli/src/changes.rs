//! What is different in a JSON value: a line for each place, as a person reads it.

use serde_json::Value;

/// Lines that are shown.
const MOST_LINES: usize = 20;
/// Characters of a value that are shown.
const MOST_CHARACTERS: usize = 120;

/// Every place where two values differ, by its JSON pointer; the first ones, where there are many.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Found::default();
    found.compare(&mut String::new(), before, after);
    let Found { mut lines, more } = found;
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

#[derive(Default)]
struct Found {
    lines: Vec<String>,
    more: usize,
}

impl Found {
    fn compare(&mut self, place: &mut String, before: &Value, after: &Value) {
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
                for name in names {
                    let name_there = name.replace('~', "~0").replace('/', "~1");
                    self.member(place, &name_there, old.get(name), new.get(name));
                }
            }
            (Value::Array(old), Value::Array(new)) => {
                for at in 0..old.len().max(new.len()) {
                    self.member(place, &at.to_string(), old.get(at), new.get(at));
                }
            }
            (before, after) if before == after => {}
            (before, after) => {
                self.line(place, &format!("{} -> {}", short(before), short(after)));
            }
        }
    }

    fn member(&mut self, place: &mut String, name: &str, old: Option<&Value>, new: Option<&Value>) {
        let length = place.len();
        place.push('/');
        place.push_str(name);
        match (old, new) {
            (Some(old), Some(new)) => self.compare(place, old, new),
            (Some(old), None) => self.line(place, &format!("gone, was {}", short(old))),
            (None, Some(new)) => self.line(place, &format!("new, {}", short(new))),
            (None, None) => {}
        }
        place.truncate(length);
    }

    fn line(&mut self, place: &str, what: &str) {
        if self.lines.len() < MOST_LINES {
            let place = if place.is_empty() { "output" } else { place };
            self.lines.push(format!("{place}: {what}"));
        } else {
            self.more += 1;
        }
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_that_differs_is_a_line() {
        let before =
            json!({ "total": 12, "items": [1, 2, 3], "same": { "a/b": null }, "old": true });
        let after = json!({ "total": 13, "items": [1, 5], "same": { "a/b": null }, "new": "x" });
        assert_eq!(
            changes(&before, &after),
            [
                "/items/1: 2 -> 5",
                "/items/2: gone, was 3",
                "/old: gone, was true",
                "/total: 12 -> 13",
                "/new: new, \"x\"",
            ]
        );
        assert_eq!(changes(&json!({ "a/b": [1] }), &json!({ "a/b": 1 })), ["/a~1b: [1] -> 1"]);
        assert_eq!(changes(&json!(1), &json!("1")), ["output: 1 -> \"1\""]);
        assert!(changes(&before, &before).is_empty());
    }

    #[test]
    fn many_places_and_long_values_are_cut() {
        let before = Value::from_iter(0..100);
        let after = Value::from_iter(100..200);
        let lines = changes(&before, &after);
        assert_eq!((lines.len(), lines[20].as_str()), (21, "and 80 more"));
        let long = changes(&json!(""), &json!("ü".repeat(1_000)));
        assert!(long[0].chars().count() < 150 && long[0].ends_with('…'), "{}", long[0]);
    }
}
