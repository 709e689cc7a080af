//! `cargo build`, with the profile of the generated Dockerfiles and without a path of this machine in the result.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::cross::Host;
use super::{CommandLine, Place, rustc};
use crate::discover::rust::{ConfigSettings, is_target};
use crate::engine::native::{Target, own_architecture};
use crate::error::Error;
use crate::files;
use crate::oci::document::Platform;
use crate::plan::{Build, RustBuild};
use crate::process::Command;

/// The variable that says where Cargo leaves what only it reads.
const BUILD_DIR: &str = "CARGO_BUILD_BUILD_DIR";

/// How a Rust binary is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Linkage {
    /// With musl, statically.
    Musl,
    /// With this machine's glibc, statically.
    StaticGlibc,
    /// With the base's glibc, when it is started.
    Glibc,
}

/// The Rust toolchain of a workspace.
#[derive(Debug)]
pub(crate) struct Toolchain<'a> {
    folder: &'a Utf8Path,
}

impl Linkage {
    /// The compilation target, by rustc's name.
    pub(crate) fn triple(self, platform: &Platform) -> Option<String> {
        let architecture = match platform.architecture.as_str() {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            _ => return None,
        };
        let library = if self == Self::Musl { "musl" } else { "gnu" };
        Some(format!("{architecture}-unknown-linux-{library}"))
    }

    /// The flags of the compiler.
    fn flags(self) -> Vec<String> {
        match self {
            // A musl target links statically by itself, but says otherwise in some distributions.
            Self::Musl | Self::StaticGlibc => vec!["-Ctarget-feature=+crt-static".to_owned()],
            Self::Glibc => Vec::new(),
        }
    }
}

impl<'a> Toolchain<'a> {
    /// The toolchain that a workspace's folder chooses.
    pub(crate) fn of(folder: &'a Utf8Path) -> Self {
        Self { folder }
    }

    /// Checks that it is the one that the repository asks for.
    ///
    /// # Errors
    /// It is another one, or none is there.
    pub(crate) fn check(&self, build: &RustBuild) -> Result<()> {
        rustc::check(self.folder, build).map_err(|error| self.hinted(error))
    }

    /// How to link for a platform onto a base with or without a loader.
    ///
    /// # Errors
    /// No target that would do is installed.
    pub(crate) fn linkage(&self, platform: &Platform, base_has_loader: bool) -> Result<Linkage> {
        let own = own_host().is(platform);
        let wanted = if base_has_loader { vec![Linkage::Glibc] } else { vec![Linkage::Musl, Linkage::StaticGlibc] };
        for linkage in wanted {
            // Linking glibc needs a linker and its libraries, which only the own architecture is sure to have.
            if (own || linkage == Linkage::Musl) && self.has(&linkage, platform)? {
                return Ok(linkage);
            }
        }
        Err(own_host().no_target(platform, base_has_loader).into())
    }

    fn has(&self, linkage: &Linkage, platform: &Platform) -> Result<bool> {
        let Some(triple) = linkage.triple(platform) else { return Ok(false) };
        let shell = Shell::new()?;
        shell.change_dir(self.folder);
        let command = cmd!(shell, "rustc --print target-libdir --target {triple}").env_remove("RUSTUP_TOOLCHAIN");
        let folder = Command::from(command.env("RUST_BACKTRACE", "0")).read().map_err(|error| self.hinted(error))?;
        Ok(files::is_folder(Utf8Path::new(&folder)))
    }

    /// A failure of rustc, with what mends it where rustup may install nothing unasked.
    fn hinted(&self, error: anyhow::Error) -> anyhow::Error {
        let text = format!("{error:#}");
        if !text.contains("is not installed") {
            return error;
        }
        Error::failure(text).hint(format!("`rustup toolchain install` in {} brings it", self.folder)).into()
    }
}

fn own_host() -> Host<'static> {
    Host { os: std::env::consts::OS, architecture: own_architecture() }
}

/// What mends a failed compilation for another platform, where a linker for it is missing.
pub(super) fn missing_linker(target: &Target, stderr: &str) -> Option<String> {
    let triple = target.linkage?.triple(&target.platform)?;
    own_host().no_linker(&target.platform, &triple, stderr)
}

/// Services of one group are compiled by one command, with the features that Cargo unifies over their packages.
pub(super) fn group(target: &Target, build: &RustBuild) -> String {
    format!("rust {} {}", output_name(build, target.linkage), target.platform)
}

/// The name of a folder for the workspace, what is selected of it and how it is linked: another selection has other
/// features, and other flags would compile everything anew.
fn output_name(build: &RustBuild, linkage: Option<Linkage>) -> String {
    let selection = format!("{:?} {:?} {linkage:?}", build.shared.selection, build.shared.selection_features);
    let digest = crate::oci::digest(selection.as_bytes());
    let workspace = build.workspace.as_str().replace('/', "-");
    let hash = digest.trim_start_matches("sha256:").get(..8).unwrap_or_default();
    format!("{}-{hash}", if workspace.is_empty() { "root" } else { &workspace })
}

pub(super) fn compile(place: Place, targets: &[&Target], build: &RustBuild) -> Result<(CommandLine, Utf8PathBuf)> {
    let first = targets.first().context("a step compiles something")?;
    let linkage = first.linkage.context("the linkage of a Rust service is known")?;
    let triple = linkage.triple(&first.platform).context("has a target, since it has a linkage")?;
    let target_folder = place.work.join("rust").join(output_name(build, Some(linkage)));
    let flags = serde_json::to_string(&flags(place, build, linkage, &target_folder, &triple))?;
    let mut arguments: Vec<String> = vec!["build".into(), "--release".into(), "--target".into(), triple.clone()];
    arguments.extend(["--target-dir".to_owned(), target_folder.to_string()]);
    arguments.extend(["--config".to_owned(), format!("target.{triple}.rustflags={flags}")]);
    if build.config_settings.overruled.contains_key(BUILD_DIR) {
        arguments.extend(["--config".to_owned(), format!("build.build-dir={:?}", target_folder.as_str())]);
    }
    if build.locked {
        arguments.push("--locked".to_owned());
    }
    for package in &build.shared.selection {
        arguments.extend(["--package".to_owned(), package.specification(place.root)]);
    }
    let features = &build.shared.selection_features;
    if !features.is_empty() {
        arguments.extend(["--features".to_owned(), features.join(",")]);
    }
    for bin in targets
        .iter()
        .filter(|target| matches!(target.image.build, Build::Rust(_)))
        .flat_map(|target| &target.image.container.bins)
    {
        arguments.extend(["--bin".to_owned(), bin.clone()]);
    }
    let mut set = BTreeMap::from([("CARGO_PROFILE_RELEASE_STRIP".to_owned(), "symbols".to_owned())]);
    set.extend(place.jobs.map(|jobs| ("CARGO_BUILD_JOBS".to_owned(), jobs.to_string())));
    let unset = place.environment.keys().filter(|name| changes_the_result(name)).cloned().collect();
    let folder = place.root.join(&build.workspace);
    let output = target_folder.join(triple).join("release");
    Ok((CommandLine { program: "cargo", arguments, folder, set, unset }, output))
}

/// The command that forgets the services' packages, in the place where `build_line` compiles them.
pub(super) fn forget(build_line: &CommandLine, targets: &[&Target]) -> CommandLine {
    let mut arguments: Vec<String> = vec!["clean".into(), "--quiet".into(), "--release".into()];
    for option in ["--target", "--target-dir"] {
        let at = build_line.arguments.iter().position(|argument| argument == option);
        arguments.extend(at.into_iter().flat_map(|at| build_line.arguments.iter().skip(at).take(2)).cloned());
    }
    let packages = targets.iter().filter_map(|target| match &target.image.build {
        Build::Rust(build) => Some(build.manifests.iter().filter(|manifest| manifest.compiled)),
        Build::Go(_) => None,
    });
    let packages: BTreeSet<_> = packages.flatten().map(|manifest| manifest.name.clone()).collect();
    arguments.extend(packages.into_iter().flat_map(|package| ["--package".to_owned(), package]));
    CommandLine { arguments, ..build_line.clone() }
}

/// The compiler's flags: those of the repository, the linkage, and names for the folders of this machine, the same as in
/// the generated Dockerfiles.
fn flags(place: Place, build: &RustBuild, linkage: Linkage, target_folder: &Utf8Path, triple: &str) -> Vec<String> {
    let mut flags = own_flags(&build.config_settings, triple);
    flags.extend(linkage.flags());
    let home = place.environment.get("CARGO_HOME").cloned();
    let home = home.or_else(|| Some(format!("{}/.cargo", place.environment.get("HOME")?)));
    let folders = [
        (Some(place.root.to_string()), "/src"),
        (home, "/usr/local/cargo"),
        (Some(target_folder.to_string()), "/target"),
    ];
    for (here, there) in folders {
        flags.extend(here.map(|here| format!("--remap-path-prefix={here}={there}")));
    }
    flags
}

/// The flags that the repository's own configuration gives under `build`. Cargo would ignore them beside ours, which stand
/// under the target; those that it gives to the target, Cargo adds by itself, and ignores these.
fn own_flags(config: &ConfigSettings, triple: &str) -> Vec<String> {
    let has_its_own = config.targets_with_flags.iter().any(|condition| is_target(condition, triple));
    if has_its_own { Vec::new() } else { config.rustflags.clone() }
}

/// Whether a variable changes what Cargo makes of the same sources. A linker for another architecture does not.
fn changes_the_result(name: &str) -> bool {
    let of_cargo = |rest: &str| {
        rest != "BUILD_JOBS" && ["BUILD_", "PROFILE_"].iter().any(|start| rest.starts_with(start))
            || ["TARGET_DIR", "INCREMENTAL", "ENCODED_RUSTFLAGS"].contains(&rest)
            || rest.starts_with("TARGET_") && rest.ends_with("_RUSTFLAGS")
    };
    ["RUSTFLAGS", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTC_BOOTSTRAP"].contains(&name)
        || name.strip_prefix("CARGO_").is_some_and(of_cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_developer_that_would_change_the_result() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTC_BOOTSTRAP",
        ] {
            assert!(changes_the_result(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER",
            "CARGO_NET_OFFLINE",
            "PATH",
            "RUSTC_WRAPPER",
        ] {
            assert!(!changes_the_result(name), "{name}");
        }
    }

    #[test]
    fn the_repositorys_own_flags_are_kept() {
        let flags = |target: &str| {
            let rustflags = vec!["-Cpanic=abort".to_owned()];
            let targets_with_flags = vec![target.to_owned()];
            let config = ConfigSettings { rustflags, targets_with_flags, ..ConfigSettings::default() };
            own_flags(&config, "x86_64-unknown-linux-musl")
        };
        for other in ["aarch64-apple-darwin", "cfg(windows)", "cfg(target_env = \"gnu\")", "x86_64-unknown-linux-gnu"] {
            assert_eq!(flags(other), ["-Cpanic=abort"], "{other}");
        }
        for own in ["x86_64-unknown-linux-musl", "cfg(unix)", "cfg(all(unix, target_env = \"musl\"))", "cfg(all())"] {
            assert_eq!(flags(own), Vec::<String>::new(), "Cargo takes those of {own} alone");
        }
    }

    #[test]
    fn targets() {
        let triple = |linkage: Linkage, platform| linkage.triple(&Platform::parse(platform));
        assert_eq!(triple(Linkage::Musl, "linux/arm64").as_deref(), Some("aarch64-unknown-linux-musl"));
        assert_eq!(triple(Linkage::Glibc, "linux/amd64").as_deref(), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(triple(Linkage::Glibc, "linux/s390x"), None);
    }
}
