//! Looks at one package: where it comes from, and what is worth a second look.

use serde::{Deserialize, Serialize};

use crate::Package;

const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];
/// From here on, direct dependencies are many.
const MANY_DEPENDENCIES: usize = 20;

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// The project itself, or a path beside it.
    Own,
    /// The public registry.
    CratesIo,
    /// Another registry.
    OtherRegistry,
    /// A git repository.
    Git,
}

/// Something worth a second look, the weightier first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Note {
    /// Nothing proves that the package is the one that was locked.
    MissingChecksum,
    /// Not published: it can disappear, and `cargo audit` knows nothing of it.
    GitSource,
    /// Not from crates.io.
    OtherRegistry,
    /// An alpha, a beta or a release candidate.
    PreRelease,
    /// Compiled several times.
    SeveralVersions,
    /// Needs many others itself.
    ManyDependencies,
    /// Any release may break: `0.x`.
    BeforeOne,
}

/// What inspecting one package found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) origin: Origin,
    pub(crate) dependencies: usize,
    pub(crate) dependents: u32,
    pub(crate) depth: Option<u32>,
    pub(crate) notes: Vec<Note>,
}

/// Inspects one package.
pub(crate) fn inspect(package: Package) -> Finding {
    let origin = origin(package.source.as_deref());
    let is_registry = matches!(origin, Origin::CratesIo | Origin::OtherRegistry);
    let is_foreign = origin != Origin::Own;
    let plain = package.version.split('+').next().unwrap_or_default();
    let found = [
        (Note::MissingChecksum, is_registry && package.checksum.is_none()),
        (Note::GitSource, origin == Origin::Git),
        (Note::OtherRegistry, origin == Origin::OtherRegistry),
        (Note::PreRelease, is_foreign && plain.contains('-')),
        (Note::SeveralVersions, !package.also_at.is_empty()),
        (Note::ManyDependencies, is_foreign && package.dependencies.len() >= MANY_DEPENDENCIES),
        (Note::BeforeOne, is_foreign && package.version.starts_with("0.")),
    ];
    Finding {
        origin,
        dependencies: package.dependencies.len(),
        dependents: package.dependents,
        depth: package.depth,
        notes: found.into_iter().filter(|(_, holds)| *holds).map(|(note, _)| note).collect(),
        name: package.name,
        version: package.version,
    }
}

fn origin(source: Option<&str>) -> Origin {
    match source {
        None => Origin::Own,
        Some(source) if CRATES_IO.contains(&source) => Origin::CratesIo,
        Some(source) if source.starts_with("git+") => Origin::Git,
        Some(_) => Origin::OtherRegistry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(version: &str, source: Option<&str>, checksum: Option<&str>) -> Vec<Note> {
        let package = Package {
            version: version.to_owned(),
            source: source.map(str::to_owned),
            checksum: checksum.map(str::to_owned),
            ..Package::default()
        };
        inspect(package).notes
    }

    #[test]
    fn a_settled_package_from_crates_io_has_no_notes() {
        assert_eq!(notes("1.2.3+build-7", Some(CRATES_IO[0]), Some("sum")), []);
        assert_eq!(notes("0.1.0", None, None), [], "the project's own packages are not judged");
    }

    #[test]
    fn everything_that_is_off_is_noted() {
        assert_eq!(
            notes("0.9.0-rc.1", Some(CRATES_IO[1]), None),
            [Note::MissingChecksum, Note::PreRelease, Note::BeforeOne]
        );
        assert_eq!(notes("1.0.0", Some("git+https://example.com/x#abc"), None), [Note::GitSource]);
        assert_eq!(
            notes("1.0.0", Some("registry+https://example.com"), Some("sum")),
            [Note::OtherRegistry]
        );
    }

    #[test]
    fn several_versions_and_many_dependencies_are_noted() {
        let package = Package {
            version: "1.0.0".to_owned(),
            source: Some(CRATES_IO[0].to_owned()),
            checksum: Some("sum".to_owned()),
            dependencies: vec!["x".to_owned(); MANY_DEPENDENCIES],
            also_at: vec!["2.0.0".to_owned()],
            ..Package::default()
        };
        assert_eq!(inspect(package).notes, [Note::SeveralVersions, Note::ManyDependencies]);
    }
}
