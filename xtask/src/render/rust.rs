//! The stages of a Rust service: toolchain, crates, manifests, the build.

mod third_party;

use camino::{Utf8Path, Utf8PathBuf};

use super::dockerfile::{Dockerfile, Run, install_packages, network_mounts, secret_mounts};
use super::go::absolute;
use crate::files::tree::Below as _;
use crate::plan::{ImagePlan, Manifest, RustBuild, RustToolchain, Selected};
use crate::quote::{dockerfile_word, shell_word};

/// The stage that holds a service's binaries with their symbols, and nothing else.
pub(crate) const SYMBOLS: &str = "symbols";

/// The script that makes the views of the manifests, from the repository's root.
pub(crate) const SKELETON_SCRIPT: &str = "docker/rust-skeleton.sh";

const SKELETON_MOUNT: &str = "type=bind,from=repository,source=docker/rust-skeleton.sh,target=/docker/rust-skeleton.sh";

/// Its text.
pub(super) const SKELETON: &str = include_str!("rust/skeleton.sh");

/// What compiled the crates, and stays on the builder.
const KEPT_MOUNT: &str =
    "type=cache,id=$CACHE_SCOPE-rust-deps,from=rust-toolchain,source=/cache/kept,target=/cache/kept,sharing=locked";

pub(super) fn stages(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    toolchain(dockerfile, image, &build.toolchain);
    skeleton(dockerfile, build);
    crates(dockerfile, image, build);
    dependencies(dockerfile, image, build);
    sources(dockerfile, build);
    compile(dockerfile, image, build);
    symbols(dockerfile, image, build);
}

fn toolchain(dockerfile: &mut Dockerfile, image: &ImagePlan, toolchain: &RustToolchain) {
    let from = format!("--platform=$BUILDPLATFORM {}", image.builder);
    dockerfile.stage(
        "rust-toolchain: the compiler, and a linker for another platform where one is asked for.",
        &from,
        "rust-toolchain",
    );
    dockerfile.line("ARG BUILDARCH TARGETARCH");
    // Binaries are stripped, as Go's are: symbols are of no use in an image that has no debugger.
    dockerfile.line("ENV CARGO_PROFILE_RELEASE_STRIP=symbols");
    install_packages(dockerfile, &image.packages);
    if toolchain.needs_rustup() {
        let channel = toolchain.channel.as_deref().filter(|_| toolchain.is_installed).unwrap_or("-");
        let components = toolchain.components.iter().map(|name| format!(" --component {}", shell_word(name)));
        let targets = toolchain.targets.iter().map(|name| format!(" --target {}", shell_word(name)));
        let options: String = components.chain(targets).collect();
        let script = skeleton_script(&format!("toolchain {}{options}", shell_word(channel)));
        dockerfile.run(&script.mounts(network_mounts(&[])));
    }
    dockerfile.run(&skeleton_script("target").mounts(network_mounts(&[])));
    dockerfile.blank();
}

fn skeleton(dockerfile: &mut Dockerfile, build: &RustBuild) {
    dockerfile.stage(
        "rust-manifests: the workspace's manifest and lock file, and what all services want of other people's crates.",
        "rust-toolchain",
        "rust-manifests",
    );
    dockerfile.line("WORKDIR /manifests");
    let lock = build.locked.then(|| build.workspace.below("Cargo.lock"));
    copy_files(dockerfile, [build.workspace.below("Cargo.toml")].into_iter().chain(lock));
    dockerfile.file(&build.workspace.below(third_party::MANIFEST), &third_party::manifest(&build.shared.third_party));
    if !build.shared.not_compiled.is_empty() {
        dockerfile.comment("What no build of these services compiles, Cargo wants to find in its index all the same.");
        let manifest = third_party::not_compiled_manifest(&build.shared.not_compiled);
        dockerfile.file(&build.workspace.below(third_party::NOT_COMPILED_MANIFEST), &manifest);
    }
    dockerfile.blank();
    dockerfile.stage(
        "rust-skeleton: a workspace of nothing else, which changes when the dependencies do, and with no service.",
        "rust-manifests",
        "rust-skeleton",
    );
    // Packages that stand in for others are there as they are, and may inherit keys.
    let keep = if build.patched.is_empty() { "" } else { " --keep workspace" };
    let arguments = format!("third-party /skeleton {} {}{keep}", shell_word(folder(&build.workspace)), build.resolver);
    dockerfile.run(&skeleton_script(&arguments));
    dockerfile.blank();
}

fn crates(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "rust-crates: downloads the crates; a layer of its own, kept until the dependencies change.",
        "rust-toolchain",
        "rust-crates",
    );
    dockerfile.line(&format!("WORKDIR {}", dockerfile_word(&absolute(&build.workspace))));
    dockerfile.line("COPY --from=rust-skeleton /skeleton/ /src/");
    for path in build.config.iter().chain(&build.patched) {
        dockerfile.copy_from_repository(&[path.as_str()], &absolute(path));
    }
    for (name, value) in &build.config_settings.overruled {
        dockerfile.line(&format!("ENV {name}={value}"));
    }
    let fetch = Run::new(format!("sh /{SKELETON_SCRIPT} crates cargo fetch --target \"$(cat /rust-target)\""))
        .mount(SKELETON_MOUNT)
        .mounts(network_mounts(&[]))
        .mounts(secret_mounts(&image.secrets));
    dockerfile.run(&fetch);
    dockerfile.blank();
}

fn dependencies(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "rust-deps: compiles the crates for all services at once. As a layer it travels in a registry cache; what compiled\n\
         it stays on this builder, so that another version of one crate compiles no other.",
        "rust-crates",
        "rust-deps",
    );
    let command = format!("{CARGO_BUILD}{} --package {}", target(build), third_party::PACKAGE);
    let secrets = secret_mounts(&image.secrets);
    if build.patched.is_empty() {
        dockerfile.cache_scope();
        let words = format!("sh /{SKELETON_SCRIPT} dependencies /cache/kept /target {command}");
        dockerfile.run(&Run::compilation("", &words).mount(SKELETON_MOUNT).mount(KEPT_MOUNT).mounts(secrets));
        dockerfile.comment(
            "What rustc said of itself, by which Cargo need not ask it again. It counts where this toolchain was unpacked, and\n\
             no more than that differs from one machine to the next.",
        );
        dockerfile.run(&Run::new("cp -p /cache/kept/.rustc_info.json /target/ || true").mount(KEPT_MOUNT));
    } else {
        // Cargo would go by the file times of packages that are not from a registry.
        dockerfile.run(&Run::compilation("", &format!("{command} --target-dir /target")).mounts(secrets));
    }
    dockerfile.blank();
}

fn sources(dockerfile: &mut Dockerfile, build: &RustBuild) {
    dockerfile.stage(
        "manifests: those that this service is made of, in a workspace without the others.",
        "rust-manifests",
        "manifests",
    );
    let manifests = build.manifests.iter().map(|manifest| manifest.dir.below("Cargo.toml"));
    let root = build.workspace.below("Cargo.toml");
    copy_files(dockerfile, build.other_roots.iter().cloned().chain(manifests).filter(|manifest| *manifest != root));
    let mut arguments = format!("manifests /skeleton {} {}", shell_word(folder(&build.workspace)), build.resolver);
    for (keep, what) in [(build.inherits_version, "version"), (build.keeps_tests, "tests")] {
        arguments.push_str(&if keep { format!(" --keep {what}") } else { String::new() });
    }
    for member in build.manifests.iter().filter(|manifest| manifest.is_member) {
        let member = from_folder(&build.workspace, &member.dir);
        arguments.push_str(&if member == "" { " --root-package".to_owned() } else { option("member", &member) });
    }
    arguments.push_str(&stubs(build.manifests.iter().filter(|manifest| !manifest.compiled)));
    dockerfile.run(&skeleton_script(&arguments));
    dockerfile.blank();
    dockerfile.stage("sources: exactly what the compiler sees.", "repository", "sources");
    dockerfile.line("COPY --from=manifests /skeleton/ /");
    dockerfile.blank();
}

fn skeleton_script(arguments: &str) -> Run {
    Run::new(format!("sh /{SKELETON_SCRIPT} {arguments}")).mount(SKELETON_MOUNT)
}

/// The options for the empty sources of packages.
fn stubs<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> String {
    let (mut libraries, mut mains) = (String::new(), String::new());
    for manifest in manifests {
        libraries.extend(manifest.libraries.iter().map(|file| option("lib", file)));
        mains.extend(manifest.mains.iter().map(|file| option("main", file)));
    }
    libraries + &mains
}

fn option(name: &str, file: &Utf8Path) -> String {
    format!(" \\\n        --{name} {}", shell_word(file.as_str()))
}

fn compile(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "build: compiles the service on top of the compiled crates. What it writes beside /out is thrown away, so nothing\n\
         of an older build can end up in the image.",
        "rust-crates",
        "build",
    );
    dockerfile.run(&build_binaries(image, build, "", Vec::new()));
    dockerfile.blank();
}

/// What names the crates of a binary, on demand: the image's own binaries are stripped as they are linked, and nothing of
/// this is in their way.
fn symbols(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "with-symbols: the same binaries with their symbols, for `cargo xtask sizes explain --symbols`; no image needs it.",
        "rust-crates",
        "with-symbols",
    );
    // Cargo would compile all crates anew for another profile or flag; of a wrapper it takes no notice.
    let wrapper = [
        "printf '#!/bin/sh\\nexec \"$@\" -C strip=debuginfo\\n' >/with-symbols".to_owned(),
        "chmod +x /with-symbols".to_owned(),
    ];
    dockerfile.run(&build_binaries(image, build, "RUSTC_WRAPPER=/with-symbols ", wrapper.to_vec()));
    dockerfile.blank();
    dockerfile.stage("symbols: those alone.", "scratch", SYMBOLS);
    dockerfile.line("COPY --from=with-symbols /out/ /");
    dockerfile.blank();
}

/// The command that compiles the service, after others, and leaves its binaries in /out.
fn build_binaries(image: &ImagePlan, build: &RustBuild, variables: &str, before: Vec<String>) -> Run {
    let features = build.feature_flags();
    let bins: Vec<_> = image.container.bins.iter().map(|bin| format!(" --bin {}", shell_word(bin))).collect();
    let binaries: Vec<_> =
        image.container.bins.iter().map(|bin| format!("/target/*-*-*/release/{}", shell_word(bin))).collect();
    // The second package turns on the features that the crates were compiled with.
    let packages = format!("--package {} --package {}", shell_word(&specification(image, build)), third_party::PACKAGE);
    let words = format!("{CARGO_BUILD}{} --target-dir /target {packages}{features}{}", target(build), bins.concat());
    let run = Run::compilation(variables, &words)
        .mount("type=bind,from=sources,target=/src,rw")
        .mount("type=bind,from=rust-deps,source=/target,target=/target,rw")
        .mounts(secret_mounts(&image.secrets))
        .then(format!("install -D --target-directory=/out {}", binaries.join(" ")))
        .then("touch -d @0 /out/*");
    before.into_iter().rev().fold(run, Run::after)
}

/// The service's package, for Cargo: by its folder where another in the lock file has its name.
fn specification(image: &ImagePlan, build: &RustBuild) -> String {
    if build.shares_name {
        Selected { name: build.package.clone(), dir: image.dir.clone() }.specification("/src".into())
    } else {
        build.package.clone()
    }
}

const CARGO_BUILD: &str = "cargo build --release --offline";

/// The platform's target, where the repository's configuration would have another.
fn target(build: &RustBuild) -> &'static str {
    if build.config_settings.names_target { " --target \"$(cat /rust-target)\"" } else { "" }
}

/// Copies files, by folder, each to its own path.
fn copy_files(dockerfile: &mut Dockerfile, files: impl Iterator<Item = Utf8PathBuf>) {
    let mut folders: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for file in files {
        let files = folders.entry(file.parent().map(ToString::to_string).unwrap_or_default()).or_default();
        if !files.contains(&file.to_string()) {
            files.push(file.into_string());
        }
    }
    for (dir, files) in folders {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let target = if dir.is_empty() { "./".to_owned() } else { format!("{dir}/") };
        dockerfile.copy_from_repository(&files, &target);
    }
}

fn folder(dir: &Utf8Path) -> &str {
    if dir.as_str().is_empty() { "." } else { dir.as_str() }
}

/// A folder as seen from another.
fn from_folder(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| "..");
    let parts: Vec<_> = up.chain(to.components().skip(common).map(|part| part.as_str())).collect();
    parts.join("/").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_seen_from_each_other() {
        for (from, to, expected) in [
            ("rust", "rust/api", "api"),
            ("", "crates/a", "crates/a"),
            ("a/b", "a/c/d", "../c/d"),
            ("a", "a", ""),
            ("a", "", ".."),
        ] {
            assert_eq!(from_folder(from.into(), to.into()), expected, "{to} from {from}");
        }
    }
}
