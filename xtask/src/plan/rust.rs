//! The plan of a Rust service.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Build, ContextRule, ImagePlan, Manifest, Planned, RustBuild, toolchain};
use crate::config::Settings;
use crate::discover::rust;
use crate::files::tree::Below as _;
use crate::render::SKELETON_SCRIPT;

/// What a package folder holds that no build reads.
const NOT_COMPILED: [&str; 8] =
    ["tests", "benches", "examples", "target", "*.md", "Dockerfile*", "*.Dockerfile", ".dockerignore"];

/// What of a package at the repository's root a build reads: everything would be the whole repository.
const COMPILED_AT_ROOT: [&str; 3] = ["src", "build.rs", "build"];

pub(super) fn plan(
    planned: &Planned,
    package: &rust::Package,
    inputs: &rust::Inputs,
    settings: &Settings,
) -> ImagePlan {
    let build = RustBuild {
        workspace: package.workspace.clone(),
        locked: inputs.locked,
        manifests: inputs.manifests.iter().map(|package| manifest(package, inputs)).collect(),
        own: own_manifests(package, inputs),
        workspace_files: inputs.workspace_files.clone(),
        selection: inputs.selection.iter().map(|selected| selected.name.clone()).collect(),
        features: inputs.selection.iter().flat_map(features).collect(),
        config: inputs.config.clone(),
    };
    let channel = inputs.toolchain.as_ref().and_then(|toolchain| toolchain.channel.as_deref());
    let builder = toolchain::rust_image(channel, package.rust_version.as_deref());
    let context = context(inputs);
    planned.image(settings, builder, "gcr.io/distroless/cc-debian13:nonroot", Build::Rust(build), context)
}

fn features(selected: &rust::Selected) -> impl Iterator<Item = String> {
    selected.features.iter().map(|feature| format!("{}/{feature}", selected.name))
}

fn manifest(package: &rust::Package, inputs: &rust::Inputs) -> Manifest {
    let roots = |has_main: bool| {
        package.roots.iter().filter(|root| root.has_main() == has_main).map(|root| root.file.clone()).collect()
    };
    Manifest {
        name: package.name.clone(),
        dir: package.dir.clone(),
        compiled: inputs.closure.iter().any(|compiled| compiled.dir == package.dir),
        libraries: roots(false),
        mains: roots(true),
    }
}

/// The manifests whose version the binary may print: those of the packages that are compiled, and the workspace's
/// where one of them takes its version from there.
fn own_manifests(package: &rust::Package, inputs: &rust::Inputs) -> Vec<Utf8PathBuf> {
    let mut manifests: BTreeSet<_> = inputs.closure.iter().map(|compiled| compiled.dir.below("Cargo.toml")).collect();
    if inputs.inherits_version {
        manifests.insert(package.workspace.below("Cargo.toml"));
    }
    manifests.into_iter().collect()
}

/// The allow-list: the manifests of all, and of the compiled packages everything that a build may read. Tests,
/// benches, examples and prose are out, unless the build starts there or a source names them.
fn context(inputs: &rust::Inputs) -> Vec<ContextRule> {
    let mut rules = vec![ContextRule::include(Utf8Path::new(SKELETON_SCRIPT))];
    for package in &inputs.closure {
        rules.extend(package_rules(&package.dir, inputs));
    }
    let manifests = inputs.manifests.iter().map(|package| package.manifest());
    let listed: Vec<_> = manifests.chain(inputs.workspace_files.iter().chain(&inputs.config).cloned()).collect();
    let is_below = |file: &Utf8Path, folders: &[Utf8PathBuf]| folders.iter().any(|folder| file.starts_with(folder));
    let named: Vec<_> = inputs.named.iter().filter(|file| !is_shown(file, inputs)).cloned().collect();
    // The toolchain file chooses the builder's image; rustup in there is not to follow it.
    let files = inputs.files.iter().filter(|(_, why)| **why != rust::Why::Toolchain).map(|(file, _)| file);
    let roots = inputs.closure.iter().flat_map(|package| &package.roots).map(|root| &root.file);
    let hidden: BTreeSet<_> = files
        .chain(roots)
        .filter(|file| !is_shown(file, inputs) && !is_below(file, &listed) && !is_below(file, &named))
        .chain(&named)
        .collect();
    rules.extend(listed.iter().chain(hidden).map(|file| ContextRule::include(file)));
    rules
}

/// Whether the rules of a compiled package already show a file.
fn is_shown(file: &Utf8Path, inputs: &rust::Inputs) -> bool {
    let owner = inputs
        .closure
        .iter()
        .filter(|package| file.starts_with(&package.dir))
        .max_by_key(|owner| owner.dir.as_str().len());
    let Some(first) =
        owner.and_then(|owner| file.strip_prefix(&owner.dir).ok()).and_then(|inside| inside.components().next())
    else {
        return false;
    };
    if nested(owner.map_or(Utf8Path::new(""), |owner| &owner.dir), inputs).any(|other| file.starts_with(&other.dir)) {
        return false;
    }
    let is_root = owner.is_some_and(|owner| owner.dir.as_str().is_empty());
    let matches = |patterns: &[&str]| patterns.iter().any(|pattern| fast_glob::glob_match(pattern, first.as_str()));
    !matches(&NOT_COMPILED) && (!is_root || matches(&COMPILED_AT_ROOT))
}

fn package_rules(dir: &Utf8Path, inputs: &rust::Inputs) -> Vec<ContextRule> {
    let mut rules = Vec::new();
    if dir.as_str().is_empty() {
        rules.extend(COMPILED_AT_ROOT.map(|name| ContextRule::Include(name.to_owned())));
    } else {
        rules.push(ContextRule::include(dir));
    }
    rules.extend(NOT_COMPILED.iter().map(|name| ContextRule::exclude(&dir.below(name))));
    rules.extend(nested(dir, inputs).map(|other| ContextRule::exclude(&other.dir)));
    rules
}

/// The packages below another's folder that are not compiled: they are no part of it.
fn nested<'a>(dir: &'a Utf8Path, inputs: &'a rust::Inputs) -> impl Iterator<Item = &'a Arc<rust::Package>> {
    let below = inputs.manifests.iter().filter(move |other| other.dir != dir && other.dir.starts_with(dir));
    below.filter(|other| !inputs.closure.iter().any(|compiled| compiled.dir == other.dir))
}
