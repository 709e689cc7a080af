//! The call of `cargo metadata`, and the part of its answer that matters here.

use std::env;
use std::process::Output;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand, TargetKind};
use xshell::{Shell, cmd};

use super::super::Problem;
use super::cargo_config::CargoConfig;
use super::{Dependency, DependencyKind, Package, RootKind, SourceRoot, Workspace, refusal};
use crate::files::tree::{Below as _, Tree};
use crate::process::Command;

/// The manifests in the order of asking: workspace roots first, since their answers cover most of the others.
pub(super) fn rounds(tree: &Tree, manifests: Vec<Utf8PathBuf>) -> Result<[Vec<Utf8PathBuf>; 2]> {
    let mut rounds = [Vec::new(), Vec::new()];
    for manifest in manifests {
        let text = tree.read(&manifest)?.unwrap_or_default();
        let is_root = text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"[workspace"));
        rounds[usize::from(!is_root)].push(manifest);
    }
    Ok(rounds)
}

/// Reads the workspace of each manifest, in parallel, in the order given.
///
/// # Errors
/// Cargo does not run at all.
pub(super) fn read_all(tree: &Tree, manifests: &[Utf8PathBuf]) -> Result<Vec<Result<Workspace, Problem>>> {
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(manifests.len().max(1));
    let lane_length = manifests.len().div_ceil(lanes).max(1);
    thread::scope(|scope| {
        let lanes: Vec<_> = manifests
            .chunks(lane_length)
            .map(|lane| scope.spawn(move || lane.iter().map(|manifest| read(tree, manifest)).collect::<Vec<_>>()))
            .collect();
        let answers = lanes.into_iter().flat_map(|lane| match lane.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        answers.collect()
    })
}

fn read(tree: &Tree, manifest: &Utf8Path) -> Result<Result<Workspace, Problem>> {
    let root = tree.root();
    let folder = folder_to_run_in(root);
    let config = CargoConfig::read(tree, manifest.parent().unwrap_or(Utf8Path::new("")))?;
    let (path, mut settings) = (tree.absolute(manifest), config.registries());
    let problem = |output: &Output| refusal::problem(&String::from_utf8_lossy(&output.stderr), root, folder, manifest);
    let mut output = ask(folder, &path, &settings, Rules::Stable)?;
    let mut needs_nightly = None;
    if !output.status.success() {
        let refused = problem(&output);
        if !refusal::may_be_for_nightly(&refused) {
            return Ok(Err(refused));
        }
        settings.extend(config.unstable());
        output = ask(folder, &path, &settings, Rules::Nightly)?;
        if !output.status.success() {
            let with_nightly = problem(&output);
            let message = format!("{}; and with the rules of nightly: {}", refused.message, with_nightly.message);
            return Ok(Err(Problem { message, ..refused }));
        }
        needs_nightly = Some(refused);
    }
    let answer = String::from_utf8(output.stdout).map_err(anyhow::Error::new);
    let metadata = answer.and_then(|answer| Ok(MetadataCommand::parse(answer)?));
    let metadata = metadata.with_context(|| format!("cannot read what cargo metadata says of {manifest}"))?;
    Ok(workspace(root, &metadata).map(|workspace| Workspace { needs_nightly, ..workspace }))
}

/// The rules that manifests are read by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Stable,
    /// With what is not stable yet.
    Nightly,
}

/// The root of the file system: Cargo's configuration and rustup's pins are looked for in all folders above the
/// current one, and there is none that another person may write to.
fn folder_to_run_in(root: &Utf8Path) -> &Utf8Path {
    root.ancestors().last().unwrap_or(root)
}

/// Runs cargo outside the repository. Its answer is JSON.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo is asked from outside the repository; a run under cargo names its own"
)]
fn ask(folder: &Utf8Path, manifest: &Utf8Path, settings: &[String], rules: Rules) -> Result<Output> {
    let shell = Shell::new()?;
    shell.change_dir(folder);
    shell.set_var("RUSTUP_AUTO_INSTALL", "0");
    if rules == Rules::Nightly {
        // Of this one question, which compiles nothing.
        shell.set_var("RUSTC_BOOTSTRAP", "1");
    }
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let settings = settings.iter().flat_map(|setting| ["--config", setting]);
    let question = cmd!(
        shell,
        "{cargo} metadata --no-deps --offline --format-version 1 --color never {settings...} --manifest-path {manifest}"
    );
    Command::from(question).output()
}

fn workspace(root: &Utf8Path, metadata: &Metadata) -> Result<Workspace, Problem> {
    let outside = |what: &str, path: &Utf8Path| Problem {
        place: what.to_owned(),
        message: format!("{path} lies outside the repository, so no build of it is complete"),
    };
    let manifest = metadata.workspace_root.below("Cargo.toml");
    let Some(dir) = relative(root, &metadata.workspace_root) else { return Err(outside("Cargo.toml", &manifest)) };
    let mut packages = Vec::new();
    for package in metadata.workspace_packages() {
        match relative(root, &package.manifest_path) {
            Some(manifest) => packages.push(Arc::new(convert(root, &dir, &manifest, package)?)),
            None => return Err(outside(dir.below("Cargo.toml").as_str(), &package.manifest_path)),
        }
    }
    packages.sort_by(|a: &Arc<Package>, b| a.dir.cmp(&b.dir));
    let names_test_dependencies = packages.iter().any(|package| package.names_test_dependencies());
    Ok(Workspace {
        dir,
        packages,
        names_test_dependencies,
        needs_nightly: None,
        resolver: String::new(),
        patches: Vec::new(),
    })
}

fn convert(
    root: &Utf8Path,
    workspace: &Utf8Path,
    manifest: &Utf8Path,
    package: &cargo_metadata::Package,
) -> Result<Package, Problem> {
    let outside = |what: String| Problem {
        place: manifest.to_string(),
        message: format!("{what}, which lies outside the repository"),
    };
    let mut roots = Vec::new();
    for target in &package.targets {
        if let Some(kind) = root_kind(target) {
            let file = relative(root, &target.src_path);
            let file = file.ok_or_else(|| outside(format!("the target `{}` is {}", target.name, target.src_path)))?;
            roots.push(SourceRoot { file, kind });
        }
    }
    roots.sort();
    let mut dependencies = Vec::new();
    for dependency in &package.dependencies {
        let path = match &dependency.path {
            Some(path) => Some(
                relative(root, path)
                    .ok_or_else(|| outside(format!("the dependency `{}` is in {path}", dependency.name)))?,
            ),
            None => None,
        };
        dependencies.push(convert_dependency(dependency, path));
    }
    let targets = || package.targets.iter().filter(|target| target.is_bin());
    let mut bins: Vec<_> = targets().map(|target| target.name.clone()).collect();
    bins.sort();
    let required = targets().map(|target| (target.name.clone(), target.required_features.clone()));
    Ok(Package {
        name: package.name.to_string(),
        dir: manifest.parent().unwrap_or(Utf8Path::new("")).to_owned(),
        workspace: workspace.to_owned(),
        bins,
        required_features: required.filter(|(_, features)| !features.is_empty()).collect(),
        default_run: package.default_run.clone(),
        rust_version: package.rust_version.as_ref().map(ToString::to_string),
        is_fuzzer: package.metadata.get("cargo-fuzz").is_some(),
        is_published: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        packager: PACKAGERS.into_iter().find(|tool| package.metadata.get(tool).is_some()),
        roots,
        features: package.features.clone(),
        dependencies,
    })
}

/// Tools that make packages of binaries, by the name of their settings in a manifest.
const PACKAGERS: [&str; 4] = ["deb", "generate-rpm", "rpm", "packager"];

fn convert_dependency(dependency: &cargo_metadata::Dependency, path: Option<Utf8PathBuf>) -> Dependency {
    Dependency {
        key: dependency.rename.clone().unwrap_or_else(|| dependency.name.clone()),
        name: dependency.name.clone(),
        path,
        requirement: dependency.req.clone(),
        source: dependency.source.as_ref().map(|source| source.repr.clone()),
        kind: match dependency.kind {
            cargo_metadata::DependencyKind::Development => DependencyKind::Test,
            cargo_metadata::DependencyKind::Build => DependencyKind::Build,
            _ => DependencyKind::Normal,
        },
        optional: dependency.optional,
        default_features: dependency.uses_default_features,
        features: dependency.features.clone(),
        target: dependency.target.as_ref().map(ToString::to_string),
    }
}

/// What a target is, if a build of the package may compile it.
fn root_kind(target: &cargo_metadata::Target) -> Option<RootKind> {
    if target.is_bin() {
        return Some(RootKind::Binary(target.name.clone()));
    }
    if target.is_custom_build() {
        return Some(RootKind::BuildScript);
    }
    target.kind.iter().find_map(|kind| match kind {
        TargetKind::ProcMacro => Some(RootKind::ProcMacro),
        TargetKind::Test | TargetKind::Bench | TargetKind::Example => None,
        _ => Some(RootKind::Library),
    })
}

/// `path` as seen from the repository; one that lies outside of it cannot be part of a build context.
fn relative(root: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part.as_str() {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path: Utf8PathBuf = parts.iter().collect();
    let inside = path.strip_prefix(root).ok()?;
    // Windows' separators would make the generated files differ from machine to machine.
    Some(inside.components().map(|part| part.as_str()).collect::<Vec<_>>().join("/").into())
}
