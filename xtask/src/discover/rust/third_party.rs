//! What packages of the repository want of other people's: so that one layer can hold those compiled, for all the
//! services of a workspace.

use std::collections::BTreeSet;

use cargo_metadata::semver::{Comparator, Op, Version, VersionReq};

use super::features::Resolution;
use super::lock::Lock;
use super::{Dependency, DependencyKind, Package, RustTree};

/// A dependency on other people's package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThirdParty {
    /// Which package, and for what.
    pub place: Place,
    /// Whether it is compiled; of the others Cargo only wants to know.
    pub is_on: bool,
    /// Whether its default features are asked for.
    pub default_features: bool,
    /// The features that are asked for, sorted.
    pub features: Vec<String>,
}

/// Which package a dependency is on, and where it is compiled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The package's name.
    pub name: String,
    /// The versions that will do, as in a manifest: with a lock file those that Cargo holds to be compatible with the
    /// locked one, of which there is one at most.
    pub version: String,
    /// Where it comes from, as Cargo writes it; none for crates.io.
    pub source: Option<String>,
    /// The only platforms it is for: a triple or `cfg(…)`.
    pub target: Option<String>,
    /// Whether it is compiled for the builder: a build script or a procedural macro uses it.
    pub on_builder: bool,
}

/// What packages of the repository depend on beyond it. `compiled` says what of it is compiled; `known` what Cargo wants to
/// know of besides, before it compiles anything: what every feature of a member would add.
pub(super) fn third_party(
    rust: &RustTree,
    lock: Option<&Lock>,
    compiled: &Resolution,
    known: &Resolution,
) -> Vec<ThirdParty> {
    let mut found = BTreeSet::new();
    for (resolution, is_on) in [(compiled, true), (known, false)] {
        for ((unit, index), wanted) in &resolution.beyond {
            let package = &rust.packages[unit.package];
            let dependency = &package.dependencies[*index];
            let on_builder = unit.on_builder || package.is_proc_macro() || dependency.kind == DependencyKind::Build;
            let features: BTreeSet<_> = dependency.features.iter().chain(wanted).cloned().collect();
            // What is not in the lock file, no build needs.
            let counts = is_on || lock.is_none_or(|lock| locked(lock, package, dependency).is_some());
            let place = place(package, dependency, lock, is_on && on_builder).filter(|_| counts);
            found.extend(place.map(|place| ThirdParty {
                place,
                is_on,
                default_features: dependency.default_features,
                features: features.into_iter().collect(),
            }));
        }
    }
    found.into_iter().collect()
}

fn locked<'a>(lock: &'a Lock, package: &Package, dependency: &Dependency) -> Option<&'a Version> {
    lock.version(&package.name, &dependency.name, &dependency.requirement)
}

/// `None` for a package of the repository.
fn place(package: &Package, dependency: &Dependency, lock: Option<&Lock>, on_builder: bool) -> Option<Place> {
    let source = dependency.source.as_deref()?;
    let locked = lock.and_then(|lock| locked(lock, package, dependency));
    let is_git = source.starts_with("git+");
    Some(Place {
        name: dependency.name.clone(),
        version: match locked {
            _ if is_git => String::new(),
            Some(version) => compatible(version),
            None => declared(&dependency.requirement),
        },
        source: (source != CRATES_IO).then(|| source.to_owned()),
        target: dependency.target.clone(),
        on_builder,
    })
}

/// crates.io, as Cargo writes it.
pub(super) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The requirement that all versions meet which Cargo holds to be compatible with this one.
fn compatible(version: &Version) -> String {
    match version {
        version if !version.pre.is_empty() => {
            format!("={}.{}.{}-{}", version.major, version.minor, version.patch, version.pre)
        }
        Version { major: 0, minor: 0, patch, .. } => format!("0.0.{patch}"),
        Version { major: 0, minor, .. } => format!("0.{minor}"),
        Version { major, .. } => major.to_string(),
    }
}

/// A requirement without what a manifest need not say.
fn declared(requirement: &VersionReq) -> String {
    let comparator = |comparator: &Comparator| {
        let text = comparator.to_string();
        if comparator.op == Op::Caret { text.trim_start_matches('^').to_owned() } else { text }
    };
    let all: Vec<_> = requirement.comparators.iter().map(comparator).collect();
    if all.is_empty() { "*".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_version_stands_for_all_compatible_ones() {
        for (version, expected) in [
            ("1.2.3", "1"),
            ("12.0.0", "12"),
            ("0.8.5", "0.8"),
            ("0.0.7", "0.0.7"),
            ("1.0.0-rc.1+build", "=1.0.0-rc.1"),
            ("1.2.3+wasi", "1"),
        ] {
            assert_eq!(compatible(&version.parse().expect("is a version")), expected, "{version}");
        }
    }

    #[test]
    fn a_declared_requirement_is_written_as_in_a_manifest() {
        for (requirement, expected) in [("1.2", "1.2"), ("~1.2", "~1.2"), (">=0.8, <0.10", ">=0.8, <0.10"), ("*", "*")]
        {
            assert_eq!(declared(&requirement.parse().expect("is a requirement")), expected);
        }
    }
}
