//! Cargo's choice of features and packages, for the packages of the repository.
//!
//! What third-party packages want of each other is not known here and need not be: it cannot lead back into the
//! repository, unless a `[patch]` does.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use super::cfg::{Cfg, Settings};
use super::{BUILDERS, Dependency, DependencyKind, Package, RustTree};

/// A package as it is compiled: for the image, or for the builder that runs it (build scripts, procedural macros).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unit {
    /// The package's place in the tree.
    pub(super) package: usize,
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
    /// What they depend on beyond it, by the place in the manifest, with features that go beyond those in the manifest.
    pub(super) beyond: BTreeMap<(Unit, usize), BTreeSet<String>>,
    /// The folders of packages that they depend on and that could not be read.
    pub(super) missing: BTreeSet<Utf8PathBuf>,
}

impl Resolution {
    /// Names of the packages beyond the repository.
    pub(super) fn names_beyond(&self, rust: &RustTree) -> BTreeSet<String> {
        let dependency = |(unit, index): &(Unit, usize)| rust.packages[unit.package].dependencies[*index].name.clone();
        self.beyond.keys().map(dependency).collect()
    }
}

/// The packages that `roots` need, with their features. `given` are features that are on already.
pub(super) fn resolve(
    rust: &RustTree,
    roots: &[(usize, Vec<String>)],
    given: Option<&Units>,
    rules: Rules,
) -> Resolution {
    let mut resolver = Resolver {
        rust,
        given,
        rules,
        roots: roots.iter().map(|(package, _)| *package).collect(),
        resolution: Resolution::default(),
        seen: BTreeSet::new(),
        on: BTreeSet::new(),
        wanted: BTreeMap::new(),
        waiting: Vec::new(),
    };
    for (package, features) in roots {
        let unit = Unit { package: *package, on_builder: false };
        resolver.waiting.push(Want::Unit(unit));
        resolver.waiting.extend(features.iter().map(|feature| Want::Feature(unit, feature.clone())));
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
    rust: &'a RustTree,
    given: Option<&'a Units>,
    rules: Rules<'a>,
    roots: BTreeSet<usize>,
    resolution: Resolution,
    seen: BTreeSet<Unit>,
    /// Dependencies that are on, by their place in the manifest.
    on: BTreeSet<(Unit, usize)>,
    /// Features that a dependency gets once it is on, by its key.
    wanted: BTreeMap<Unit, BTreeMap<String, BTreeSet<String>>>,
    waiting: Vec<Want>,
}

impl<'a> Resolver<'a> {
    fn package(&self, unit: Unit) -> &'a Package {
        &self.rust.packages[unit.package]
    }

    fn unit(&mut self, unit: Unit) {
        if !self.seen.insert(unit) {
            return;
        }
        self.resolution.units.entry(unit).or_default();
        let given = self.given.and_then(|given| given.get(&unit)).into_iter().flatten();
        self.waiting.extend(given.map(|feature| Want::Feature(unit, feature.clone())));
        for (index, dependency) in self.package(unit).dependencies.iter().enumerate() {
            if !dependency.optional {
                self.dependency(unit, index, dependency);
            }
        }
    }

    fn feature(&mut self, unit: Unit, feature: String) {
        let package = self.package(unit);
        let features = self.resolution.units.entry(unit).or_default();
        if !features.insert(feature.clone()) {
            return;
        }
        for value in package.features.get(&feature).into_iter().flatten() {
            if let Some(key) = value.strip_prefix("dep:") {
                self.dependencies(unit, key, true);
            } else if let Some((key, wanted)) = value.split_once('/') {
                let weak = key.strip_suffix('?');
                let key = weak.unwrap_or(key);
                if weak.is_none() {
                    self.dependencies(unit, key, false);
                    // An optional dependency that is a feature too is on as such.
                    if package.features.contains_key(key) && is_optional(package, key) {
                        self.waiting.push(Want::Feature(unit, key.to_owned()));
                    }
                }
                self.want(unit, key, wanted);
            } else {
                self.waiting.push(Want::Feature(unit, value.clone()));
            }
        }
    }

    /// Puts on the dependencies of a key: there may be one for each platform and kind.
    fn dependencies(&mut self, unit: Unit, key: &str, optional: bool) {
        for (index, dependency) in self.package(unit).dependencies.iter().enumerate() {
            if dependency.key == key && (dependency.optional || !optional) {
                self.dependency(unit, index, dependency);
            }
        }
    }

    fn dependency(&mut self, unit: Unit, index: usize, dependency: &Dependency) {
        if !self.counts(unit, dependency) || !self.on.insert((unit, index)) {
            return;
        }
        let wanted = self.wanted.get(&unit).and_then(|wanted| wanted.get(&dependency.key)).into_iter().flatten();
        let Some(child) = self.child(unit, dependency) else {
            self.resolution.beyond.insert((unit, index), wanted.cloned().collect());
            self.resolution.missing.extend(dependency.path.clone());
            return;
        };
        self.waiting.push(Want::Unit(child));
        let default = dependency.default_features.then(|| "default".to_owned());
        let features = dependency.features.iter().chain(wanted).cloned().chain(default);
        self.waiting.extend(features.map(|feature| Want::Feature(child, feature)));
    }

    /// Notes a feature that a dependency gets, be it on already or later.
    fn want(&mut self, unit: Unit, key: &str, feature: &str) {
        for (index, dependency) in self.package(unit).dependencies.iter().enumerate() {
            if dependency.key != key || !self.on.contains(&(unit, index)) {
                continue;
            }
            match self.child(unit, dependency) {
                Some(child) => self.waiting.push(Want::Feature(child, feature.to_owned())),
                None => drop(self.resolution.beyond.entry((unit, index)).or_default().insert(feature.to_owned())),
            }
        }
        let wanted = self.wanted.entry(unit).or_default();
        wanted.entry(key.to_owned()).or_default().insert(feature.to_owned());
    }

    fn counts(&self, unit: Unit, dependency: &Dependency) -> bool {
        if dependency.kind == DependencyKind::Test && !(self.rules.tests && self.roots.contains(&unit.package)) {
            return false;
        }
        let (Some(target), Some(arches)) = (&dependency.target, self.rules.arches) else { return true };
        let on_builder = unit.on_builder || dependency.kind == DependencyKind::Build;
        let arches = if on_builder { &BUILDERS } else { arches };
        arches.iter().any(|arch| is_for(target, arch, self.rules.flags))
    }

    fn child(&self, unit: Unit, dependency: &Dependency) -> Option<Unit> {
        let package = self.rust.place(dependency.path.as_ref()?)?;
        let is_macros = self.rust.packages[package].is_proc_macro();
        let on_builder = unit.on_builder || dependency.kind == DependencyKind::Build || is_macros;
        Some(Unit { package, on_builder: on_builder && self.rules.builder_apart })
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
