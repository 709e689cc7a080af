//! Which packages Cargo reads and compiles for a service, and what it reads of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::cfg::Settings;
use super::super::features::{Resolution, Rules, Unit, Units, resolve};
use super::super::lock::Lock;
use super::super::manifest::Demand;
use super::super::walk::{Compilation, Found};
use super::super::{BUILDERS, Package, Patch, RootKind, RustTree, Why, Workspace, manifest};
use super::{Request, links};
use crate::error::Error;
use crate::files::tree::{Below as _, Tree};

/// What was worked out for one service and holds for others too, so that the cost of many grows linearly.
#[derive(Debug, Default)]
pub(in super::super) struct Known {
    /// By workspace.
    manifests: Kept<Utf8PathBuf, Manifests>,
    /// By workspace.
    locks: Kept<Utf8PathBuf, Option<Lock>>,
    /// By how a target is compiled.
    walks: Kept<Walk, Found>,
}

/// The manifests that Cargo reads for a workspace.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Manifests {
    /// Their packages, sorted by folder: the workspace's members, and what any of them depends on by path.
    pub packages: Vec<Arc<Package>>,
    /// Their files.
    pub files: BTreeMap<Utf8PathBuf, Why>,
    /// The root manifests of other workspaces that these take keys from, sorted.
    pub other_roots: Vec<Utf8PathBuf>,
    /// The sources that have to exist for Cargo to accept them, sorted as text.
    pub(super) demands: Vec<Demand>,
}

/// How a target is compiled: the workspace, the package and which of its targets, features and architectures.
type Walk = (Utf8PathBuf, usize, usize, BTreeSet<String>, Vec<&'static str>);

#[derive(Debug)]
struct Kept<Key, Value>(Mutex<HashMap<Key, Arc<Value>>>);

impl<Key, Value> Default for Kept<Key, Value> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Key: Eq + Hash, Value> Kept<Key, Value> {
    fn get(&self, key: Key, make: impl FnOnce() -> Result<Value>) -> Result<Arc<Value>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = kept().get(&key) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        Ok(Arc::clone(kept().entry(key).or_insert(value)))
    }
}

/// All that the steps of reading share.
pub(super) struct Reading<'a> {
    pub(super) tree: &'a Tree,
    pub(super) rust: &'a RustTree,
    pub(super) workspace: &'a Workspace,
    pub(super) request: &'a Request<'a>,
    pub(super) flags: &'a BTreeSet<String>,
    pub(super) arches: &'a [&'static str],
}

impl Reading<'_> {
    pub(super) fn check_patches(&self) -> Result<()> {
        let Some(patch) = self.workspace.patches.iter().find(|patch| patch.dir.is_none()) else { return Ok(()) };
        Err(Error::usage(format!(
            "{}: the patch `{}` is in {}, which lies outside the repository",
            patch.file, patch.name, patch.text
        ))
        .hint("a build sees the repository and nothing else: copy the package into it, or name its git repository")
        .into())
    }

    /// What Cargo reads to make or check the lock file: everything that any member may need.
    pub(super) fn manifests(&self) -> Result<Arc<Manifests>> {
        self.rust.known.manifests.get(self.workspace.dir.clone(), || {
            let members = self.workspace.packages.iter().map(|package| package.dir.as_path());
            let rules = Rules { arches: None, tests: true, builder_apart: false, flags: self.flags };
            let mut places = self.everything_below(members, rules)?;
            let patches = self.workspace.patches.iter().filter_map(|patch| patch.dir.as_deref());
            places.extend(self.everything_below(patches, Rules { tests: false, ..rules })?);
            let mut packages: Vec<_> = places.iter().map(|place| Arc::clone(&self.rust.packages[*place])).collect();
            packages.sort_by(|a, b| a.dir.cmp(&b.dir));
            self.read_manifests(packages)
        })
    }

    fn everything_below<'d>(&self, dirs: impl Iterator<Item = &'d Utf8Path>, rules: Rules) -> Result<BTreeSet<usize>> {
        let places = dirs.filter_map(|dir| self.rust.place(dir));
        let roots: Vec<_> = places.map(|place| (place, self.all_features(place))).collect();
        let resolution = resolve(self.rust, &roots, None, rules);
        match resolution.missing.iter().find_map(|dir| self.rust.refused.get(&dir.below("Cargo.toml"))) {
            Some(problem) => Err(Error::usage(format!("{}: {}", problem.place, problem.message)).into()),
            None => Ok(resolution.units.into_keys().map(|unit| unit.package).collect()),
        }
    }

    fn all_features(&self, place: usize) -> Vec<String> {
        self.rust.packages[place].features.keys().cloned().collect()
    }

    fn read_manifests(&self, packages: Vec<Arc<Package>>) -> Result<Manifests> {
        let mut other_roots = BTreeSet::new();
        for package in packages.iter().filter(|package| package.workspace != self.workspace.dir) {
            let text = self.tree.read_text(&package.manifest())?.unwrap_or_default();
            if manifest::needs_workspace(&text) {
                other_roots.insert(package.workspace.below("Cargo.toml"));
            }
        }
        let mut demands = Vec::new();
        for package in &packages {
            demands.extend(manifest::demands(self.tree, package)?);
        }
        demands.sort_by(|a, b| a.file.as_str().cmp(b.file.as_str()));
        let files = packages.iter().map(|package| (package.manifest(), Why::Manifest { package: package.dir.clone() }));
        Ok(Manifests {
            files: links::follow(self.tree, files.collect())?,
            packages,
            other_roots: other_roots.into_iter().collect(),
            demands,
        })
    }

    /// What Cargo reads before it compiles these packages: their manifests and those of all that they may need by path.
    pub(super) fn read_for(&self, compiled: &BTreeSet<usize>) -> Result<BTreeSet<usize>> {
        let dirs = compiled.iter().map(|place| self.rust.packages[*place].dir.as_path());
        let rules =
            Rules { arches: None, tests: self.workspace.keeps_tests(), builder_apart: false, flags: self.flags };
        let mut read = self.everything_below(dirs, rules)?;
        read.extend(self.patched()?);
        Ok(read)
    }

    /// What Cargo resolves before it compiles anything of a workspace with these packages: all features of every member
    /// are on, for every platform. A lock file is made for all of that.
    pub(super) fn known_for(&self, read: &BTreeSet<usize>) -> Result<Resolution> {
        let is_stand_in = self.patched()?;
        let is_root =
            |place: &&usize| is_stand_in.contains(place) || self.rust.packages[**place].workspace == self.workspace.dir;
        let roots: Vec<_> = read.iter().filter(is_root).map(|place| (*place, self.all_features(*place))).collect();
        let tests = self.workspace.keeps_tests();
        Ok(resolve(self.rust, &roots, None, Rules { arches: None, tests, builder_apart: false, flags: self.flags }))
    }

    /// The packages that stand in for other people's, with all that they may need by path.
    pub(super) fn patched(&self) -> Result<BTreeSet<usize>> {
        let patches = self.workspace.patches.iter().filter_map(|patch| patch.dir.as_deref());
        let rules = Rules { arches: None, tests: false, builder_apart: false, flags: self.flags };
        self.everything_below(patches, rules)
    }

    pub(super) fn lock(&self) -> Result<Arc<Option<Lock>>> {
        self.rust.known.locks.get(self.workspace.dir.clone(), || Lock::read(self.tree, &self.workspace.dir))
    }

    /// The packages that are compiled, with their features.
    pub(super) fn compiled(&self) -> Result<Resolution> {
        let unifies_all = self.workspace.unifies_all();
        let arches = if unifies_all { None } else { Some(self.arches) };
        let rules = Rules { arches, tests: unifies_all, builder_apart: !unifies_all, flags: self.flags };
        let Some(own) = self.rust.place(&self.request.package.dir) else { return Ok(Resolution::default()) };
        let features = self.request.features.iter().cloned().chain(["default".to_owned()]);
        let mut resolution = resolve(self.rust, &[(own, features.collect())], None, rules);
        if unifies_all {
            // Tests and other platforms have a word in which features are on, and not in what is compiled.
            let rules = Rules { arches: Some(self.arches), tests: false, ..rules };
            resolution = resolve(self.rust, &[(own, Vec::new())], Some(&resolution.units), rules);
        }
        self.add_patched(&mut resolution, Rules { arches: Some(self.arches), tests: false, ..rules })?;
        Ok(resolution)
    }

    /// Adds the packages that stand in for third-party ones. Which of their features are on, only those know.
    fn add_patched(&self, resolution: &mut Resolution, rules: Rules) -> Result<()> {
        if self.workspace.patches.is_empty() {
            return Ok(());
        }
        let lock = self.lock()?;
        let mut done = BTreeSet::new();
        loop {
            let below = lock.as_ref().as_ref().map(|lock| lock.below(resolution.names_beyond(self.rust)));
            let is_locked = |name: &str| lock.as_ref().as_ref().is_none_or(|lock| lock.knows(name));
            let is_used = |patch: &&Patch| {
                let is_wanted = |below: &BTreeSet<String>| below.contains(&patch.name);
                below.as_ref().is_none_or(|below| is_wanted(below) && (patch.is_override || is_locked(&patch.name)))
            };
            let used = self.workspace.patches.iter().filter(is_used);
            let places = used.filter_map(|patch| self.rust.place(patch.dir.as_ref()?));
            let new: Vec<_> =
                places.filter(|place| done.insert(*place)).map(|place| (place, self.all_features(place))).collect();
            if new.is_empty() {
                return Ok(());
            }
            let more = resolve(self.rust, &new, None, rules);
            resolution.beyond.extend(more.beyond);
            for (unit, features) in more.units {
                resolution.units.entry(unit).or_default().extend(features);
            }
        }
    }

    /// Follows the sources of every target that is compiled.
    pub(super) fn sources(&self, units: &Units) -> Result<Found> {
        let mut found = Found::default();
        for (unit, features) in units {
            let package = &self.rust.packages[unit.package];
            for (index, root) in package.roots.iter().enumerate() {
                if self.is_compiled(*unit, package, &root.kind) {
                    found.add(&*self.walk(*unit, index, features)?);
                }
            }
        }
        Ok(found)
    }

    /// Whether a target of a package is compiled: of the image's own its binaries too.
    fn is_compiled(&self, unit: Unit, package: &Package, target: &RootKind) -> bool {
        match target {
            RootKind::Binary(name) => {
                package.dir == self.request.package.dir && !unit.on_builder && self.request.bins.contains(name)
            }
            _ => true,
        }
    }

    fn walk(&self, unit: Unit, target: usize, features: &BTreeSet<String>) -> Result<Arc<Found>> {
        let package = &self.rust.packages[unit.package];
        let root = &package.roots[target];
        let on_builder = unit.on_builder || matches!(root.kind, RootKind::BuildScript | RootKind::ProcMacro);
        let arches = if on_builder { &BUILDERS } else { self.arches };
        let key = (self.workspace.dir.clone(), unit.package, target, features.clone(), arches.to_vec());
        self.rust.known.walks.get(key, || {
            let settings = arches.iter().map(|arch| Settings {
                arch,
                features: Some(features),
                flags: self.flags,
                open: package.has_build_script() && root.kind != RootKind::BuildScript,
            });
            Compilation { tree: self.tree, package, settings: settings.collect() }.walk(root)
        })
    }
}
