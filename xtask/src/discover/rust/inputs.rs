//! What an image of a Rust package is built from.

mod links;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::paths::files_below;
use super::cfg::Settings;
use super::features::{Resolution, Rules, Unit, Units, resolve};
use super::settings_files::{CargoConfig, ToolchainFile, cargo_config, toolchain};
use super::walk::{Compilation, Found};
use super::{Package, RootKind, RustTree, Selected, SourceRoot, Why, Workspace, manifest};
use crate::error::Error;
use crate::files::tree::Below as _;
use crate::files::tree::Tree;

/// The architectures of the machines that build images.
const BUILDERS: [&str; 2] = ["aarch64", "x86_64"];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The package with the binaries.
    pub package: &'a Package,
    /// The binaries that are built.
    pub bins: &'a [String],
    /// The packages that are selected together.
    pub selection: Vec<Selected>,
    /// The image's platforms, as `linux/arm64`; empty for any that a laptop or a runner may have.
    pub platforms: &'a [String],
}

/// What the build of a package reads. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Every package whose manifest Cargo reads, sorted by folder: the workspace's members, and what any of them
    /// depends on by path.
    pub manifests: Vec<Package>,
    /// The packages that are compiled, sorted by folder.
    pub closure: Vec<Package>,
    /// The packages that are selected together, sorted by name.
    pub selection: Vec<Selected>,
    /// The root manifests of the workspace and of others that packages take keys from and, where there is one, the
    /// lock file.
    pub workspace_files: Vec<Utf8PathBuf>,
    /// Whether there is a lock file.
    pub locked: bool,
    /// Whether a compiled package takes its version from the workspace.
    pub inherits_version: bool,
    /// Cargo's configuration for the workspace, and what it names.
    pub config: Vec<Utf8PathBuf>,
    /// Files and folders that the sources name, sorted.
    pub named: Vec<Utf8PathBuf>,
    /// The toolchain file that governs the workspace.
    pub toolchain: Option<ToolchainFile>,
    /// Exactly the files that can change what is built, each with the reason.
    pub files: BTreeMap<Utf8PathBuf, Why>,
    /// Sources that Cargo only wants to exist before it accepts the manifests; sorted.
    pub stubs: Vec<Utf8PathBuf>,
    /// Modules that are left out, with the condition that does not hold.
    pub left_out: BTreeMap<Utf8PathBuf, String>,
}

/// Reads what the build of a package reads.
///
/// # Errors
/// A file that cannot be read, a patch outside the repository.
pub fn inputs(tree: &Tree, rust: &RustTree, request: &Request) -> Result<Inputs> {
    let package = request.package;
    let config = cargo_config(tree, &package.workspace)?;
    let arches = arches(request.platforms);
    let reading = Reading {
        tree,
        packages: rust.packages(),
        workspace: rust.workspaces.iter().find(|workspace| workspace.dir == package.workspace),
        request,
        flags: &config.flags,
        arches: &arches,
    };
    reading.check_patches()?;
    let manifests = reading.manifests();
    let units = reading.compiled()?;
    let mut found = reading.sources(&units)?;

    let mut inputs = Inputs { manifests, selection: request.selection.clone(), ..Inputs::default() };
    let compiled: BTreeSet<_> = units.keys().map(|unit| unit.dir.as_path()).collect();
    inputs.closure =
        compiled.iter().filter_map(|dir| reading.packages.get(dir)).map(|package| (*package).clone()).collect();
    inputs.read_manifests(&reading)?;
    inputs.toolchain = toolchain(tree, &package.workspace)?;
    inputs.take_config(tree, config, &mut found)?;
    inputs.left_out = std::mem::take(&mut found.left_out);
    inputs.left_out.retain(|file, _| !found.files.contains_key(file));
    inputs.take_files(tree, found)?;
    Ok(inputs)
}

impl Inputs {
    /// The manifests that give keys to others, and the lock file.
    fn read_manifests(&mut self, reading: &Reading) -> Result<()> {
        let tree = reading.tree;
        let workspace = &reading.request.package.workspace;
        let mut roots = BTreeSet::from([workspace.below("Cargo.toml")]);
        for package in &self.manifests {
            if package.workspace != *workspace {
                let text = tree.read_text(&package.manifest())?.unwrap_or_default();
                if manifest::needs_workspace(&text) {
                    roots.insert(package.workspace.below("Cargo.toml"));
                }
            }
        }
        for package in &self.closure {
            let text = tree.read_text(&package.manifest())?.unwrap_or_default();
            self.inherits_version |= manifest::inherits(&text, "version");
        }
        self.workspace_files = roots.into_iter().collect();
        let lock = workspace.below("Cargo.lock");
        self.locked = tree.is_file(&lock);
        self.workspace_files.extend(self.locked.then_some(lock));
        Ok(())
    }

    fn take_config(&mut self, tree: &Tree, config: CargoConfig, found: &mut Found) -> Result<()> {
        let mut files = BTreeSet::from_iter(config.files.iter().cloned());
        for (path, by) in config.named {
            for file in if tree.is_file(&path) { vec![path.clone()] } else { files_below(tree, &path)? } {
                found.files.entry(file).or_insert(Why::NamedByConfig { by: by.clone() });
            }
            files.insert(path);
        }
        for file in config.files {
            found.files.insert(file, Why::CargoConfig);
        }
        self.config = files.into_iter().collect();
        Ok(())
    }

    fn take_files(&mut self, tree: &Tree, found: Found) -> Result<()> {
        let mut files = found.files;
        for package in &self.manifests {
            files.insert(package.manifest(), Why::Manifest { package: package.dir.clone() });
        }
        for file in &self.workspace_files {
            let why = if file.file_name() == Some("Cargo.lock") { Why::LockFile } else { Why::WorkspaceManifest };
            files.insert(file.clone(), why);
        }
        if let Some(toolchain) = &self.toolchain {
            files.insert(toolchain.file.clone(), Why::Toolchain);
        }
        let roots = self.manifests.iter().flat_map(|package| &package.roots);
        // A build script need not exist where it does not run.
        let roots = roots.filter(|root| root.kind != RootKind::BuildScript).map(|root| root.file.clone());
        let stubs: BTreeSet<_> = roots.filter(|file| !files.contains_key(file) && tree.is_file(file)).collect();
        self.stubs = stubs.into_iter().collect();
        self.named = found.named.into_iter().collect();
        self.files = links::follow(tree, files)?;
        Ok(())
    }
}

/// All that the steps of reading share.
struct Reading<'a> {
    tree: &'a Tree,
    packages: BTreeMap<&'a Utf8Path, &'a Package>,
    workspace: Option<&'a Workspace>,
    request: &'a Request<'a>,
    flags: &'a BTreeSet<String>,
    arches: &'a [&'static str],
}

impl Reading<'_> {
    fn check_patches(&self) -> Result<()> {
        let mut patches = self.workspace.iter().flat_map(|workspace| &workspace.patches);
        let Some(patch) = patches.find(|patch| patch.dir.is_none()) else { return Ok(()) };
        let manifest = self.request.package.workspace.below("Cargo.toml");
        Err(Error::usage(format!(
            "{manifest}: the patch `{}` is in {}, which lies outside the repository",
            patch.name, patch.text
        ))
        .hint("a build sees the repository and nothing else: copy the package into it, or name its git repository")
        .into())
    }

    /// What Cargo reads to make or check the lock file: everything that any member may need.
    fn manifests(&self) -> Vec<Package> {
        let members = self.workspace.iter().flat_map(|workspace| &workspace.packages);
        let roots: Vec<_> =
            members.map(|member| (member.dir.clone(), member.features.keys().cloned().collect())).collect();
        let rules = Rules { arches: None, tests: true, builder_apart: false, flags: self.flags };
        let mut dirs: BTreeSet<_> =
            resolve(&self.packages, &roots, None, rules).units.into_keys().map(|unit| unit.dir).collect();
        let patches = self.workspace.iter().flat_map(|workspace| &workspace.patches);
        let patches = patches.filter_map(|patch| self.packages.get(patch.dir.as_deref()?));
        let patches: Vec<_> =
            patches.map(|package| (package.dir.clone(), package.features.keys().cloned().collect())).collect();
        let rules = Rules { tests: false, ..rules };
        dirs.extend(resolve(&self.packages, &patches, None, rules).units.into_keys().map(|unit| unit.dir));
        dirs.iter().filter_map(|dir| self.packages.get(dir.as_path())).map(|package| (*package).clone()).collect()
    }

    /// The packages that are compiled, with their features.
    fn compiled(&self) -> Result<Units> {
        let unifies_all = self.workspace.is_some_and(|workspace| workspace.unifies_all);
        let features = |features: &[String]| features.iter().cloned().chain(["default".to_owned()]).collect();
        let roots: Vec<_> = self
            .request
            .selection
            .iter()
            .map(|selected| (selected.dir.clone(), features(&selected.features)))
            .collect();
        let arches = if unifies_all { None } else { Some(self.arches) };
        let rules = Rules { arches, tests: unifies_all, builder_apart: !unifies_all, flags: self.flags };
        let selected = resolve(&self.packages, &roots, None, rules);
        let own = [(self.request.package.dir.clone(), Vec::new())];
        let rules = Rules { arches: Some(self.arches), tests: false, ..rules };
        let mut resolution = resolve(&self.packages, &own, Some(&selected.units), rules);
        self.add_patched(&mut resolution, rules)?;
        Ok(resolution.units)
    }

    /// Adds the packages that stand in for third-party ones. Which of their features are on, only those know.
    fn add_patched(&self, resolution: &mut Resolution, rules: Rules) -> Result<()> {
        let patches = || self.workspace.iter().flat_map(|workspace| &workspace.patches);
        if patches().next().is_none() {
            return Ok(());
        }
        let mut done = BTreeSet::new();
        loop {
            let below = manifest::locked_below(self.tree, &self.request.package.workspace, &resolution.beyond)?;
            let is_used = |name: &String| below.as_ref().is_none_or(|below| below.contains(name));
            let used: BTreeSet<_> =
                patches().filter(|patch| is_used(&patch.name)).filter_map(|patch| patch.dir.clone()).collect();
            let new: Vec<_> = used
                .into_iter()
                .filter(|dir| done.insert(dir.clone()))
                .filter_map(|dir| {
                    Some((dir.clone(), self.packages.get(dir.as_path())?.features.keys().cloned().collect()))
                })
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            let more = resolve(&self.packages, &new, None, rules);
            resolution.beyond.extend(more.beyond);
            for (unit, features) in more.units {
                resolution.units.entry(unit).or_default().extend(features);
            }
        }
    }

    /// Follows the sources of every target that is compiled.
    fn sources(&self, units: &Units) -> Result<Found> {
        let mut found = Found::default();
        for (unit, features) in units {
            let Some(package) = self.packages.get(unit.dir.as_path()) else { continue };
            for root in self.roots(unit, package) {
                let on_builder = unit.on_builder || matches!(root.kind, RootKind::BuildScript | RootKind::ProcMacro);
                let arches = if on_builder { &BUILDERS } else { self.arches };
                let settings = arches.iter().map(|arch| Settings {
                    arch,
                    features: Some(features),
                    flags: self.flags,
                    open: package.has_build_script() && root.kind != RootKind::BuildScript,
                });
                let compilation = Compilation { tree: self.tree, package, settings: settings.collect() };
                compilation.walk(root, &mut found)?;
            }
        }
        Ok(found)
    }

    /// The targets of a package that are compiled: of the image's own its binaries too.
    fn roots<'p>(&self, unit: &Unit, package: &'p Package) -> Vec<&'p SourceRoot> {
        let is_own = unit.dir == self.request.package.dir && !unit.on_builder;
        let is_compiled = |root: &&SourceRoot| match &root.kind {
            RootKind::Binary(name) => is_own && self.request.bins.contains(name),
            _ => true,
        };
        package.roots.iter().filter(is_compiled).collect()
    }
}

/// The architectures of an image, in Rust's words, sorted.
fn arches(platforms: &[String]) -> Vec<&'static str> {
    let mut arches: Vec<_> =
        platforms.iter().filter_map(|platform| platform.split('/').nth(1)).filter_map(arch).collect();
    if arches.is_empty() {
        arches = BUILDERS.to_vec();
    }
    arches.sort_unstable();
    arches.dedup();
    arches
}

fn arch(goarch: &str) -> Option<&'static str> {
    Some(match goarch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "x86",
        "arm" => "arm",
        "ppc64le" => "powerpc64",
        "riscv64" => "riscv64",
        "s390x" => "s390x",
        "loong64" => "loongarch64",
        _ => return None,
    })
}
