//! The plan of a Rust service.

use std::collections::{BTreeSet, HashSet};

use anyhow::Result;
use camino::Utf8Path;

use super::{Build, ContextRule, ImagePlan, Manifest, Planned, RustBuild, RustToolchain, SharedCrates, toolchain};
use crate::config::Settings;
use crate::discover::rust;
use crate::error::Error;
use crate::files::tree::Below as _;
use crate::render::{LIMIT_SCRIPT, SKELETON_SCRIPT};
use crate::service::Service;

/// What a package folder holds that no build reads.
const NOT_COMPILED: [&str; 8] =
    ["tests", "benches", "examples", "target", "*.md", "Dockerfile*", "*.Dockerfile", ".dockerignore"];

/// What of a package at the repository's root a build reads: everything would be the whole repository.
const COMPILED_AT_ROOT: [&str; 3] = ["src", "build.rs", "build"];

pub(super) fn plan(
    planned: &Planned,
    package: &rust::Package,
    inputs: &rust::Inputs,
    shared: SharedCrates,
    settings: &Settings,
) -> ImagePlan {
    // Whether it can be had, `check` saw.
    let (builder, toolchain) = choose_toolchain(planned.service, inputs).unwrap_or_default();
    let build = RustBuild {
        toolchain,
        workspace: package.workspace.clone(),
        resolver: inputs.resolver.clone(),
        locked: inputs.locked,
        other_roots: inputs.manifests.other_roots.clone(),
        inherits_version: inputs.inherits_version,
        keeps_tests: inputs.tests,
        manifests: read(inputs).map(|read| manifest(read, package, inputs)).collect(),
        package: package.name.clone(),
        shares_name: inputs.shares_name,
        features: inputs.features_of(package).collect(),
        shared,
        patched: inputs.patched.clone(),
        config: inputs.config.clone(),
        config_settings: inputs.config_settings.clone(),
    };
    let context = context(inputs);
    planned.image(settings, builder, "gcr.io/distroless/cc-debian13:nonroot", Build::Rust(Box::new(build)), context)
}

/// Checks that there is a toolchain for the service, and a lock file that Cargo takes.
pub(super) fn check(service: &Service, package: &rust::Package, inputs: &rust::Inputs) -> Result<()> {
    let (_, toolchain) = choose_toolchain(service, inputs)?;
    if let Some(problem) = &inputs.needs_nightly
        && service.settings.builder.is_none()
        && !toolchain.is_nightly()
    {
        let hint = format!(
            "name a nightly in {}, or set `builder = \"rustlang/rust:nightly-trixie-slim\"` under {}",
            inputs.toolchain.as_ref().map_or("rust-toolchain.toml", |toolchain| toolchain.file.as_str()),
            service.settings_place()
        );
        return Err(Error::usage(format!("{}: {}", problem.place, problem.message)).hint(hint).into());
    }
    check_lock(package, inputs)
}

/// The builder's image, and what is to be installed in it; nothing in one that the settings choose.
fn choose_toolchain(service: &Service, inputs: &rust::Inputs) -> Result<(String, RustToolchain)> {
    if let Some(builder) = &service.settings.builder {
        return Ok((builder.clone(), RustToolchain::default()));
    }
    let rust_versions = inputs.closure.iter().filter_map(|package| package.rust_version.as_deref());
    let key = format!("`builder = \"IMAGE\"` under {}, an image that has the toolchain", service.settings_place());
    toolchain::rust::choose(inputs.toolchain.as_ref(), rust_versions, &key)
}

/// A lock file that is out of date: with it a build would take versions that nobody chose.
fn check_lock(package: &rust::Package, inputs: &rust::Inputs) -> Result<()> {
    let Some((manifest, dependency)) = &inputs.unlocked else { return Ok(()) };
    let lock = package.workspace.below("Cargo.lock");
    let root = package.workspace.below("Cargo.toml");
    Err(Error::usage(format!("{lock} is out of date: it has no `{dependency}` as {manifest} wants it"))
        .hint(format!("`cargo update --workspace --manifest-path {root}` writes it"))
        .into())
}

/// The packages whose manifests Cargo reads for this build.
fn read(inputs: &rust::Inputs) -> impl Iterator<Item = &rust::Package> {
    let read: HashSet<_> = inputs.read.iter().map(|dir| dir.as_str()).collect();
    inputs.manifests.packages.iter().map(AsRef::as_ref).filter(move |package| read.contains(package.dir.as_str()))
}

fn manifest(package: &rust::Package, own: &rust::Package, inputs: &rust::Inputs) -> Manifest {
    let roots = |has_main: bool| {
        package.roots.iter().filter(|root| root.has_main() == has_main).map(|root| root.file.clone()).collect()
    };
    Manifest {
        name: package.name.clone(),
        dir: package.dir.clone(),
        is_member: package.workspace == own.workspace && !inputs.patched.contains(&package.dir),
        compiled: inputs.closure.iter().any(|compiled| compiled.dir.as_str() == package.dir.as_str()),
        libraries: roots(false),
        mains: roots(true),
    }
}

/// The allow-list: the manifests that Cargo reads, and of the compiled packages everything that a build may read. Tests,
/// benches, examples and prose are out, unless the build starts there or a source names them.
fn context(inputs: &rust::Inputs) -> Vec<ContextRule> {
    let packages = Packages::new(inputs);
    let mut rules = [LIMIT_SCRIPT, SKELETON_SCRIPT].map(|script| ContextRule::include(Utf8Path::new(script))).to_vec();
    for package in &inputs.closure {
        rules.extend(packages.rules(&package.dir));
    }
    rules.extend(inputs.hidden.patterns.iter().cloned().map(ContextRule::Exclude));
    let manifests = read(inputs).map(rust::Package::manifest);
    let listed: Vec<_> = manifests.chain(inputs.workspace_files.iter().chain(&inputs.config).cloned()).collect();
    let named: Vec<_> = inputs.named.iter().filter(|file| !packages.show(file)).collect();
    let known: HashSet<&str> = listed.iter().chain(named.iter().copied()).map(|file| file.as_str()).collect();
    let is_known = |file: &Utf8Path| file.ancestors().any(|folder| known.contains(folder.as_str()));
    // The toolchain file chooses the builder's image; rustup in there is not to follow it.
    let files = inputs.files.iter().filter(|(_, why)| **why != rust::Why::Toolchain).map(|(file, _)| file);
    let roots = inputs.closure.iter().flat_map(|package| &package.roots).map(|root| &root.file);
    let hidden = files.chain(roots).filter(|file| !packages.show(file) && !is_known(file));
    let hidden: BTreeSet<_> = hidden.chain(named.iter().copied()).chain(&inputs.hidden.shown).collect();
    rules.extend(listed.iter().chain(hidden).map(|file| ContextRule::include(file)));
    rules
}

/// The folders of packages, by whether the service is made of them.
struct Packages<'a> {
    compiled: HashSet<&'a str>,
    others: BTreeSet<&'a str>,
}

impl<'a> Packages<'a> {
    fn new(inputs: &'a rust::Inputs) -> Self {
        let compiled: HashSet<_> = inputs.closure.iter().map(|package| package.dir.as_str()).collect();
        let others = inputs.manifests.packages.iter().map(|package| package.dir.as_str());
        Self { others: others.filter(|dir| !compiled.contains(dir)).collect(), compiled }
    }

    /// Whether the rules of the package that a file is in show it.
    fn show(&self, file: &Utf8Path) -> bool {
        let is_package = |dir: &&Utf8Path| self.compiled.contains(dir.as_str()) || self.others.contains(dir.as_str());
        let Some(owner) = file.ancestors().skip(1).find(is_package) else { return false };
        let first = file.strip_prefix(owner).ok().and_then(|inside| inside.components().next());
        let matches = |patterns: &[&str]| {
            first.is_some_and(|first| patterns.iter().any(|pattern| fast_glob::glob_match(pattern, first.as_str())))
        };
        self.compiled.contains(owner.as_str())
            && !matches(&NOT_COMPILED)
            && (!owner.as_str().is_empty() || matches(&COMPILED_AT_ROOT))
    }

    fn rules(&self, dir: &Utf8Path) -> Vec<ContextRule> {
        let mut rules = Vec::new();
        if dir.as_str().is_empty() {
            rules.extend(COMPILED_AT_ROOT.map(|name| ContextRule::Include(name.to_owned())));
        } else {
            rules.push(ContextRule::include(dir));
        }
        rules.extend(NOT_COMPILED.iter().map(|name| ContextRule::exclude_glob(dir, name)));
        // A package below this one is there only if it is compiled too.
        let is_below = |other: &&&str| {
            let rest = other.strip_prefix(dir.as_str());
            rest.is_some_and(|rest| rest.starts_with('/') || dir.as_str().is_empty() && !rest.is_empty())
        };
        rules.extend(self.others.iter().filter(is_below).map(|other| ContextRule::exclude(Utf8Path::new(other))));
        rules
    }
}
