//! Cargo's choice of features and packages, for the packages of the repository.
//!
//! What third-party packages want of each other is not known here and need not be: it cannot lead back into the
//! repository, unless a `[patch]` does.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::cfg::{Cfg, Settings};
use super::{Dependency, DependencyKind, Package};

/// A package as it is compiled: for the image, or for the builder that runs it (build scripts, procedural macros).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unit {
    /// The package's folder.
    pub(super) dir: Utf8PathBuf,
    /// Whether it runs on the builder.
    pub(super) on_builder: bool,
}

/// Packages with the features that are on.
pub(super) type Units = BTreeMap<Unit, BTreeSet<String>>;

/// Which dependencies count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// The architectures of the image; `None` where every platform counts.
    pub(super) arches: Option<&'a [&'static str]>,
    /// Whether those for tests of the first packages count.
    pub(super) tests: bool,
    /// Whether a package for the builder has features of its own: Cargo's resolver from version 2 on.
    pub(super) builder_apart: bool,
    /// Names that rustc's flags set.
    pub(super) flags: &'a BTreeSet<String>,
}

/// What was resolved.
#[derive(Debug, Default)]
pub(super) struct Resolution {
    /// The packages of the repository.
    pub(super) units: Units,
    /// Names of the packages beyond it that they depend on.
    pub(super) beyond: BTreeSet<String>,
}

/// The packages that `roots` need, with their features. `given` are features that are on already.
pub(super) fn resolve(
    packages: &BTreeMap<&Utf8Path, &Package>,
    roots: &[(Utf8PathBuf, Vec<String>)],
    given: Option<&Units>,
    rules: Rules,
) -> Resolution {
    let tests_of = if rules.tests { roots.iter().map(|(dir, _)| dir.as_path()).collect() } else { BTreeSet::new() };
    let mut resolver = Resolver {
        packages,
        given,
        rules,
        tests_of,
        resolution: Resolution::default(),
        seen: BTreeSet::new(),
        on: BTreeSet::new(),
        weak: Vec::new(),
        waiting: Vec::new(),
    };
    for (dir, features) in roots {
        let unit = Unit { dir: dir.clone(), on_builder: false };
        resolver.waiting.push(Want::Unit(unit.clone()));
        resolver.waiting.extend(features.iter().map(|feature| Want::Feature(unit.clone(), feature.clone())));
    }
    while let Some(want) = resolver.waiting.pop() {
        match want {
            Want::Unit(unit) => resolver.unit(unit),
            Want::Feature(unit, feature) => resolver.feature(unit, feature),
        }
    }
    resolver.resolution
}

enum Want {
    Unit(Unit),
    Feature(Unit, String),
}

struct Resolver<'a> {
    packages: &'a BTreeMap<&'a Utf8Path, &'a Package>,
    given: Option<&'a Units>,
    rules: Rules<'a>,
    tests_of: BTreeSet<&'a Utf8Path>,
    resolution: Resolution,
    seen: BTreeSet<Unit>,
    /// Dependencies that are on, by their place in the manifest.
    on: BTreeSet<(Unit, usize)>,
    /// Features that a dependency gets once it is on.
    weak: Vec<(Unit, String, String)>,
    waiting: Vec<Want>,
}

impl Resolver<'_> {
    fn unit(&mut self, unit: Unit) {
        let Some(package) = self.packages.get(unit.dir.as_path()).copied() else { return };
        if !self.seen.insert(unit.clone()) {
            return;
        }
        self.resolution.units.entry(unit.clone()).or_default();
        let given = self.given.and_then(|given| given.get(&unit)).into_iter().flatten();
        self.waiting.extend(given.map(|feature| Want::Feature(unit.clone(), feature.clone())));
        for (index, dependency) in package.dependencies.iter().enumerate() {
            if !dependency.optional {
                self.dependency(&unit, index, dependency);
            }
        }
    }

    fn feature(&mut self, unit: Unit, feature: String) {
        let Some(package) = self.packages.get(unit.dir.as_path()).copied() else { return };
        let features = self.resolution.units.entry(unit.clone()).or_default();
        if !features.insert(feature.clone()) {
            return;
        }
        for value in package.features.get(&feature).into_iter().flatten() {
            if let Some(key) = value.strip_prefix("dep:") {
                self.dependencies(&unit, package, key, true);
            } else if let Some((key, wanted)) = value.split_once('/') {
                let weak = key.strip_suffix('?');
                let key = weak.unwrap_or(key);
                if weak.is_none() {
                    self.dependencies(&unit, package, key, false);
                    // An optional dependency that is a feature too is on as such.
                    if package.features.contains_key(key) && is_optional(package, key) {
                        self.waiting.push(Want::Feature(unit.clone(), key.to_owned()));
                    }
                }
                self.weak.push((unit.clone(), key.to_owned(), wanted.to_owned()));
                self.forward(&unit, package);
            } else {
                self.waiting.push(Want::Feature(unit.clone(), value.clone()));
            }
        }
    }

    /// Puts on the dependencies of a key: there may be one for each platform and kind.
    fn dependencies(&mut self, unit: &Unit, package: &Package, key: &str, optional: bool) {
        for (index, dependency) in package.dependencies.iter().enumerate() {
            if dependency.key == key && (dependency.optional || !optional) {
                self.dependency(unit, index, dependency);
            }
        }
    }

    fn dependency(&mut self, unit: &Unit, index: usize, dependency: &Dependency) {
        if !self.counts(unit, dependency) || !self.on.insert((unit.clone(), index)) {
            return;
        }
        let Some(child) = self.child(unit, dependency) else {
            self.resolution.beyond.insert(dependency.name.clone());
            return;
        };
        self.waiting.push(Want::Unit(child.clone()));
        let default = dependency.default_features.then(|| "default".to_owned());
        let features = dependency.features.iter().cloned().chain(default);
        self.waiting.extend(features.map(|feature| Want::Feature(child.clone(), feature)));
        if let Some(package) = self.packages.get(unit.dir.as_path()).copied() {
            self.forward(unit, package);
        }
    }

    /// Hands on the features that were wanted of dependencies that are on by now.
    fn forward(&mut self, unit: &Unit, package: &Package) {
        for (index, dependency) in package.dependencies.iter().enumerate() {
            if !self.on.contains(&(unit.clone(), index)) {
                continue;
            }
            let Some(child) = self.child(unit, dependency) else { continue };
            let wanted = self.weak.iter().filter(|(of, key, _)| of == unit && *key == dependency.key);
            self.waiting.extend(wanted.map(|(_, _, feature)| Want::Feature(child.clone(), feature.clone())));
        }
    }

    fn counts(&self, unit: &Unit, dependency: &Dependency) -> bool {
        if dependency.kind == DependencyKind::Test && !self.tests_of.contains(unit.dir.as_path()) {
            return false;
        }
        let (Some(target), Some(arches)) = (&dependency.target, self.rules.arches) else { return true };
        arches.iter().any(|arch| is_for(target, arch, self.rules.flags))
    }

    fn child(&self, unit: &Unit, dependency: &Dependency) -> Option<Unit> {
        let dir = dependency.path.as_ref()?;
        let package = self.packages.get(dir.as_path())?;
        let on_builder = unit.on_builder || dependency.kind == DependencyKind::Build || package.is_proc_macro();
        Some(Unit { dir: dir.clone(), on_builder: on_builder && self.rules.builder_apart })
    }
}

fn is_optional(package: &Package, key: &str) -> bool {
    package.dependencies.iter().any(|dependency| dependency.key == key && dependency.optional)
}

/// Whether a dependency's target, a triple or a condition, may be Linux on an architecture.
pub(super) fn is_for(target: &str, arch: &str, flags: &BTreeSet<String>) -> bool {
    match target.strip_prefix("cfg(").and_then(|rest| rest.strip_suffix(')')) {
        Some(condition) => {
            let settings = Settings { arch, features: None, flags, open: false };
            Cfg::parse(condition).holds(&settings) != Some(false)
        }
        None => target.split_once('-').is_some_and(|(first, rest)| first == arch && rest.contains("linux")),
    }
}
