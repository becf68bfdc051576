//! API keys as callers hold them: `sc_<id>_<secret>`.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use model::Digest;
use rand::Rng as _;

/// What a key begins with.
const PREFIX: &str = "sc_";
/// Bytes of randomness in the part that names the key.
const ID_BYTES: usize = 8;
/// Bytes of randomness in the part that proves it.
const SECRET_BYTES: usize = 32;

/// An API key. `Display` is the whole key, to be shown once; `Debug` never shows the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: String,
    secret: String,
}

/// The text is not a key.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this is not a key; a key reads `sc_<id>_<secret>`")]
pub struct BadKey;

impl Key {
    /// A new key with 256 bits of secret from the operating system's generator.
    pub fn generate() -> Self {
        Self { id: random_hex::<ID_BYTES>(), secret: random_hex::<SECRET_BYTES>() }
    }

    /// What stands for a key where none was sent: no row has its id.
    pub(crate) fn nobody() -> Self {
        Self { id: String::new(), secret: String::new() }
    }

    /// The part that names it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is kept of the secret.
    pub fn secret_sha256(&self) -> [u8; 32] {
        Digest::of(self.secret.as_bytes()).0
    }
}

fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().fold(String::with_capacity(BYTES * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({PREFIX}{}_…)", self.id)
    }
}

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(BadKey)?;
        let (id, secret) = rest.split_once('_').ok_or(BadKey)?;
        let plain = |part: &str, most: usize| {
            !part.is_empty()
                && part.len() <= most
                && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !plain(id, 64) || !plain(secret, 128) {
            return Err(BadKey);
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back_and_its_secret_is_never_in_debug() {
        let key = Key::generate();
        assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        assert!(!format!("{key:?}").contains(&key.secret));
        assert_ne!(Key::generate(), key);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in
            ["", "sc_", "sc_a", "sc__b", "sc_a_", "xx_a_b", "sc_a_b_c", "sc_a_é", "sc_a b_c"]
        {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
