//! Reading the Rust side of a repository: `cargo metadata --no-deps`, once for each workspace.
//!
//! The call runs outside the repository, so that neither its toolchain pin nor its cargo configuration takes part:
//! listing a foreign checkout installs nothing and runs none of its code. Nothing of the dependency graph beyond the
//! repository is asked for, so no registry and no git host is needed. Features, targets and sources are followed
//! here, as Cargo and rustc would.

mod broken;
mod cargo_config;
mod cfg;
mod explain;
mod features;
mod inputs;
mod lexer;
mod lock;
mod manifest;
mod metadata;
mod named;
mod refusal;
mod required;
mod scan;
mod third_party;
mod toolchain_file;
mod walk;
mod why;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::semver::VersionReq;

use super::Problem;
use crate::files::tree::{Below as _, Tree};
use cargo_config::CargoConfig;

pub use cargo_config::ConfigSettings;
pub use explain::explain;
pub use inputs::{Inputs, Manifests, Request, inputs};
pub use third_party::{Place, ThirdParty};
pub use toolchain_file::ToolchainFile;
pub use why::ways_into;

/// What fuzz targets need of this module.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// Reads a source, as a module and as a build script.
    pub fn scan(text: &str) {
        for is_build_script in [false, true] {
            super::scan::scan(text, is_build_script);
        }
    }
}

/// The architectures of the machines that build images.
const BUILDERS: [&str; 2] = ["aarch64", "x86_64"];

/// A Cargo workspace, or a package that stands alone. Every path is relative to the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The folder of the root manifest.
    pub dir: Utf8PathBuf,
    /// The members, sorted by folder.
    pub packages: Vec<Arc<Package>>,
    /// Whether a feature of a member speaks of what is only for tests.
    pub(crate) names_test_dependencies: bool,
    /// Cargo's resolver: 1, 2 or 3.
    pub resolver: String,
    /// What Cargo says of its manifests by the rules of stable, where only nightly takes them.
    pub needs_nightly: Option<Problem>,
    /// The packages of the repository that stand in for others.
    pub patches: Vec<Patch>,
}

/// A package that stands in for another by `[patch]`, `[replace]` or `paths`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The package's name.
    pub name: String,
    /// Its folder; `None` where that lies outside the repository.
    pub dir: Option<Utf8PathBuf>,
    /// The path as it is written.
    pub text: String,
    /// The manifest or configuration that says so.
    pub file: Utf8PathBuf,
    /// Whether the lock file goes on naming what it stands in for: one of `paths`.
    pub is_override: bool,
}

/// A package of a workspace. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The folder of its manifest.
    pub dir: Utf8PathBuf,
    /// The workspace it belongs to.
    pub workspace: Utf8PathBuf,
    /// The names of its binaries, sorted.
    pub bins: Vec<String>,
    /// The features that binaries require, by their names.
    pub required_features: BTreeMap<String, Vec<String>>,
    /// The manifest's `default-run`.
    pub default_run: Option<String>,
    /// The manifest's `rust-version`.
    pub rust_version: Option<String>,
    /// Whether it holds targets of cargo-fuzz.
    pub is_fuzzer: bool,
    /// Whether Cargo may publish it.
    pub is_published: bool,
    /// The tool that its manifest has settings of, which packages binaries.
    pub packager: Option<&'static str>,
    /// The sources that Cargo wants to exist before it accepts the manifest: of the library, the binaries and the
    /// build script; sorted.
    pub roots: Vec<SourceRoot>,
    /// Its features, each with those that it turns on.
    pub features: BTreeMap<String, Vec<String>>,
    /// What it depends on, in the order of the manifest.
    pub dependencies: Vec<Dependency>,
}

/// The file a target starts at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceRoot {
    /// The file.
    pub file: Utf8PathBuf,
    /// The target.
    pub kind: RootKind,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootKind {
    /// The library.
    Library,
    /// A library of macros that the compiler runs.
    ProcMacro,
    /// The binary of this name.
    Binary(String),
    /// The build script.
    BuildScript,
}

/// A dependency of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its name in the manifest.
    pub key: String,
    /// The package's own name.
    pub name: String,
    /// The package's folder, where it is one of the repository.
    pub path: Option<Utf8PathBuf>,
    /// The versions that will do, as the manifest has them.
    pub requirement: VersionReq,
    /// Where it comes from, as Cargo writes it (`registry+URL`, `git+URL?rev=…`); none for a path.
    pub source: Option<String>,
    /// What it is for.
    pub kind: DependencyKind,
    /// Whether a feature must turn it on.
    pub optional: bool,
    /// Whether its default features are on.
    pub default_features: bool,
    /// Its features that are on.
    pub features: Vec<String>,
    /// The only platforms it is for: a triple or `cfg(…)`.
    pub target: Option<String>,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyKind {
    /// The library and the binaries.
    Normal,
    /// The build script.
    Build,
    /// Tests, benches and examples.
    Test,
}

/// Why a file can change an image. Folders of packages are relative to the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A target starts at it.
    Root {
        /// The package's folder.
        package: Utf8PathBuf,
        /// The target.
        kind: RootKind,
    },
    /// It is a module.
    Module {
        /// The package's folder.
        package: Utf8PathBuf,
    },
    /// A source names it.
    Named {
        /// The package's folder.
        package: Utf8PathBuf,
        /// The source.
        by: Utf8PathBuf,
    },
    /// Cargo reads the manifest of this package.
    Manifest {
        /// The package's folder.
        package: Utf8PathBuf,
    },
    /// It is the root manifest of a workspace.
    WorkspaceManifest,
    /// It is the workspace's lock file.
    LockFile,
    /// It is Cargo's configuration.
    CargoConfig,
    /// Cargo's configuration names it.
    NamedByConfig {
        /// The configuration file.
        by: Utf8PathBuf,
    },
    /// It chooses the toolchain.
    Toolchain,
    /// It is a symbolic link on the way to another input.
    Link,
}

/// All that was found, with what could not be read.
#[derive(Debug, Default)]
pub struct RustTree {
    /// The workspaces, sorted by folder.
    pub workspaces: Vec<Workspace>,
    /// The packages with binaries that Cargo refuses, as far as their manifests tell, each with the reason.
    pub broken: Vec<(Package, Problem)>,
    /// What else could not be read, each with its manifest.
    pub problems: Vec<Problem>,
    /// The manifests that Cargo refuses.
    refused: BTreeMap<Utf8PathBuf, Problem>,
    /// Every package of every workspace, and those that only patches lead to.
    pub packages: Vec<Arc<Package>>,
    /// Where among them the package of a folder is.
    places: HashMap<String, usize>,
    known: inputs::Known,
}

impl RustTree {
    /// Reads every workspace of the repository.
    ///
    /// # Errors
    /// A folder or manifest that cannot be read, no cargo. What Cargo refuses is a [`Problem`].
    pub fn read(tree: &Tree) -> Result<Self> {
        let mut found = Self::default();
        let mut asked = BTreeSet::new();
        let manifests = manifests(tree)?;
        for round in metadata::rounds(tree, manifests)? {
            found.ask(tree, round, &mut asked)?;
        }
        // What is depended on may lie where no service is looked for.
        loop {
            let missing = found.missing_manifests(tree, &asked);
            if missing.is_empty() {
                break;
            }
            found.ask(tree, missing, &mut asked)?;
        }
        found.workspaces.sort_by(|a, b| a.dir.cmp(&b.dir));
        found.workspaces.dedup_by(|a, b| a.dir == b.dir);
        found.packages = found.workspaces.iter().flat_map(|workspace| workspace.packages.iter().cloned()).collect();
        found.index();
        found.read_patched(tree)?;
        found.index();
        found.problems.sort();
        found.problems.dedup();
        // What a service tells of needs no note beside it.
        let broken = &found.broken;
        found.problems.retain(|problem| broken.iter().all(|(_, told)| told != problem));
        Ok(found)
    }

    fn ask(&mut self, tree: &Tree, mut manifests: Vec<Utf8PathBuf>, asked: &mut BTreeSet<Utf8PathBuf>) -> Result<()> {
        manifests.retain(|manifest| !asked.contains(manifest));
        for (manifest, answer) in manifests.iter().zip(metadata::read_all(tree, &manifests)?) {
            match answer {
                Ok(mut workspace) => {
                    asked.extend(workspace.packages.iter().map(|package| package.manifest()));
                    let root = manifest::root(tree, &workspace.dir)?;
                    (workspace.resolver, workspace.patches) = (root.resolver, root.patches);
                    workspace.patches.extend(CargoConfig::read(tree, &workspace.dir)?.patches);
                    self.workspaces.push(workspace);
                }
                Err(problem) => {
                    let package = broken::package(tree, manifest)?;
                    self.broken.extend(package.map(|package| (package, problem.clone())));
                    self.refused.insert(manifest.clone(), problem.clone());
                    self.problems.push(problem);
                }
            }
        }
        asked.extend(manifests);
        Ok(())
    }

    fn missing_manifests(&self, tree: &Tree, asked: &BTreeSet<Utf8PathBuf>) -> Vec<Utf8PathBuf> {
        let packages = self.workspaces.iter().flat_map(|workspace| &workspace.packages);
        let dependencies = packages.flat_map(|package| &package.dependencies);
        let manifests = dependencies.filter_map(|dependency| Some(dependency.path.as_ref()?.below("Cargo.toml")));
        let mut missing: Vec<_> =
            manifests.filter(|manifest| !asked.contains(manifest) && tree.is_file(manifest)).collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Reads the packages that patches lead to and Cargo does not describe: it refuses one in a workspace's folder that
    /// is no member, although a build takes it.
    fn read_patched(&mut self, tree: &Tree) -> Result<()> {
        let mut patched: BTreeMap<Utf8PathBuf, Arc<Package>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for workspace in &self.workspaces {
            let dirs = workspace.patches.iter().filter_map(|patch| patch.dir.as_ref());
            waiting.extend(dirs.map(|dir| (dir.clone(), &workspace.dir)));
        }
        while let Some((dir, workspace)) = waiting.pop() {
            if self.package(&dir).is_some() || patched.contains_key(&dir) {
                continue;
            }
            if let Some(package) = manifest::patch_package(tree, &dir, workspace)? {
                let dirs = package.dependencies.iter().filter_map(|dependency| dependency.path.clone());
                waiting.extend(dirs.map(|dir| (dir, workspace)));
                patched.insert(dir, Arc::new(package));
            }
        }
        self.problems.retain(|problem| !patched.values().any(|package| problem.place == package.manifest()));
        self.broken.retain(|(package, _)| !patched.contains_key(&package.dir));
        self.packages.extend(patched.into_values());
        Ok(())
    }

    fn index(&mut self) {
        let dirs = self.packages.iter().enumerate();
        self.places = dirs.map(|(place, package)| (package.dir.as_str().to_owned(), place)).collect();
    }

    /// The package in a folder.
    pub fn package(&self, dir: &Utf8Path) -> Option<&Arc<Package>> {
        self.place(dir).map(|place| &self.packages[place])
    }

    /// Where among [`RustTree::packages`] the package of a folder is.
    fn place(&self, dir: &Utf8Path) -> Option<usize> {
        self.places.get(dir.as_str()).copied()
    }

    fn workspace(&self, dir: &Utf8Path) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.dir == dir)
    }
}

impl Workspace {
    /// Whether features are unified as Cargo did before its resolver 2: over build scripts and tests too.
    pub fn unifies_all(&self) -> bool {
        self.resolver == "1"
    }

    /// Whether what is only for tests takes part in the choice of features.
    pub(crate) fn keeps_tests(&self) -> bool {
        self.unifies_all() || self.names_test_dependencies
    }
}

impl Package {
    /// The manifest, relative to the repository.
    pub fn manifest(&self) -> Utf8PathBuf {
        self.dir.below("Cargo.toml")
    }

    /// Which of these binaries a container of this package runs: `default-run`, the package's namesake or the only one.
    pub fn main_binary<'a>(&self, bins: &[&'a str]) -> Option<&'a str> {
        let named = |name: &str| bins.iter().copied().find(|bin| *bin == name);
        let only = || if let [bin] = bins { Some(*bin) } else { None };
        self.default_run.as_deref().and_then(named).or_else(|| named(&self.name)).or_else(only)
    }

    /// Whether it is a library of macros, which runs in the compiler.
    pub fn is_proc_macro(&self) -> bool {
        self.roots.iter().any(|root| root.kind == RootKind::ProcMacro)
    }

    /// Whether a feature speaks of what is only for tests.
    pub(crate) fn names_test_dependencies(&self) -> bool {
        let kinds = |key: &str| {
            let named = self.dependencies.iter().filter(move |dependency| dependency.key == key);
            named.map(|dependency| dependency.kind).collect::<Vec<_>>()
        };
        let keys = self.features.values().flatten().filter_map(|value| value.split_once('/'));
        keys.map(|(key, _)| kinds(key.trim_end_matches('?')))
            .any(|kinds| !kinds.is_empty() && kinds.iter().all(|kind| *kind == DependencyKind::Test))
    }

    /// Whether it has a build script.
    pub fn has_build_script(&self) -> bool {
        self.roots.iter().any(|root| root.kind == RootKind::BuildScript)
    }
}

impl SourceRoot {
    /// Whether the target needs a `main`.
    pub fn has_main(&self) -> bool {
        matches!(self.kind, RootKind::Binary(_) | RootKind::BuildScript)
    }

    /// Whether other packages can use the target.
    pub fn is_library(&self) -> bool {
        !self.has_main()
    }
}

/// Whether a target of Cargo's configuration, a triple or `cfg(…)`, is the given one.
pub fn is_target(condition: &str, triple: &str) -> bool {
    let Some(cfg) = condition.strip_prefix("cfg(").and_then(|rest| rest.strip_suffix(')')) else {
        return condition == triple;
    };
    let (features, flags) = (BTreeSet::new(), BTreeSet::new());
    let arch = triple.split('-').next().unwrap_or_default();
    let settings = cfg::Settings { arch, features: Some(&features), flags: &flags, open: false };
    cfg::Cfg::parse(cfg).holds(&settings).unwrap_or_else(|| triple.split('-').any(|part| cfg.contains(part)))
}

/// The manifests that may be of services. Those of crates that were copied in by `cargo vendor` are not.
fn manifests(tree: &Tree) -> Result<Vec<Utf8PathBuf>> {
    let mut manifests = Vec::new();
    for dir in tree.folders()?.iter() {
        if tree.has_file(dir, "Cargo.toml")? && !tree.has_file(dir, ".cargo-checksum.json")? {
            manifests.push(dir.below("Cargo.toml"));
        }
    }
    Ok(manifests)
}
