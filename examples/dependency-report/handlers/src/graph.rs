//! What only the whole file tells about a package: who needs it, how far away it is, which other versions there are.

use std::collections::{BTreeMap, VecDeque};

use crate::Package;

/// Fills in `dependents`, `depth` and `also_at`.
pub(crate) fn connect(packages: &mut [Package]) {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(at);
    }
    let edges: Vec<Vec<usize>> = packages
        .iter()
        .map(|package| {
            package.dependencies.iter().filter_map(|name| find(packages, &by_name, name)).collect()
        })
        .collect();
    let also_at: Vec<Vec<String>> = packages
        .iter()
        .map(|package| {
            let same = by_name[package.name.as_str()].iter().map(|&at| &packages[at].version);
            same.filter(|version| **version != package.version).cloned().collect()
        })
        .collect();
    let depths = depths(packages, &edges);
    for ((package, depth), also_at) in packages.iter_mut().zip(depths).zip(also_at) {
        package.depth = depth;
        package.also_at = also_at;
    }
    for &to in edges.iter().flatten() {
        packages[to].dependents += 1;
    }
}

/// `name`, `name version` or `name version (source)`.
fn find(
    packages: &[Package],
    by_name: &BTreeMap<&str, Vec<usize>>,
    dependency: &str,
) -> Option<usize> {
    let mut words = dependency.split(' ');
    let candidates = by_name.get(words.next()?)?;
    match words.next() {
        Some(version) => candidates.iter().copied().find(|&at| packages[at].version == version),
        None => candidates.first().copied(),
    }
}

/// Steps from the project's own packages, breadth first; development dependencies may lead in circles.
fn depths(packages: &[Package], edges: &[Vec<usize>]) -> Vec<Option<u32>> {
    let mut depths: Vec<Option<u32>> =
        packages.iter().map(|package| package.source.is_none().then_some(0)).collect();
    let mut open: VecDeque<usize> =
        (0..packages.len()).filter(|&at| depths[at].is_some()).collect();
    while let Some(at) = open.pop_front() {
        for &to in &edges[at] {
            if depths[to].is_none() {
                depths[to] = depths[at].map(|depth| depth + 1);
                open.push_back(to);
            }
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, source: Option<&str>, needs: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            source: source.map(str::to_owned),
            dependencies: needs.iter().map(|&need| need.to_owned()).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn dependents_depth_and_other_versions_are_found_even_in_circles() {
        let mut packages = [
            package("app", "0.1.0", None, &["b", "c 2.0.0"]),
            package("b", "1.0.0", Some("r"), &["c 1.0.0"]),
            package("c", "1.0.0", Some("r"), &["b"]),
            package("c", "2.0.0", Some("r"), &[]),
            package("lost", "1.0.0", Some("r"), &[]),
        ];
        connect(&mut packages);
        let depths: Vec<Option<u32>> = packages.iter().map(|package| package.depth).collect();
        assert_eq!(depths, [Some(0), Some(1), Some(2), Some(1), None]);
        assert_eq!(
            packages.iter().map(|package| package.dependents).collect::<Vec<_>>(),
            [0, 2, 1, 1, 0]
        );
        assert_eq!(packages[3].also_at, ["1.0.0"]);
    }
}
