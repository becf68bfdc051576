//! Secrets that went out with a call, hidden again where its answer repeats them.

use outbound::Error;
use zeroize::Zeroizing;

use crate::outgoing::Wanted;

/// Shortest beginning of a secret that is taken off the end of a body that was cut, in bytes.
const SHORTEST: usize = 4;

/// The secrets of one call, each with what stands for it. Nothing shows their values.
#[derive(Default)]
pub(crate) struct Revealed(Vec<Secret>);

struct Secret {
    placeholder: String,
    /// The value, and as JSON writes it.
    spellings: Vec<Zeroizing<String>>,
}

impl Revealed {
    /// One more.
    pub(crate) fn add(&mut self, placeholder: String, value: Zeroizing<String>) {
        let json = Zeroizing::new(serde_json::Value::from(value.as_str()).to_string());
        let json = Zeroizing::new(json.trim_matches('"').to_owned());
        let is_other = *json != *value;
        let mut spellings = vec![value];
        spellings.extend(is_other.then_some(json));
        self.0.push(Secret { placeholder, spellings });
    }

    fn spellings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|Secret { placeholder, spellings }| {
            spellings.iter().map(|value| (placeholder.as_str(), value.as_str()))
        })
    }

    /// A text without the values.
    pub(crate) fn hide_text(&self, mut text: String) -> String {
        for (placeholder, value) in self.spellings() {
            if text.contains(value) {
                text = text.replace(value, placeholder);
            }
        }
        text
    }

    /// A body without the values. What stands for one may be longer than it: the body stays within what is wanted.
    pub(crate) fn hide(&self, mut body: Vec<u8>, wanted: Wanted) -> Result<Vec<u8>, Error> {
        let most = match wanted {
            Wanted::Whole(most) => most,
            Wanted::Beginning(_) => usize::MAX,
        };
        for (placeholder, value) in self.spellings() {
            body = replaced(body, (value.as_bytes(), placeholder.as_bytes()), most)?;
        }
        if let Wanted::Beginning(most) = wanted {
            for (_, value) in self.spellings() {
                let begun = (SHORTEST..value.len()).rev();
                let begun = begun.map(|length| &value.as_bytes()[..length]);
                if let Some(begun) = begun.into_iter().find(|begun| body.ends_with(begun)) {
                    body.truncate(body.len() - begun.len());
                }
            }
            body.truncate(most);
        }
        Ok(body)
    }
}

fn replaced(body: Vec<u8>, (what, by): (&[u8], &[u8]), most: usize) -> Result<Vec<u8>, Error> {
    let find = |from: usize| {
        body[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let Some(mut found) = find(0) else { return Ok(body) };
    let (mut hidden, mut from) = (Vec::with_capacity(body.len()), 0);
    loop {
        hidden.extend_from_slice(&body[from..found]);
        hidden.extend_from_slice(by);
        if hidden.len() > most {
            return Err(Error::TooLarge(most));
        }
        from = found + what.len();
        match find(from) {
            Some(next) => found = next,
            None => break,
        }
    }
    hidden.extend_from_slice(&body[from..]);
    if hidden.len() > most { Err(Error::TooLarge(most)) } else { Ok(hidden) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revealed() -> Revealed {
        let mut revealed = Revealed::default();
        revealed.add("<A>".to_owned(), Zeroizing::new("first-secret".to_owned()));
        revealed.add("<B>".to_owned(), Zeroizing::new("with\"quote\\x".to_owned()));
        revealed
    }

    fn hidden(body: &str, wanted: Wanted) -> String {
        String::from_utf8(revealed().hide(body.as_bytes().to_vec(), wanted).unwrap()).unwrap()
    }

    #[test]
    fn a_value_is_hidden_wherever_an_answer_repeats_it() {
        let whole = Wanted::Whole(1_000);
        for (body, expected) in [
            ("nothing", "nothing"),
            ("first-secret", "<A>"),
            ("afirst-secretfirst-secretb", "a<A><A>b"),
            ("{\"x\":\"with\\\"quote\\\\x\"}", "{\"x\":\"<B>\"}"),
            ("with\"quote\\x", "<B>"),
            ("first-secre", "first-secre"),
        ] {
            assert_eq!(hidden(body, whole), expected);
            assert_eq!(revealed().hide_text(body.to_owned()), expected);
        }
    }

    #[test]
    fn no_beginning_of_a_value_is_left_where_a_body_was_cut() {
        assert_eq!(hidden("so first-secr", Wanted::Beginning(13)), "so ");
        assert_eq!(hidden("so first-secret.", Wanted::Beginning(16)), "so <A>.");
    }

    #[test]
    fn a_body_does_not_grow_over_what_is_wanted() {
        let mut revealed = Revealed::default();
        revealed.add("x".repeat(100), Zeroizing::new("12345678".to_owned()));
        let body = "12345678".repeat(10).into_bytes();
        assert!(matches!(revealed.hide(body, Wanted::Whole(500)), Err(Error::TooLarge(500))));
    }
}
