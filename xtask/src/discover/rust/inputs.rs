//! What an image of a Rust package is built from.

mod links;
mod packages;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::Problem;
use super::super::hidden::{self, Hidden};
use super::super::paths::files_below;
use super::cargo_config::{CargoConfig, ConfigSettings};
use super::manifest::Demand;
use super::third_party::third_party;
use super::toolchain_file::{ToolchainFile, toolchain};
use super::walk::Found;
use super::{BUILDERS, Package, RustTree, ThirdParty, Why, manifest};
use crate::files::tree::{Below as _, Tree};
pub(super) use packages::Known;
pub use packages::Manifests;
use packages::Reading;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The package with the binaries.
    pub package: &'a Package,
    /// The binaries that are built.
    pub bins: &'a [String],
    /// The features that are on, sorted.
    pub features: Vec<String>,
    /// The image's platforms, as `linux/arm64`; empty for any that a laptop or a runner may have.
    pub platforms: &'a [String],
}

/// What the build of a package reads. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// What Cargo reads before it compiles anything.
    pub manifests: Arc<Manifests>,
    /// The packages that are compiled, sorted by folder.
    pub closure: Vec<Arc<Package>>,
    /// The folders of the packages whose manifests Cargo reads for this build, sorted; among them all that are compiled.
    pub read: Vec<Utf8PathBuf>,
    /// Those of them that stand in for other people's packages, with what these depend on by path, sorted.
    pub patched: Vec<Utf8PathBuf>,
    /// What they depend on beyond the repository, sorted.
    pub third_party: Vec<ThirdParty>,
    /// The first compiled package that the lock file does not know as it is, with what is not locked of it.
    pub unlocked: Option<(Utf8PathBuf, String)>,
    /// Whether other people's package that this one leads to has its name.
    pub shares_name: bool,
    /// Whether what is only for tests takes part in the choice of features, so that the manifests have to keep it.
    pub tests: bool,
    /// The features that are on, sorted.
    pub features: Vec<String>,
    /// Cargo's resolver: 1, 2 or 3.
    pub resolver: String,
    /// The root manifests of the workspace and of others that packages take keys from and, where there is one, the
    /// lock file.
    pub workspace_files: Vec<Utf8PathBuf>,
    /// Whether there is a lock file.
    pub locked: bool,
    /// Whether a package that Cargo reads takes its version from the workspace.
    pub inherits_version: bool,
    /// Cargo's configuration for the workspace, and what it names.
    pub config: Vec<Utf8PathBuf>,
    /// What of that is not left to Cargo.
    pub config_settings: ConfigSettings,
    /// What Cargo says of the manifests by the rules of stable, where only nightly takes them.
    pub needs_nightly: Option<Problem>,
    /// Files and folders that the sources name, sorted.
    pub named: Vec<Utf8PathBuf>,
    /// The toolchain file that governs the workspace.
    pub toolchain: Option<ToolchainFile>,
    /// The files that can change what is built, each with the reason; but for the packages' manifests.
    pub files: BTreeMap<Utf8PathBuf, Why>,
    /// Modules that are left out, with the condition that does not hold.
    pub left_out: BTreeMap<Utf8PathBuf, String>,
    /// What the builder is not shown.
    pub hidden: Hidden,
}

/// Reads what the build of a package reads.
///
/// # Errors
/// A file that cannot be read, a patch outside the repository.
pub fn inputs(tree: &Tree, rust: &RustTree, request: &Request) -> Result<Inputs> {
    let package = request.package;
    let Some(workspace) = rust.workspace(&package.workspace) else { return Ok(Inputs::default()) };
    let config = CargoConfig::read(tree, &package.workspace)?;
    config.check()?;
    let arches = arches(request.platforms);
    let reading = Reading { tree, rust, workspace, request, flags: &config.flags, arches: &arches };
    reading.check_patches()?;
    let manifests = reading.manifests()?;
    let compiled = reading.compiled()?;
    let mut found = reading.sources(&compiled.units)?;
    let places: BTreeSet<_> = compiled.units.keys().map(|unit| unit.package).collect();
    let read = reading.read_for(&places)?;
    let lock = reading.lock()?;
    let mut inputs = Inputs {
        manifests,
        closure: in_order(rust, &places),
        third_party: third_party(rust, lock.as_ref().as_ref(), &compiled, &reading.known_for(&read)?),
        read: in_order(rust, &read).iter().map(|package| package.dir.clone()).collect(),
        patched: in_order(rust, &reading.patched()?).iter().map(|package| package.dir.clone()).collect(),
        tests: workspace.keeps_tests(),
        features: request.features.clone(),
        resolver: workspace.resolver.clone(),
        toolchain: toolchain(tree, &package.workspace)?,
        config_settings: config.settings(),
        needs_nightly: workspace.needs_nightly.clone(),
        ..Inputs::default()
    };
    let is_wanted = || inputs.third_party.iter().any(|crate_| crate_.place.name == package.name);
    inputs.shares_name = lock.as_ref().as_ref().map_or_else(is_wanted, |lock| lock.is_shared(&package.name));
    inputs.unlocked = lock.as_ref().as_ref().and_then(|lock| {
        let members: HashSet<_> = workspace.packages.iter().map(|member| member.dir.as_str()).collect();
        let is_member = |package: &Package| members.contains(package.dir.as_str());
        let overrides = workspace.patches.iter().filter(|patch| patch.is_override);
        let overrides: Vec<_> = overrides.filter_map(|patch| patch.dir.as_ref()).collect();
        let closure = inputs.closure.iter().filter(|package| !overrides.contains(&&package.dir));
        let mut lacking = closure.map(|package| (package, lock.lacks(package, is_member(package))));
        lacking.find_map(|(package, lacks)| Some((package.manifest(), lacks?.to_owned())))
    });
    inputs.read_workspace_files(tree, package)?;
    inputs.take_config(tree, config, &mut found)?;
    inputs.left_out = std::mem::take(&mut found.left_out);
    inputs.left_out.retain(|file, _| !found.files.contains_key(file));
    inputs.take_files(tree, found)?;
    Ok(inputs)
}

impl Inputs {
    /// The features of `package`, the one with the binaries, as `package/feature`.
    pub fn features_of(&self, package: &Package) -> impl Iterator<Item = String> {
        self.features.iter().map(|feature| format!("{}/{feature}", package.name))
    }

    /// Exactly the files that can change what is built.
    pub fn all_files(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.files.keys().chain(self.manifests.files.keys())
    }

    /// What an ignore file hides of the folders that it shows as a whole: those of compiled packages, and those that
    /// sources name. Of a package at the repository's root only its usual folders are shown.
    pub(in crate::discover) fn hidden(&self, tree: &Tree) -> Result<Hidden> {
        let dirs = self.closure.iter().map(|package| package.dir.clone());
        let folders = dirs.flat_map(|dir| match dir.as_str() {
            "" => vec!["src".into(), "build".into()],
            _ => vec![dir],
        });
        let named = self.named.iter().filter(|path| tree.is_folder(path));
        let needed: BTreeSet<_> =
            self.files.keys().chain(&self.named).chain(self.manifests.files.keys()).cloned().collect();
        hidden::hidden(tree, &folders.collect::<Vec<_>>(), &named.cloned().collect::<Vec<_>>(), &needed)
    }

    /// The reason why a file can change what is built, if it can.
    pub fn why(&self, file: &Utf8Path) -> Option<&Why> {
        self.manifests.files.get(file).or_else(|| self.files.get(file))
    }

    /// Sources that Cargo only wants to exist before it accepts the manifests, sorted as text.
    pub fn stubs(&self) -> Vec<&Utf8PathBuf> {
        // As text, since every service of a workspace has stubs of all others, and paths take long to compare.
        let compiled: BTreeSet<_> = self.closure.iter().map(|package| package.dir.as_str()).collect();
        let mut files: Vec<_> = self.files.keys().map(|file| file.as_str()).collect();
        files.sort_unstable();
        let is_lacking = |demand: &&Demand| {
            let is_met = demand.unless_compiled.as_ref().is_some_and(|package| compiled.contains(package.as_str()));
            !is_met && files.binary_search(&demand.file.as_str()).is_err()
        };
        let mut stubs: Vec<_> = self.manifests.demands.iter().filter(is_lacking).map(|demand| &demand.file).collect();
        stubs.dedup_by(|a, b| a.as_str() == b.as_str());
        stubs
    }

    /// The manifests that give keys to others, and the lock file.
    fn read_workspace_files(&mut self, tree: &Tree, package: &Package) -> Result<()> {
        // One that is not compiled counts too: others may ask for its version.
        let is_read = |dir: &Utf8PathBuf| self.read.binary_search(dir).is_ok();
        for package in self.manifests.packages.iter().filter(|package| is_read(&package.dir)) {
            let text = tree.read_text(&package.manifest())?.unwrap_or_default();
            self.inherits_version |= manifest::inherits(&text, "version");
        }
        let mut roots = BTreeSet::from([package.workspace.below("Cargo.toml")]);
        roots.extend(self.manifests.other_roots.iter().cloned());
        self.workspace_files = roots.into_iter().collect();
        let lock = package.workspace.below("Cargo.lock");
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
        for file in &self.workspace_files {
            let why = if file.file_name() == Some("Cargo.lock") { Why::LockFile } else { Why::WorkspaceManifest };
            files.insert(file.clone(), why);
        }
        if let Some(toolchain) = &self.toolchain {
            files.insert(toolchain.file.clone(), Why::Toolchain);
        }
        self.named = found.named.into_iter().collect();
        self.files = links::follow(tree, files)?;
        Ok(())
    }
}

/// The packages at these places, sorted by folder.
fn in_order(rust: &RustTree, places: &BTreeSet<usize>) -> Vec<Arc<Package>> {
    let mut packages: Vec<_> = places.iter().map(|place| Arc::clone(&rust.packages[*place])).collect();
    packages.sort_by(|a, b| a.dir.cmp(&b.dir));
    packages
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
