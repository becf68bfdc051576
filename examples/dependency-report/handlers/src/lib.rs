//! Three handlers that turn the text of a `Cargo.lock` into a report: parse, inspect each package, sum up.

mod graph;
mod inspect;
mod lock;
mod summary;

use serde::{Deserialize, Serialize};
use stepcell_guest::{Error, info};

use inspect::Finding;
use summary::Summary;

/// What the run is started with.
#[derive(Deserialize)]
struct Input {
    /// The text of a `Cargo.lock`.
    lock: String,
}

/// One package of the lock file, with what only the whole file tells about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Where it comes from; absent for a package of the project itself.
    source: Option<String>,
    checksum: Option<String>,
    /// As the file writes them: a name, with the version where there are several.
    dependencies: Vec<String>,
    /// How many packages need it.
    dependents: u32,
    /// Steps from the project: 0 its own, 1 what it names itself. Absent when nothing leads there.
    depth: Option<u32>,
    /// Other versions of the same name.
    also_at: Vec<String>,
}

/// What the last step is given.
#[derive(Deserialize)]
struct Inspected {
    inspect: Vec<Finding>,
}

fn parse(input: Input) -> Result<Vec<Package>, Error> {
    let mut packages = lock::parse(&input.lock)?;
    graph::connect(&mut packages);
    info!(packages = packages.len(), bytes = input.lock.len(), "parsed the lock file");
    Ok(packages)
}

fn inspect(package: Package) -> Result<Finding, Error> {
    Ok(inspect::inspect(package))
}

fn summary(input: Inspected) -> Result<Summary, Error> {
    Ok(summary::sum_up(&input.inspect))
}

stepcell_guest::handlers! { parse, inspect, summary }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_of_these_examples_is_reported() {
        let lock = include_str!("../../../Cargo.lock").to_owned();
        let all = lock.matches("[[package]]").count();
        let published = lock.matches("\nsource = ").count();
        let packages = parse(Input { lock }).unwrap();
        let text = serde_json::to_string(&packages).unwrap();
        let packages: Vec<Package> = serde_json::from_str(&text).unwrap();
        let inspect: Vec<Finding> =
            packages.into_iter().map(|package| inspect(package).unwrap()).collect();
        let summary = summary(Inspected { inspect }).unwrap();
        assert_eq!((summary.packages, summary.crates_io), (all, published));
        assert_eq!(summary.own, all - published);
        assert_eq!(summary.missing_checksum, Vec::<String>::new());
        assert!(summary.most_needed[0].dependents > summary.most_needed[9].dependents);
        assert_eq!(summary.table[0], ["what", "how many", "which"]);
    }
}
