//! The call of `cargo metadata`, and the part of its answer that matters here.

use std::collections::BTreeSet;
use std::env;
use std::thread;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, TargetKind};
use xshell::{Shell, cmd};

use super::{Package, SourceRoot, Workspace};
use crate::files;
use crate::process::Command;

/// The manifests in the order of asking: workspace roots first, since their answers cover most of the others.
pub(super) fn rounds(root: &Utf8Path, manifests: &[Utf8PathBuf]) -> Result<[Vec<Utf8PathBuf>; 2]> {
    let mut rounds = [Vec::new(), Vec::new()];
    for manifest in manifests {
        let text = files::read_if_exists(&root.join(manifest))?.unwrap_or_default();
        let is_root = text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"[workspace"));
        rounds[usize::from(!is_root)].push(manifest.clone());
    }
    Ok(rounds)
}

/// Reads the workspace of each manifest, in parallel, in the order given.
pub(super) fn read_all(root: &Utf8Path, manifests: &[Utf8PathBuf]) -> Vec<(Utf8PathBuf, Result<Workspace>)> {
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(manifests.len().max(1));
    let lane_length = manifests.len().div_ceil(lanes).max(1);
    thread::scope(|scope| {
        let lanes: Vec<_> = manifests
            .chunks(lane_length)
            .map(|lane| scope.spawn(move || lane.iter().map(|manifest| read(root, manifest)).collect::<Vec<_>>()))
            .collect();
        let answers = lanes.into_iter().flat_map(|lane| match lane.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        manifests.iter().cloned().zip(answers).collect()
    })
}

fn read(root: &Utf8Path, manifest: &Utf8Path) -> Result<Workspace> {
    let metadata = MetadataCommand::parse(ask(&root.join(manifest))?)
        .with_context(|| format!("cannot read what cargo metadata says of {manifest}"))?;
    workspace(root, &metadata)
}

/// Runs cargo outside the repository. Its answer is JSON.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo is asked from outside the repository; a run under cargo names its own"
)]
fn ask(manifest: &Utf8Path) -> Result<String> {
    let shell = Shell::new()?;
    shell.change_dir(env::temp_dir());
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let answer =
        cmd!(shell, "{cargo} metadata --no-deps --offline --format-version 1 --color never --manifest-path {manifest}");
    Command::from(answer).read()
}

fn workspace(root: &Utf8Path, metadata: &Metadata) -> Result<Workspace> {
    let dir = relative(root, &metadata.workspace_root)?;
    let mut packages = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| convert(root, &dir, package))
        .collect::<Result<Vec<_>>>()?;
    packages.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(Workspace { dir, packages })
}

fn convert(root: &Utf8Path, workspace: &Utf8Path, package: &cargo_metadata::Package) -> Result<Package> {
    let dir = package.manifest_path.parent().context("a manifest without a folder")?;
    let path_dependencies = |wanted: fn(DependencyKind) -> bool| {
        let paths = package.dependencies.iter().filter(|dependency| wanted(dependency.kind));
        let paths = paths.filter_map(|dependency| dependency.path.as_ref());
        paths.map(|path| relative(root, path)).collect::<Result<BTreeSet<_>>>()
    };
    let mut bins: Vec<_> =
        package.targets.iter().filter(|target| target.is_bin()).map(|target| target.name.clone()).collect();
    bins.sort();
    let mut roots = Vec::new();
    for target in &package.targets {
        let has_main = target.is_bin() || target.is_custom_build();
        if has_main || target.kind.iter().any(is_library) {
            roots.push(SourceRoot { file: relative(root, &target.src_path)?, has_main });
        }
    }
    roots.sort();
    Ok(Package {
        name: package.name.to_string(),
        dir: relative(root, dir)?,
        workspace: workspace.to_owned(),
        bins,
        default_run: package.default_run.clone(),
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        is_fuzzer: package.metadata.get("cargo-fuzz").is_some(),
        roots,
        path_dependencies: path_dependencies(|kind| kind != DependencyKind::Development)?,
        path_dev_dependencies: path_dependencies(|kind| kind == DependencyKind::Development)?,
    })
}

fn is_library(kind: &TargetKind) -> bool {
    !matches!(
        kind,
        TargetKind::Bin | TargetKind::Test | TargetKind::Bench | TargetKind::Example | TargetKind::CustomBuild
    )
}

/// `path` as seen from the repository; one that lies outside of it cannot be part of a build context.
fn relative(root: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf> {
    let inside = path.strip_prefix(root).with_context(|| format!("{path} lies outside the repository {root}"))?;
    // Windows' separators would make the generated files differ from machine to machine.
    Ok(inside.components().map(|part| part.as_str()).collect::<Vec<_>>().join("/").into())
}
