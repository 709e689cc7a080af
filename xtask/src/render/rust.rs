//! The stages of a Rust service: toolchain, manifests, crates, the build.

use camino::Utf8Path;

use super::dockerfile::{Dockerfile, Run, install_packages, network_mounts, secret_mounts};
use super::go::absolute;
use crate::files::tree::Below as _;
use crate::plan::{ImagePlan, Manifest, RustBuild};

/// The script that makes the views of the manifests, from the repository's root.
pub(crate) const SKELETON_SCRIPT: &str = "docker/rust-skeleton.sh";

/// Its text.
pub(super) const SKELETON: &str = include_str!("rust/skeleton.sh");

pub(super) fn stages(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    toolchain(dockerfile, image);
    manifests(dockerfile, build);
    crates(dockerfile, image, build);
    dependencies(dockerfile, image, build);
    sources(dockerfile, build);
    compile(dockerfile, image, build);
}

fn toolchain(dockerfile: &mut Dockerfile, image: &ImagePlan) {
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
    dockerfile.run(&skeleton_script("target").mounts(network_mounts(&[])));
    dockerfile.blank();
}

fn manifests(dockerfile: &mut Dockerfile, build: &RustBuild) {
    dockerfile.stage(
        "rust-manifests: the manifests without what no compiler reads, and without our own versions: a skeleton that\n\
         changes only when the dependencies do.",
        "rust-toolchain",
        "rust-manifests",
    );
    dockerfile.line("WORKDIR /manifests");
    for (dir, files) in manifest_files(build) {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let target = if dir.is_empty() { "./".to_owned() } else { format!("{dir}/") };
        dockerfile.copy_from_repository(&files, &target);
    }
    dockerfile.blank();
    dockerfile.line("FROM rust-manifests AS rust-skeleton");
    dockerfile.run(&skeleton_script(&format!("skeleton{}", stubs(build.manifests.iter()))));
    dockerfile.blank();
}

fn crates(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "rust-crates: downloads the crates; a layer of its own, kept until the dependencies change.",
        "rust-toolchain",
        "rust-crates",
    );
    dockerfile.line(&format!("WORKDIR {}", absolute(&build.workspace)));
    dockerfile.line("COPY --from=rust-skeleton /skeleton/ /src/");
    for config in &build.config {
        dockerfile.copy_from_repository(&[config.as_str()], &absolute(config));
    }
    let locked = if build.locked { " --locked" } else { "" };
    let fetch = Run::new(format!("cargo fetch{locked} --target \"$(cat /rust-target)\""))
        .mounts(network_mounts(&[]))
        .mounts(secret_mounts(&image.secrets));
    dockerfile.run(&fetch);
    dockerfile.blank();
}

fn dependencies(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "rust-deps: compiles the crates for all services at once, then forgets the empty stand-ins of our own. As a\n\
         layer it travels in a registry cache.",
        "rust-crates",
        "rust-deps",
    );
    let own: Vec<_> = build.manifests.iter().map(|stub| format!("--package {}", stub.name)).collect();
    let run = Run::new(cargo_build(build))
        .mounts(secret_mounts(&image.secrets))
        // Without `--target`, cargo cleans nothing of a target that its configuration names.
        .then(format!(
            "cargo clean --quiet --offline --release --target-dir /target --target \"$(cat /rust-target)\" {}",
            own.join(" ")
        ));
    dockerfile.run(&run);
    dockerfile.blank();
}

fn sources(dockerfile: &mut Dockerfile, build: &RustBuild) {
    dockerfile.stage(
        "manifests: our own versions again, for the packages that this service is made of; empty stand-ins for the others.",
        "rust-manifests",
        "manifests",
    );
    let own: String = build.own.iter().map(|manifest| option("own", manifest)).collect();
    let others = build.manifests.iter().filter(|manifest| !manifest.compiled);
    dockerfile.run(&skeleton_script(&format!("manifests{own}{}", stubs(others))));
    dockerfile.blank();
    dockerfile.stage("sources: exactly what the compiler sees.", "repository", "sources");
    dockerfile.line("COPY --from=manifests /skeleton/ /");
    dockerfile.blank();
}

fn skeleton_script(arguments: &str) -> Run {
    Run::new(format!("sh /{SKELETON_SCRIPT} {arguments}"))
        .mount(format!("type=bind,from=repository,source={SKELETON_SCRIPT},target=/{SKELETON_SCRIPT}"))
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
    format!(" \\\n        --{name} {file}")
}

fn compile(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "build: compiles the service on top of the compiled crates. What it writes beside /out is thrown away, so nothing\n\
         of an older build can end up in the image.",
        "rust-crates",
        "build",
    );
    let bins: Vec<_> = image.container.bins.iter().map(|bin| format!(" --bin {bin}")).collect();
    let binaries: Vec<_> = image.container.bins.iter().map(|bin| format!("/target/*-*-*/release/{bin}")).collect();
    let run = Run::new(format!("{}{}", cargo_build(build), bins.concat()))
        .mount("type=bind,from=sources,target=/src,rw")
        .mount("type=bind,from=rust-deps,source=/target,target=/target,rw")
        .mounts(secret_mounts(&image.secrets))
        .then(format!("install -D --target-directory=/out {}", binaries.join(" ")))
        .then("touch -d @0 /out/*");
    dockerfile.run(&run);
    dockerfile.blank();
}

fn cargo_build(build: &RustBuild) -> String {
    let packages: Vec<_> = build.selection.iter().map(|package| format!(" --package {package}")).collect();
    let features =
        if build.features.is_empty() { String::new() } else { format!(" --features {}", build.features.join(",")) };
    format!("cargo build --release --offline --target-dir /target{}{features}", packages.concat())
}

/// Manifests and the lock file, by folder, each with its whole path.
fn manifest_files(build: &RustBuild) -> Vec<(String, Vec<String>)> {
    let mut folders: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    let manifests = build.manifests.iter().map(|stub| stub.dir.below("Cargo.toml"));
    for file in build.workspace_files.iter().cloned().chain(manifests) {
        let files = folders.entry(file.parent().map(ToString::to_string).unwrap_or_default()).or_default();
        if !files.contains(&file.to_string()) {
            files.push(file.into_string());
        }
    }
    folders.into_iter().collect()
}
