//! A flag for the compiler beside those that cargo's configuration files give.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// What `cargo config get` says, as far as it is about flags.
#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    build: Table,
    /// By triple or `cfg(...)`.
    #[serde(default)]
    target: BTreeMap<String, Table>,
}

#[derive(Default, Deserialize)]
struct Table {
    /// A list, or text that is split at its spaces.
    rustflags: Option<Value>,
}

/// Arguments for cargo that add `flag` to the flags its configuration files give; `cargo` is a command without
/// arguments that runs where it will build.
pub(crate) fn beside_configured(flag: &str, mut cargo: Command) -> Vec<String> {
    // The subcommand is not stable. Where it is not understood, the flag is added to `build.rustflags` only.
    cargo.args(["-Zunstable-options", "config", "get", "--format", "json-value"]);
    let output = cargo.env("RUSTC_BOOTSTRAP", "1").output().ok();
    let config = output.and_then(|output| serde_json::from_slice(&output.stdout).ok());
    arguments(flag, &config.unwrap_or_default())
}

/// Cargo takes the flags of all tables of `target` that apply, and those of `build` only where none does: so every
/// table that has flags gets this one. A variable of the environment would replace them.
fn arguments(flag: &str, config: &Config) -> Vec<String> {
    let build = ("build".to_owned(), config.build.rustflags.as_ref());
    let targets = config.target.iter().filter_map(|(name, table)| {
        Some((format!("target.{}", quoted(name)), Some(table.rustflags.as_ref()?)))
    });
    let settings = [build].into_iter().chain(targets).filter_map(|(table, flags)| {
        let value = match flags.and_then(Value::as_str) {
            // Cargo joins lists.
            None => format!("[{}]", quoted(flag)),
            // Text replaces text, and a flag with a space in it would be split.
            Some(words) if !flag.contains(' ') => quoted(&format!("{words} {flag}")),
            Some(_) => return None,
        };
        Some(format!("{table}.rustflags={value}"))
    });
    settings.flat_map(|setting| ["--config".to_owned(), setting]).collect()
}

/// Text as TOML reads it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flag: &str, config: &str) -> Vec<String> {
        let all = arguments(flag, &serde_json::from_str(config).unwrap());
        all.into_iter().filter(|argument| argument != "--config").collect()
    }

    #[test]
    fn a_crate_without_flags_gets_the_one() {
        assert_eq!(settings("-a", "{}"), [r#"build.rustflags=["-a"]"#]);
        let linker = r#"{"target": {"wasm32-unknown-unknown": {"linker": "lld"}}}"#;
        assert_eq!(settings("-a", linker), [r#"build.rustflags=["-a"]"#]);
    }

    #[test]
    fn every_table_with_flags_keeps_them_and_gets_the_one() {
        let config = r#"{"build": {"rustflags": "-x  -y"}, "target": {
            "cfg(target_family=\"wasm\")": {"rustflags": ["-z"]}, "wasm32-unknown-unknown": {"rustflags": "-w"}}}"#;
        let expected = [
            r#"build.rustflags="-x  -y -a""#,
            r#"target."cfg(target_family=\"wasm\")".rustflags=["-a"]"#,
            r#"target."wasm32-unknown-unknown".rustflags="-w -a""#,
        ];
        assert_eq!(settings("-a", config), expected);
    }

    #[test]
    fn a_flag_with_a_space_is_not_split() {
        let config = r#"{"build": {"rustflags": ["-x"]}, "target": {"t": {"rustflags": "-w"}}}"#;
        assert_eq!(settings("-a=b c", config), [r#"build.rustflags=["-a=b c"]"#]);
    }
}
