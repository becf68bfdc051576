//! What a component can ask for beyond computing, and what a step says yes to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fetch::{FetchPattern, Origin};
use crate::name::Name;
use crate::size::Bytes;

/// What a component can be granted. It asks for it by importing it, but for the scratch folder: toolchains import files
/// for components that have none, so a step may grant that one where files are imported, and need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Requests over HTTP.
    Fetch,
    /// Values that outlive the run, kept for the tenant and flow.
    KeyValue,
    /// Secrets, put into the headers of its requests.
    Secrets,
    /// A folder of files, for the time of an attempt.
    Scratch,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 4] = [Self::Fetch, Self::KeyValue, Self::Secrets, Self::Scratch];

    /// What it is called: in a step's `grants`, in reports, to the operator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::KeyValue => "key_value",
            Self::Secrets => "secrets",
            Self::Scratch => "scratch",
        }
    }

    /// What it lets a component do, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fetch => {
                "sends requests over HTTP, where the step's grants and the operator allow it"
            }
            Self::KeyValue => "keeps values that outlive the run, for this tenant and flow alone",
            Self::Secrets => {
                "has the host put secrets into the headers of its requests; it never sees a value"
            }
            Self::Scratch => {
                "keeps files in a folder that is empty at first and gone with the attempt"
            }
        }
    }

    /// How a manifest grants it.
    pub fn example(self) -> &'static str {
        match self {
            Self::Fetch => "fetch = [\"api.example.com\"]",
            Self::KeyValue => "key_value = true",
            Self::Secrets => "secrets = [\"API_KEY\"]",
            Self::Scratch => "scratch = \"16MiB\"",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Capability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.replace('-', "_");
        let found = Self::ALL.into_iter().find(|capability| capability.as_str() == text);
        found.ok_or_else(|| {
            "a capability is `fetch`, `key_value`, `secrets` or `scratch`".to_owned()
        })
    }
}

/// What a step may reach outside of its sandbox. Defaults to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Where its calls may go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<FetchPattern>,
    /// What it may do with the values of its flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value: Option<KeyValueGrant>,
    /// The secrets it may have put into its calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrant>,
    /// The most bytes in the folder that each of its attempts has for itself; counted as its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<u64>,
}

/// What a step may do with the values of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyValueGrant {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

/// A secret that a step may have put into its calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// Which one.
    pub name: Name,
    /// Toward which hosts; empty: wherever the step may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<FetchPattern>,
}

impl SecretGrant {
    /// Whether it may be put into a call to this origin, where the step may call it at all.
    pub fn covers(&self, origin: &Origin) -> bool {
        self.to.is_empty() || self.to.iter().any(|pattern| pattern.covers(origin))
    }
}

impl Grants {
    /// True when nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether calls may go to this origin.
    pub fn covers(&self, origin: &Origin) -> bool {
        self.fetch.iter().any(|pattern| pattern.covers(origin))
    }

    /// What is granted, in order.
    pub fn capabilities(&self) -> impl Iterator<Item = Capability> {
        let Self { fetch, key_value, secrets, scratch } = self;
        let granted =
            [!fetch.is_empty(), key_value.is_some(), !secrets.is_empty(), scratch.is_some()];
        let pairs = Capability::ALL.into_iter().zip(granted);
        pairs.filter_map(|(capability, granted)| granted.then_some(capability))
    }
}

/// As a manifest writes it, without the braces; `none` where nothing is granted.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |patterns: &[FetchPattern]| {
            let patterns: Vec<String> = patterns.iter().map(|one| format!("\"{one}\"")).collect();
            patterns.join(", ")
        };
        let secret = |SecretGrant { name, to }: &SecretGrant| match to.is_empty() {
            true => format!("\"{name}\""),
            false => format!("{{ name = \"{name}\", to = [{}] }}", listed(to)),
        };
        let said: Vec<String> = self
            .capabilities()
            .map(|capability| match capability {
                Capability::Fetch => format!("fetch = [{}]", listed(&self.fetch)),
                Capability::KeyValue => match self.key_value {
                    Some(KeyValueGrant::Read) => "key_value = \"read\"".to_owned(),
                    Some(KeyValueGrant::Write) | None => "key_value = true".to_owned(),
                },
                Capability::Secrets => {
                    let secrets: Vec<String> = self.secrets.iter().map(secret).collect();
                    format!("secrets = [{}]", secrets.join(", "))
                }
                Capability::Scratch => {
                    format!("scratch = \"{}\"", Bytes(self.scratch.unwrap_or_default()))
                }
            })
            .collect();
        if said.is_empty() { f.write_str("none") } else { f.write_str(&said.join(", ")) }
    }
}
