//! The plan of a Rust service.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Build, ContextRule, ImagePlan, Manifest, Planned, RustBuild, sorted, toolchain};
use crate::config::Settings;
use crate::discover::rust;
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
    all: &[Planned],
    settings: &Settings,
) -> ImagePlan {
    let together = built_together(planned, package, all);
    let build = RustBuild {
        workspace: package.workspace.clone(),
        locked: inputs.locked,
        manifests: inputs.manifests.iter().map(|package| manifest(package, inputs)).collect(),
        own: own_manifests(package, inputs),
        selection: together.keys().map(|name| (*name).to_owned()).collect(),
        features: together.values().flatten().cloned().collect(),
        config: inputs.config.clone(),
    };
    let builder = toolchain::rust_image(inputs.channel.as_deref(), package.rust_version.as_deref());
    let context = context(inputs);
    planned.image(settings, builder, "gcr.io/distroless/cc-debian13:nonroot", Build::Rust(build), context)
}

/// The packages that are selected in one Cargo invocation, with their features: all services of the workspace, so that
/// one layer of crates serves them all. Where two have a binary of one name, each is built alone: asking Cargo for the
/// binary would build both, one over the other.
fn built_together<'a>(
    planned: &Planned,
    package: &'a rust::Package,
    all: &'a [Planned],
) -> BTreeMap<&'a str, Vec<String>> {
    let mut packages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut owner: BTreeMap<&str, &Utf8Path> = BTreeMap::new();
    for (other, other_planned) in all.iter().filter_map(|other| Some((other.rust()?.0, other))) {
        let same_stages = other.workspace == package.workspace
            && other_planned.service.settings.packages == planned.service.settings.packages
            && other_planned.service.settings.builder == planned.service.settings.builder;
        if !same_stages {
            continue;
        }
        for bin in &other.bins {
            if owner.insert(bin, &other.dir).is_some_and(|dir| dir != other.dir) {
                return BTreeMap::from([(package.name.as_str(), features(planned, package))]);
            }
        }
        packages.insert(&other.name, features(other_planned, other));
    }
    packages
}

fn features(planned: &Planned, package: &rust::Package) -> Vec<String> {
    sorted(planned.service.settings.features.as_deref())
        .iter()
        .map(|feature| format!("{}/{feature}", package.name))
        .collect()
}

fn manifest(package: &rust::Package, inputs: &rust::Inputs) -> Manifest {
    let roots = |has_main: bool| {
        package.roots.iter().filter(|root| root.has_main == has_main).map(|root| root.file.clone()).collect()
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
    let mut manifests: BTreeSet<_> = inputs.closure.iter().map(|compiled| compiled.dir.join("Cargo.toml")).collect();
    if inputs.inherits_version {
        manifests.insert(package.workspace.join("Cargo.toml"));
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
    let manifests = inputs.manifests.iter().map(rust::Package::manifest);
    rules.extend(manifests.chain(inputs.workspace_files.iter().cloned()).map(|file| ContextRule::include(&file)));
    let roots = inputs.closure.iter().flat_map(|package| &package.roots).map(|root| &root.file);
    let hidden: BTreeSet<_> = roots.chain(&inputs.named).filter(|file| !is_shown(file, inputs)).collect();
    rules.extend(inputs.config.iter().chain(hidden).map(|file| ContextRule::include(file)));
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
    rules.extend(NOT_COMPILED.iter().map(|name| ContextRule::exclude(&dir.join(name))));
    // A package below this one is there only if it is compiled too.
    let nested = inputs.manifests.iter().filter(|other| other.dir != dir && other.dir.starts_with(dir));
    let nested = nested.filter(|other| !inputs.closure.iter().any(|compiled| compiled.dir == other.dir));
    rules.extend(nested.map(|other| ContextRule::exclude(&other.dir)));
    rules
}
