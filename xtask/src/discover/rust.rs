//! Reading the Rust side of a repository: `cargo metadata --no-deps`, once for each workspace.
//!
//! The call runs outside the repository, so that neither its toolchain pin nor its cargo configuration takes part:
//! listing a foreign checkout installs nothing and runs none of its code. Nothing of the dependency graph beyond the
//! repository is asked for, so no registry and no git host is needed.

mod inputs;
mod metadata;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::Problem;

pub use inputs::{Inputs, inputs};

/// A Cargo workspace, or a package that stands alone. Every path is relative to the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The folder of the root manifest.
    pub dir: Utf8PathBuf,
    /// The members, sorted by folder.
    pub packages: Vec<Package>,
}

/// A package of a workspace. Every path is relative to the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The folder of its manifest.
    pub dir: Utf8PathBuf,
    /// The workspace it belongs to.
    pub workspace: Utf8PathBuf,
    /// The names of its binaries, sorted.
    pub bins: Vec<String>,
    /// The manifest's `default-run`.
    pub default_run: Option<String>,
    /// The manifest's `rust-version`.
    pub rust_version: Option<String>,
    /// Whether it holds targets of cargo-fuzz.
    pub is_fuzzer: bool,
    /// The sources that Cargo wants to exist before it accepts the manifest, by kind.
    pub roots: Vec<SourceRoot>,
    /// Folders of the packages it depends on by path, for a build (not for tests), sorted.
    pub path_dependencies: BTreeSet<Utf8PathBuf>,
    /// The same for tests; they are never compiled, yet Cargo reads their manifests.
    pub path_dev_dependencies: BTreeSet<Utf8PathBuf>,
}

/// The file a target starts at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceRoot {
    /// The file.
    pub file: Utf8PathBuf,
    /// Whether the target needs a `main`: a binary or a build script.
    pub has_main: bool,
}

/// All that was found, with what could not be read.
#[derive(Debug, Default)]
pub struct RustTree {
    /// The workspaces, sorted by folder.
    pub workspaces: Vec<Workspace>,
    /// What could not be read, each with its manifest.
    pub problems: Vec<Problem>,
}

impl RustTree {
    /// Reads every workspace that the given manifests belong to. `manifests` are relative to `root`.
    pub fn read(root: &Utf8Path, manifests: &[Utf8PathBuf]) -> Result<Self> {
        let mut tree = Self::default();
        let mut seen = BTreeSet::new();
        for round in metadata::rounds(root, manifests)? {
            let unseen: Vec<_> = round.into_iter().filter(|manifest| !seen.contains(manifest)).collect();
            for (manifest, answer) in metadata::read_all(root, &unseen) {
                match answer {
                    Ok(workspace) => {
                        seen.extend(workspace.packages.iter().map(|package| package.dir.join("Cargo.toml")));
                        tree.workspaces.push(workspace);
                    }
                    Err(error) => {
                        tree.problems.push(Problem { place: manifest.into_string(), message: format!("{error:#}") })
                    }
                }
            }
        }
        tree.workspaces.sort_by(|a, b| a.dir.cmp(&b.dir));
        tree.workspaces.dedup_by(|a, b| a.dir == b.dir);
        tree.problems.sort();
        Ok(tree)
    }

    /// Every package by its folder.
    pub fn packages(&self) -> BTreeMap<&Utf8Path, &Package> {
        let packages = self.workspaces.iter().flat_map(|workspace| &workspace.packages);
        packages.map(|package| (package.dir.as_path(), package)).collect()
    }

    /// The packages in the folders `start` and all that they depend on by path, sorted by folder. With `dev`, test
    /// dependencies too.
    pub fn closure<'a>(&'a self, start: impl IntoIterator<Item = &'a Utf8Path>, dev: bool) -> Vec<Package> {
        let packages = self.packages();
        let mut closure = BTreeMap::new();
        let mut waiting: Vec<&Utf8Path> = start.into_iter().collect();
        while let Some(dir) = waiting.pop() {
            let Some(package) = packages.get(dir) else { continue };
            if closure.insert(dir, *package).is_none() {
                waiting.extend(package.path_dependencies.iter().map(Utf8PathBuf::as_path));
                if dev {
                    waiting.extend(package.path_dev_dependencies.iter().map(Utf8PathBuf::as_path));
                }
            }
        }
        closure.into_values().cloned().collect()
    }
}

impl Package {
    /// The manifest, relative to the repository.
    pub fn manifest(&self) -> Utf8PathBuf {
        self.dir.join("Cargo.toml")
    }

    /// The binary that a container of this package runs: `default-run`, the package's namesake or the only one.
    pub fn main_binary(&self) -> Option<&str> {
        let named = |name: &str| self.bins.iter().find(|bin| *bin == name).map(String::as_str);
        let only = || if let [bin] = self.bins.as_slice() { Some(bin.as_str()) } else { None };
        self.default_run.as_deref().and_then(named).or_else(|| named(&self.name)).or_else(only)
    }
}
