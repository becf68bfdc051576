//! The hostile guests, for the tests and for `stepcell doctor --attack`: what each tries, which limit it meets, and how it
//! has to end.

mod bombs;
mod guest;
mod table;

use model::{Code, Digest, FailureKind};

pub use guest::{GUESTS, bare, module};

/// The secret that those ask for which are granted one.
pub const SECRET: &str = "GRANTED";

/// A guest that wants to do harm.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// Its name, that of its file where it has one.
    pub name: &'static str,
    /// The limit or the check that stops it.
    pub limit: &'static str,
    /// How it has to end.
    pub expected: Expected,
    /// What its step is granted.
    grants: &'static str,
    source: Source,
}

/// How an attack has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Its upload is refused with this code.
    Refused(Code),
    /// Its upload takes too much time or too much memory to compile, whichever comes first on a machine.
    Uncompilable,
    /// Its run fails with this kind.
    Fails(FailureKind),
    /// Its run completes: what it tried had no effect.
    Completes,
    /// It is kept, and what it says about itself is not; the note begins like this.
    Noted(&'static str),
}

/// What an attack is made of.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The hand-written guest of its name.
    Guest,
    /// Bytes that are made, and what they try.
    Made(fn() -> Vec<u8>, &'static str),
}

/// The fuel of an attack that is to run out of it.
const LITTLE_FUEL: u64 = 100_000_000;
/// The wall clock of an attack that is to run out of it, in milliseconds.
const LITTLE_TIME_MS: u64 = 250;

impl Attack {
    /// Every attack.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::ALL.iter().copied().flatten()
    }

    /// What it tries, one sentence.
    ///
    /// # Panics
    /// When its guest is not there, which a test rules out.
    pub fn tries(&self) -> &'static str {
        match self.source {
            Source::Guest => guest::first_line(self.name),
            Source::Made(_, tries) => tries,
        }
    }

    /// What is uploaded.
    ///
    /// # Panics
    /// When its guest is not there, which a test rules out.
    pub fn bytes(&self) -> Vec<u8> {
        match self.source {
            Source::Guest => module(self.name),
            Source::Made(bytes, _) => bytes(),
        }
    }

    /// The name of its flow.
    pub fn flow(&self) -> String {
        format!("attack_{}", self.name)
    }

    /// A manifest of one step that runs it once; what is to run out is short, everything else is plenty.
    pub fn manifest(&self, component: Digest) -> String {
        let limits = model::Limits::CEILING;
        let (timeout_ms, fuel) = match self.expected {
            Expected::Fails(FailureKind::Timeout) => (LITTLE_TIME_MS, limits.fuel),
            Expected::Fails(_)
            | Expected::Refused(_)
            | Expected::Uncompilable
            | Expected::Completes
            | Expected::Noted(_) => (limits.timeout_ms, LITTLE_FUEL),
        };
        format!(
            "flow = \"{}\"\n[[step]]\nname = \"only\"\ncomponent = \"{component}\"\nmax_attempts = 1\n\
             timeout = \"{timeout_ms}ms\"\nfuel = {fuel}\ngrants = {{ {} }}\n",
            self.flow(),
            self.grants
        )
    }
}

impl Expected {
    /// Whether an end in these words is the expected one.
    pub fn is(self, got: &str) -> bool {
        let bounds = [Code::ComponentCompileTimeout, Code::ComponentCompileMemory];
        match self {
            Self::Uncompilable => bounds.iter().any(|code| code.as_str() == got),
            Self::Refused(_) | Self::Fails(_) | Self::Completes | Self::Noted(_) => {
                self.to_string() == got
            }
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "{code}"),
            Self::Uncompilable => f.write_str("component.compile_*"),
            Self::Fails(kind) => write!(f, "{kind}"),
            Self::Completes => f.write_str("completed"),
            Self::Noted(note) => write!(f, "noted: {note}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own_and_says_what_it_tries() {
        let mut names = BTreeSet::new();
        for attack in Attack::all() {
            assert!(names.insert(attack.name), "`{}` is there twice", attack.name);
            assert!(attack.tries().ends_with('.'), "`{}`", attack.name);
            assert!(!attack.limit.is_empty(), "`{}`", attack.name);
        }
        assert!(names.len() >= 100, "{} attacks", names.len());
    }

    #[test]
    fn every_attack_can_be_made() {
        for attack in Attack::all() {
            assert!(attack.bytes().starts_with(b"\0asm"), "`{}`", attack.name);
        }
    }

    #[test]
    fn every_hand_written_guest_can_be_encoded() {
        for (name, _) in GUESTS {
            assert!(module(name).starts_with(b"\0asm"), "`{name}`");
        }
    }
}
