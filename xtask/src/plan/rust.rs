//! The plan of a Rust service.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Build, ContextRule, ImagePlan, PackageStub, Planned, RustBuild, sorted, toolchain};
use crate::config::Settings;
use crate::discover::rust;
use crate::render::SKELETON_SCRIPT;

/// What a package folder holds that no build reads.
const NOT_COMPILED: [&str; 8] =
    ["tests", "benches", "examples", "target", "*.md", "Dockerfile*", "*.Dockerfile", ".dockerignore"];

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
        manifests: inputs.manifests.iter().map(stub).collect(),
        own: own_manifests(package, inputs),
        selection: together.iter().map(|(name, _)| (*name).to_owned()).collect(),
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

fn stub(package: &rust::Package) -> PackageStub {
    let roots = |has_main: bool| {
        package.roots.iter().filter(|root| root.has_main == has_main).map(|root| root.file.clone()).collect()
    };
    PackageStub { name: package.name.clone(), dir: package.dir.clone(), libraries: roots(false), mains: roots(true) }
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
/// benches, examples and prose are out, unless a source names them.
fn context(inputs: &rust::Inputs) -> Vec<ContextRule> {
    let mut rules = vec![ContextRule::include(Utf8Path::new(SKELETON_SCRIPT))];
    let manifests = || inputs.manifests.iter().map(|package| package.dir.join("Cargo.toml"));
    let compiled: BTreeSet<_> = inputs.closure.iter().map(|package| package.dir.as_path()).collect();
    for dir in &compiled {
        rules.extend(package_rules(dir, inputs));
    }
    rules.extend(manifests().chain(inputs.workspace_files.iter().cloned()).map(|file| ContextRule::include(&file)));
    rules.extend(inputs.config.iter().chain(&inputs.named).map(|file| ContextRule::include(file)));
    rules
}

fn package_rules(dir: &Utf8Path, inputs: &rust::Inputs) -> Vec<ContextRule> {
    let mut rules = Vec::new();
    if dir.as_str().is_empty() {
        // A package at the root: everything would be the whole repository.
        rules.extend(["src", "build.rs", "build"].map(|name| ContextRule::Include(name.to_owned())));
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
