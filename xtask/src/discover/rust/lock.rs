//! What a lock file says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8Path;
use cargo_metadata::semver::{Version, VersionReq};
use toml::{Table, Value};

use super::manifest::table;
use super::{Dependency, DependencyKind, Package};
use crate::files::tree::{Below as _, Tree};

/// The packages of a lock file, by their names.
#[derive(Debug, Default)]
pub(super) struct Lock(BTreeMap<String, Vec<Locked>>);

#[derive(Debug)]
struct Locked {
    version: Version,
    /// Whether it is one of the repository.
    is_own: bool,
    /// Each with the version behind the name, where there are several.
    dependencies: Vec<(String, Option<String>)>,
}

impl Lock {
    /// Reads the lock file in `dir`; one that does not parse is Cargo's to refuse.
    pub(super) fn read(tree: &Tree, dir: &Utf8Path) -> Result<Option<Self>> {
        Ok(table(tree, &dir.below("Cargo.lock"))?.map(|lock| Self::parse(&lock)))
    }

    fn parse(lock: &Table) -> Self {
        let mut packages: BTreeMap<String, Vec<Locked>> = BTreeMap::new();
        for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| package.get(key).and_then(Value::as_str);
            let Some(name) = text("name") else { continue };
            let Some(version) = text("version").and_then(|version| version.parse().ok()) else { continue };
            let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
            let dependencies = dependencies.filter_map(Value::as_str).map(|dependency| {
                let mut words = dependency.split(' ');
                (words.next().unwrap_or_default().to_owned(), words.next().map(str::to_owned))
            });
            let locked = Locked { version, is_own: text("source").is_none(), dependencies: dependencies.collect() };
            packages.entry(name.to_owned()).or_default().push(locked);
        }
        Self(packages)
    }

    /// The version that a package of the repository gets of a dependency.
    pub(super) fn version(&self, own: &str, dependency: &str, requirement: &VersionReq) -> Option<&Version> {
        let own = self.0.get(own)?.iter().find(|locked| locked.is_own)?;
        let versions: Vec<_> = own.dependencies.iter().filter(|(name, _)| name == dependency).collect();
        let candidates = self.0.get(dependency)?.iter().map(|locked| &locked.version);
        let candidates: Vec<_> = candidates
            .filter(|candidate| {
                let is_it = |version: &String| *version == candidate.to_string();
                versions.iter().any(|(_, version)| version.as_ref().is_none_or(is_it))
            })
            .collect();
        let one = || if versions.len() == 1 { candidates.first().copied() } else { None };
        // Where no version is asked for, Cargo takes a pre-release from git too.
        let any = || candidates.iter().copied().find(|_| *requirement == VersionReq::STAR);
        one().or_else(|| candidates.iter().copied().find(|version| requirement.matches(version))).or_else(any)
    }

    /// Whether a package of the repository is locked. One that a patch leads to may not be: no dependency asks for it in
    /// that version.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|locked| locked.iter().any(|locked| locked.is_own))
    }

    /// Whether several packages have this name.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|locked| locked.len() > 1)
    }

    /// The first dependency of a package of the repository that is certainly not locked as it asks for, so that Cargo would
    /// write the file anew before any build: the package itself where the file does not know it. What is only for tests
    /// may be missing, and of what is no member of the workspace what a feature turns on.
    pub(super) fn lacks<'a>(&self, package: &'a Package, is_member: bool) -> Option<&'a str> {
        if !self.knows(&package.name) {
            return Some(&package.name);
        }
        let is_locked = |dependency: &Dependency| {
            let version = self.version(&package.name, &dependency.name, &dependency.requirement);
            version.is_some_and(|version| {
                // Which pre-releases meet a requirement depends on where they come from.
                let is_plain = dependency.path.is_none() && version.pre.is_empty();
                !is_plain || dependency.requirement.matches(version)
            })
        };
        let counts =
            |dependency: &&Dependency| dependency.kind != DependencyKind::Test && (is_member || !dependency.optional);
        let lacking = package.dependencies.iter().filter(counts).find(|dependency| !is_locked(dependency));
        lacking.map(|dependency| dependency.name.as_str())
    }

    /// What a package depends on: each by its name, and its place among those of that name.
    pub(super) fn dependencies(&self, (name, place): (&str, usize)) -> impl Iterator<Item = (&str, usize)> {
        let locked = self.0.get(name).and_then(|packages| packages.get(place));
        locked.into_iter().flat_map(|locked| &locked.dependencies).filter_map(|(name, version)| {
            let is_it = |locked: &Locked| version.as_ref().is_none_or(|version| *version == locked.version.to_string());
            Some((name.as_str(), self.0.get(name)?.iter().position(is_it)?))
        })
    }

    /// The names of all packages that those of `names` depend on, and theirs.
    pub(super) fn below(&self, names: BTreeSet<String>) -> BTreeSet<String> {
        let mut below = BTreeSet::new();
        let mut waiting = Vec::from_iter(names);
        while let Some(name) = waiting.pop() {
            let packages = self.0.get(&name).into_iter().flatten();
            if below.insert(name) {
                waiting.extend(packages.flat_map(|locked| &locked.dependencies).map(|(name, _)| name.clone()));
            }
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        [[package]]
        name = "api"
        version = "0.1.0"
        dependencies = ["rand 0.8.5", "rand 0.9.1", "serde"]

        [[package]]
        name = "rand"
        version = "0.8.5"
        source = "registry+https://github.com/rust-lang/crates.io-index"

        [[package]]
        name = "rand"
        version = "0.9.1"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        dependencies = ["zerocopy"]

        [[package]]
        name = "serde"
        version = "1.0.228"
        source = "registry+https://github.com/rust-lang/crates.io-index"
    "#;

    #[test]
    fn of_two_versions_the_one_that_meets_the_requirement() {
        let lock = Lock::parse(&LOCK.parse().expect("is TOML"));
        let version = |name: &str, requirement: &str| {
            lock.version("api", name, &requirement.parse().expect("is a requirement")).map(Version::to_string)
        };
        assert_eq!(version("rand", "0.8").as_deref(), Some("0.8.5"));
        assert_eq!(version("rand", "0.9.0").as_deref(), Some("0.9.1"));
        assert_eq!(version("serde", "1.0.100").as_deref(), Some("1.0.228"));
        assert_eq!(version("missing", "1"), None);
        assert_eq!(lock.version("unknown", "serde", &VersionReq::STAR), None);
    }

    #[test]
    fn below_is_all_that_names_lead_to() {
        let lock = Lock::parse(&LOCK.parse().expect("is TOML"));
        let below = lock.below(BTreeSet::from(["rand".to_owned()]));
        assert_eq!(below.into_iter().collect::<Vec<_>>(), ["rand", "zerocopy"]);
    }
}
