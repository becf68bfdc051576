//! Sums up what inspecting every package found, for programs and as a table for people.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::inspect::{Finding, Note, Origin};

/// How many packages a list of the most needed names.
const MOST_NEEDED: usize = 10;
/// How many names a cell of the table shows.
const SHOWN: usize = 6;

/// The report.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) packages: usize,
    /// The project's own.
    pub(crate) own: usize,
    /// What the project names itself.
    pub(crate) direct: usize,
    pub(crate) crates_io: usize,
    pub(crate) before_one: usize,
    /// The longest way from the project to a package.
    pub(crate) deepest: Option<Deepest>,
    pub(crate) several_versions: Vec<Versions>,
    pub(crate) most_needed: Vec<Needed>,
    pub(crate) git: Vec<String>,
    pub(crate) other_registry: Vec<String>,
    pub(crate) missing_checksum: Vec<String>,
    pub(crate) pre_release: Vec<String>,
    pub(crate) many_dependencies: Vec<String>,
    /// Rows of text, the first one the heading.
    pub(crate) table: Vec<[String; 3]>,
}

/// A package that is there more than once.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Versions {
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
}

/// A package others stand on.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Needed {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) dependents: u32,
}

/// The package farthest from the project.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Deepest {
    pub(crate) package: String,
    pub(crate) depth: u32,
}

/// Sums up.
pub(crate) fn sum_up(findings: &[Finding]) -> Summary {
    let count =
        |holds: &dyn Fn(&Finding) -> bool| findings.iter().filter(|finding| holds(finding)).count();
    let deepest = findings
        .iter()
        .filter_map(|finding| Some((finding.depth?, finding)))
        .max_by_key(|(depth, _)| *depth);
    let mut summary = Summary {
        packages: findings.len(),
        own: count(&|finding| finding.origin == Origin::Own),
        direct: count(&|finding| finding.depth == Some(1)),
        crates_io: count(&|finding| finding.origin == Origin::CratesIo),
        before_one: count(&|finding| finding.notes.contains(&Note::BeforeOne)),
        deepest: deepest.map(|(depth, finding)| Deepest { package: full_name(finding), depth }),
        several_versions: several_versions(findings),
        most_needed: most_needed(findings),
        git: noted(findings, Note::GitSource),
        other_registry: noted(findings, Note::OtherRegistry),
        missing_checksum: noted(findings, Note::MissingChecksum),
        pre_release: noted(findings, Note::PreRelease),
        many_dependencies: noted(findings, Note::ManyDependencies),
        table: Vec::new(),
    };
    summary.table = table(&summary);
    summary
}

fn full_name(finding: &Finding) -> String {
    format!("{} {}", finding.name, finding.version)
}

fn noted(findings: &[Finding], note: Note) -> Vec<String> {
    findings.iter().filter(|finding| finding.notes.contains(&note)).map(full_name).collect()
}

/// The most versions first.
fn several_versions(findings: &[Finding]) -> Vec<Versions> {
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for finding in findings {
        by_name.entry(&finding.name).or_default().push(finding.version.clone());
    }
    let several = by_name.into_iter().filter(|(_, versions)| versions.len() > 1);
    let mut several: Vec<Versions> =
        several.map(|(name, versions)| Versions { name: name.to_owned(), versions }).collect();
    several.sort_by_key(|package| std::cmp::Reverse(package.versions.len()));
    several
}

fn most_needed(findings: &[Finding]) -> Vec<Needed> {
    let mut foreign: Vec<&Finding> =
        findings.iter().filter(|finding| finding.origin != Origin::Own).collect();
    foreign.sort_by(|one, two| {
        two.dependents.cmp(&one.dependents).then_with(|| one.name.cmp(&two.name))
    });
    let needed = |finding: &&Finding| Needed {
        name: finding.name.clone(),
        version: finding.version.clone(),
        dependents: finding.dependents,
    };
    foreign.iter().take(MOST_NEEDED).map(needed).collect()
}

fn table(summary: &Summary) -> Vec<[String; 3]> {
    let several: Vec<String> = summary
        .several_versions
        .iter()
        .map(|package| format!("{} ({})", package.name, package.versions.join(", ")))
        .collect();
    let needed: Vec<String> = summary
        .most_needed
        .iter()
        .map(|package| format!("{} ({})", package.name, package.dependents))
        .collect();
    let origins = format!(
        "{} from crates.io, {} of the project, {} direct",
        summary.crates_io, summary.own, summary.direct
    );
    let deepest = summary.deepest.as_ref();
    let mut rows = vec![
        ["what".to_owned(), "how many".to_owned(), "which".to_owned()],
        ["packages".to_owned(), summary.packages.to_string(), origins],
        row("with several versions", &several),
        ["before 1.0".to_owned(), summary.before_one.to_string(), String::new()],
    ];
    rows.extend([
        row("pre-releases", &summary.pre_release),
        row("from git", &summary.git),
        row("from other registries", &summary.other_registry),
        row("without checksum", &summary.missing_checksum),
        row("with many dependencies", &summary.many_dependencies),
        [
            "steps to the farthest".to_owned(),
            number(deepest),
            deepest.map_or_else(String::new, |it| it.package.clone()),
        ],
        ["most needed".to_owned(), String::new(), shown(&needed)],
    ]);
    rows
}

fn number(deepest: Option<&Deepest>) -> String {
    deepest.map_or_else(String::new, |deepest| deepest.depth.to_string())
}

fn row(what: &str, names: &[String]) -> [String; 3] {
    [what.to_owned(), names.len().to_string(), shown(names)]
}

fn shown(names: &[String]) -> String {
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(name: &str, version: &str, origin: Origin, dependents: u32) -> Finding {
        let depth = Some(u32::from(origin != Origin::Own));
        Finding {
            name: name.to_owned(),
            version: version.to_owned(),
            origin,
            dependencies: 0,
            dependents,
            depth,
            notes: Vec::new(),
        }
    }

    #[test]
    fn totals_duplicates_and_the_most_needed_are_found() {
        let mut pre = finding("pre", "2.0.0-rc.1", Origin::CratesIo, 1);
        pre.notes = vec![Note::PreRelease];
        let findings = [
            finding("app", "0.1.0", Origin::Own, 0),
            finding("syn", "1.0.0", Origin::CratesIo, 3),
            finding("syn", "2.0.0", Origin::CratesIo, 9),
            pre,
        ];
        let summary = sum_up(&findings);
        assert_eq!(
            (summary.packages, summary.own, summary.direct, summary.crates_io),
            (4, 1, 3, 3)
        );
        let versions = vec!["1.0.0".to_owned(), "2.0.0".to_owned()];
        assert_eq!(summary.several_versions, [Versions { name: "syn".to_owned(), versions }]);
        assert_eq!(
            (summary.most_needed[0].version.as_str(), summary.most_needed[0].dependents),
            ("2.0.0", 9)
        );
        assert_eq!(summary.pre_release, ["pre 2.0.0-rc.1"]);
        assert!(
            summary
                .table
                .contains(&row("with several versions", &["syn (1.0.0, 2.0.0)".to_owned()]))
        );
    }

    #[test]
    fn a_long_list_is_cut_in_the_table() {
        let names: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        assert_eq!(
            row("x", &names),
            ["x".to_owned(), "9".to_owned(), "0, 1, 2, 3, 4, 5, …".to_owned()]
        );
    }
}
