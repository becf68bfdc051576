//! The keys that secrets are encrypted with. They are never in Postgres.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use model::{Digest, TenantId};
use zeroize::Zeroizing;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce: so many that a random one never comes twice.
const NONCE_BYTES: usize = 24;
/// Keys of one ring.
const MOST_KEYS: usize = 16;

/// The keys of a host: the first one encrypts, all of them decrypt.
#[derive(Clone)]
pub struct Keyring(Arc<Keys>);

struct Keys {
    newest: Key,
    older: Vec<Key>,
}

struct Key {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the keys.
        f.debug_struct("Keyring").field("newest", &self.newest()).finish_non_exhaustive()
    }
}

/// What a value is bound to: it decrypts as nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) name: &'a str,
    pub(crate) version: i32,
}

impl Bound<'_> {
    fn bytes(&self) -> Vec<u8> {
        let Self { tenant, name, version } = self;
        format!("stepcell secret {} {version} {name}", tenant.0).into_bytes()
    }
}

/// A value, encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

impl Keyring {
    /// Which key encrypts; says nothing about its bytes.
    pub fn newest(&self) -> &str {
        &self.0.newest.id
    }

    pub(crate) fn seal(&self, of: Bound<'_>, value: &str) -> Result<Sealed, String> {
        let key = &self.0.newest;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let aad = of.bytes();
        let payload = Payload { msg: value.as_bytes(), aad: &aad };
        let cipher = XChaCha20Poly1305::new(&(*key.bytes).into());
        let ciphertext = cipher.encrypt(&nonce.into(), payload);
        let ciphertext = ciphertext.map_err(|_| "it could not be encrypted".to_owned())?;
        Ok(Sealed { key_id: key.id.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    pub(crate) fn open(&self, of: Bound<'_>, sealed: &Sealed) -> Result<Zeroizing<String>, String> {
        let Keys { newest, older } = &*self.0;
        let key = [newest].into_iter().chain(older).find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| {
            format!("this host has no key `{}`; add it to `--secrets-key-file`", sealed.key_id)
        })?;
        let spoilt = || "it was changed, or is the secret of another".to_owned();
        let nonce: [u8; NONCE_BYTES] = sealed.nonce[..].try_into().map_err(|_| spoilt())?;
        let aad = of.bytes();
        let payload = Payload { msg: &sealed.ciphertext, aad: &aad };
        let cipher = XChaCha20Poly1305::new(&(*key.bytes).into());
        let value = cipher.decrypt(&nonce.into(), payload).map_err(|_| spoilt())?;
        match String::from_utf8(value) {
            Ok(value) => Ok(Zeroizing::new(value)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(spoilt())
            }
        }
    }
}

impl FromStr for Keyring {
    type Err = String;

    /// One key a line, 32 bytes as hexadecimal digits or base64; empty lines and those with `#` are left out. No error
    /// quotes a key.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut keys = Vec::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = read_key(line).ok_or_else(|| {
                format!(
                    "line {number} is no key: {KEY_BYTES} bytes as hexadecimal digits or base64"
                )
            })?;
            let id = Digest::of(&[b"stepcell key ", &bytes[..]].concat()).short();
            keys.push(Key { id, bytes });
        }
        if keys.len() > MOST_KEYS {
            return Err(format!("it has {} keys and may have {MOST_KEYS}", keys.len()));
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or("it has no key")?;
        Ok(Self(Arc::new(Keys { newest, older: keys.collect() })))
    }
}

fn read_key(line: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let is_hex = line.len() == KEY_BYTES * 2 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = Zeroizing::new(match is_hex {
        true => (0..KEY_BYTES)
            .map(|at| u8::from_str_radix(&line[at * 2..at * 2 + 2], 16).ok())
            .collect::<Option<Vec<u8>>>()?,
        false => STANDARD.decode(line).ok()?,
    });
    <[u8; KEY_BYTES]>::try_from(&bytes[..]).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(bytes: &[u8]) -> Keyring {
        let lines: Vec<String> = bytes.iter().map(|byte| STANDARD.encode([*byte; 32])).collect();
        format!("# keys\n\n{}\n", lines.join("\n")).parse().unwrap()
    }

    fn bound(tenant: i32, name: &str, version: i32) -> Bound<'_> {
        Bound { tenant: TenantId(tenant), name, version }
    }

    #[test]
    fn a_value_is_opened_as_what_it_was_sealed_for_and_as_nothing_else() {
        let ring = ring(&[1]);
        let sealed = ring.seal(bound(1, "KEY", 1), "the value").unwrap();
        assert_eq!(*ring.open(bound(1, "KEY", 1), &sealed).unwrap(), "the value");
        for other in [bound(2, "KEY", 1), bound(1, "KEY2", 1), bound(1, "KEY", 2)] {
            assert!(ring.open(other, &sealed).is_err(), "{other:?}");
        }
        let mut spoilt = sealed.clone();
        spoilt.ciphertext[0] ^= 1;
        assert!(ring.open(bound(1, "KEY", 1), &spoilt).is_err());
        let again = ring.seal(bound(1, "KEY", 1), "the value").unwrap();
        assert_ne!(again.ciphertext, sealed.ciphertext);
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let (old, both) = (ring(&[1]), ring(&[2, 1]));
        let sealed = old.seal(bound(1, "KEY", 1), "the value").unwrap();
        assert_eq!(*both.open(bound(1, "KEY", 1), &sealed).unwrap(), "the value");
        let sealed = both.seal(bound(1, "KEY", 1), "the value").unwrap();
        assert_eq!(sealed.key_id, both.newest());
        let why = old.open(bound(1, "KEY", 1), &sealed).unwrap_err();
        assert!(why.contains(both.newest()), "{why}");
    }

    #[test]
    fn a_key_is_hexadecimal_or_base64_and_nothing_shows_it() {
        let (hex, base64) = ("07".repeat(32), STANDARD.encode([7; 32]));
        let ring: Keyring = hex.parse().unwrap();
        assert_eq!(ring.newest(), base64.parse::<Keyring>().unwrap().newest());
        assert!(!format!("{ring:?}").contains("07070707"));
        for text in ["", "# none", "short", &"zz".repeat(32), &STANDARD.encode([7; 31])] {
            let why = text.parse::<Keyring>().unwrap_err();
            assert!(text.is_empty() || !why.contains(text), "{why}");
        }
    }
}
