//! Secrets of a step, hidden where an answer repeats them plainly: as they are, or as JSON writes them.

use memchr::memmem::Finder;
use outbound::Error;
use tokio::task::yield_now;
use zeroize::Zeroizing;

use crate::outgoing::{Answered, Wanted};

/// Shortest beginning of a secret that is taken off the end of a body that was cut, in bytes.
const SHORTEST: usize = 4;

/// How JSON is written: what gets a backslash, what becomes `\u0026` and the like. The second is in lower and in upper case.
const WRITTEN: [(&str, &str); 5] =
    [("\"\\", ""), ("\"\\/", ""), ("\"\\", "&<>"), ("\"\\", "&<>='"), ("\\", "&<>'\"+`")];

/// The secrets that an answer may repeat, each spelling with what stands for it. Nothing shows their values.
#[derive(Default)]
pub(crate) struct Revealed {
    /// The longest first: one may have another in it.
    spellings: Vec<Spelling>,
}

struct Spelling {
    placeholder: String,
    text: Zeroizing<String>,
}

impl Revealed {
    /// One more.
    pub(crate) fn add(&mut self, placeholder: &str, value: &Zeroizing<String>) {
        let mut texts = vec![value.clone()];
        for (slashed, numbered) in WRITTEN {
            for is_upper in [false, true] {
                let text = written(value, (slashed, numbered), is_upper);
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        let spelling = |text| Spelling { placeholder: placeholder.to_owned(), text };
        self.spellings.extend(texts.into_iter().map(spelling));
        self.spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.text.len()));
    }

    /// True when there is nothing to hide.
    pub(crate) fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// An answer without the values. What stands for one may be longer than it: the body stays within what is wanted. It is
    /// looked through once for each spelling, and others have their turn in between.
    pub(crate) async fn hide(
        &self,
        mut answered: Answered,
        wanted: Wanted,
    ) -> Result<Answered, Error> {
        let most = match wanted {
            Wanted::Whole(most) => most,
            Wanted::Beginning(_) => usize::MAX,
        };
        for spelling in &self.spellings {
            answered.body = spelling.hide(answered.body, most)?;
            for (_, value) in &mut answered.headers {
                if value.contains(spelling.text.as_str()) {
                    *value = value.replace(spelling.text.as_str(), &spelling.placeholder);
                }
            }
            yield_now().await;
        }
        if let Wanted::Beginning(most) = wanted {
            for spelling in &self.spellings {
                spelling.cut(&mut answered.body);
                yield_now().await;
            }
            answered.body.truncate(most);
        }
        Ok(answered)
    }
}

/// A value as JSON writes it, without the quotes.
fn written(value: &str, (slashed, numbered): (&str, &str), is_upper: bool) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 6));
    for character in value.chars() {
        let number = u32::from(character);
        match character {
            _ if numbered.contains(character) && is_upper => {
                text.push_str(&format!("\\u{number:04X}"))
            }
            _ if numbered.contains(character) => text.push_str(&format!("\\u{number:04x}")),
            _ if slashed.contains(character) => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}

impl Spelling {
    fn hide(&self, body: Vec<u8>, most: usize) -> Result<Vec<u8>, Error> {
        let (finder, by) = (Finder::new(self.text.as_bytes()), self.placeholder.as_bytes());
        let mut found = finder.find_iter(&body);
        let Some(mut at) = found.next() else { return Ok(body) };
        let (mut hidden, mut from) = (Vec::with_capacity(body.len()), 0);
        loop {
            hidden.extend_from_slice(&body[from..at]);
            hidden.extend_from_slice(by);
            if hidden.len() > most {
                return Err(Error::TooLarge(most));
            }
            from = at + self.text.len();
            match found.next() {
                Some(next) => at = next,
                None => break,
            }
        }
        hidden.extend_from_slice(&body[from..]);
        if hidden.len() > most { Err(Error::TooLarge(most)) } else { Ok(hidden) }
    }

    /// Takes a beginning of it off the end of a body that was cut.
    fn cut(&self, body: &mut Vec<u8>) {
        let text = self.text.as_bytes();
        let mut lengths = (SHORTEST..text.len().min(body.len() + 1)).rev();
        if let Some(length) = lengths.find(|length| body.ends_with(&text[..*length])) {
            body.truncate(body.len() - length);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn revealed(values: &[(&str, &str)]) -> Revealed {
        let mut revealed = Revealed::default();
        for (placeholder, value) in values {
            revealed.add(placeholder, &Zeroizing::new((*value).to_owned()));
        }
        revealed
    }

    fn both() -> Revealed {
        revealed(&[
            ("<A>", "first-secret"),
            ("<B>", "with\"quote\\x"),
            ("<C>", "first-secret-of-two"),
        ])
    }

    async fn hidden(revealed: &Revealed, body: &str, wanted: Wanted) -> Result<String, Error> {
        let headers = vec![("x".to_owned(), body.to_owned())];
        let answered = Answered { status: 200, headers, body: body.as_bytes().to_vec() };
        let answered = revealed.hide(answered, wanted).await?;
        let body = String::from_utf8(answered.body).unwrap();
        if let Wanted::Whole(_) = wanted {
            assert_eq!(answered.headers[0].1, body);
        }
        Ok(body)
    }

    #[tokio::test]
    async fn a_value_is_hidden_wherever_an_answer_repeats_it() {
        for (body, expected) in [
            ("nothing", "nothing"),
            ("first-secret", "<A>"),
            ("afirst-secretfirst-secretb", "a<A><A>b"),
            ("first-secret-of-two", "<C>"),
            ("{\"x\":\"with\\\"quote\\\\x\"}", "{\"x\":\"<B>\"}"),
            ("with\"quote\\x", "<B>"),
            ("first-secre", "first-secre"),
        ] {
            assert_eq!(hidden(&both(), body, Wanted::Whole(1_000)).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_value_is_hidden_in_every_way_that_json_is_commonly_written() {
        let revealed = revealed(&[("<A>", "a/b&c<d>e=f'g+h\"")]);
        for body in [
            r#"a/b&c<d>e=f'g+h""#,
            r#"a/b&c<d>e=f'g+h\""#,
            r#"a\/b&c<d>e=f'g+h\""#,
            r#"a/b\u0026c\u003cd\u003ee=f'g+h\""#,
            r#"a/b\u0026c\u003cd\u003ee\u003df\u0027g+h\""#,
            r#"a/b\u0026c\u003Cd\u003Ee=f\u0027g\u002Bh\u0022"#,
        ] {
            assert_eq!(
                hidden(&revealed, body, Wanted::Whole(1_000)).await.unwrap(),
                "<A>",
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn no_beginning_of_a_value_is_left_where_a_body_was_cut() {
        let cut = |body, most| async move {
            hidden(&both(), body, Wanted::Beginning(most)).await.unwrap()
        };
        assert_eq!(cut("so first-secr", 13).await, "so ");
        assert_eq!(cut("so first-secret.", 16).await, "so <A>.");
    }

    #[tokio::test]
    async fn a_body_does_not_grow_over_what_is_wanted() {
        let revealed = revealed(&[(&"x".repeat(100), "12345678")]);
        let body = "12345678".repeat(10);
        let refused = hidden(&revealed, &body, Wanted::Whole(500)).await;
        assert!(matches!(refused, Err(Error::TooLarge(500))));
    }

    #[tokio::test]
    async fn a_secret_that_almost_repeats_in_a_large_body_costs_no_more_than_any_other() {
        let value = format!("{}b{}", "a".repeat(4_000), "a".repeat(4_000));
        let (revealed, body) = (revealed(&[("<A>", &value)]), "a".repeat(4 << 20));
        let begun = Instant::now();
        hidden(&revealed, &body, Wanted::Whole(usize::MAX)).await.unwrap();
        // Compared at each place it would be tens of billions of steps.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
