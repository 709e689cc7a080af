//! The stages of a Rust service: toolchain, manifests, crates, the build.

use super::dockerfile::{Dockerfile, Run, install_packages, network_mounts, secret_mounts};
use super::go::absolute;
use crate::plan::{ImagePlan, RustBuild};

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
    let target = Run::new(format!("sh /{SKELETON_SCRIPT} target"))
        .mount(format!("type=bind,source={SKELETON_SCRIPT},target=/{SKELETON_SCRIPT}"))
        .mounts(network_mounts(&[]));
    dockerfile.run(&target);
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
        dockerfile.copy("", &files, &target);
    }
    dockerfile.blank();
    dockerfile.line("FROM rust-manifests AS rust-skeleton");
    let stubs = |kind: &str, files: Vec<&str>| match files.as_slice() {
        [] => String::new(),
        files => format!(" \\\n        --{kind} {}", files.join(&format!(" \\\n        --{kind} "))),
    };
    let libraries = build.manifests.iter().flat_map(|stub| &stub.libraries).map(|file| file.as_str()).collect();
    let mains = build.manifests.iter().flat_map(|stub| &stub.mains).map(|file| file.as_str()).collect();
    let command = format!("sh /{SKELETON_SCRIPT} skeleton{}{}", stubs("lib", libraries), stubs("main", mains));
    dockerfile.run(&Run::new(command).mount(format!("type=bind,source={SKELETON_SCRIPT},target=/{SKELETON_SCRIPT}")));
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
        dockerfile.copy("", &[config.as_str()], &absolute(config));
    }
    let locked = if build.locked { " --locked" } else { "" };
    let fetch = Run::new(format!("cargo fetch{locked} --target \"$(cat /rust-target)\""))
        .mounts(network_mounts(&["CARGO_HTTP_CAINFO"]))
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
        .then(format!("cargo clean --quiet --offline --release --target-dir /target {}", own.join(" ")));
    dockerfile.run(&run);
    dockerfile.blank();
}

fn sources(dockerfile: &mut Dockerfile, build: &RustBuild) {
    let own: Vec<_> = build.own.iter().map(|manifest| format!(" \\\n        --own {manifest}")).collect();
    dockerfile.stage("sources: exactly what the compiler sees of this service.", "rust-manifests", "manifests");
    let command = format!("sh /{SKELETON_SCRIPT} manifests{}", own.concat());
    dockerfile.run(&Run::new(command).mount(format!("type=bind,source={SKELETON_SCRIPT},target=/{SKELETON_SCRIPT}")));
    dockerfile.blank();
    dockerfile.line("FROM scratch AS sources");
    dockerfile.line("COPY --from=rust-skeleton /skeleton/ /");
    dockerfile.line("COPY . /");
    dockerfile.line("COPY --from=manifests /skeleton/ /");
    dockerfile.blank();
}

fn compile(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &RustBuild) {
    dockerfile.stage(
        "build: compiles the service on top of the compiled crates. What it writes to /target is thrown away, so nothing\n\
         of an older build can end up in the image.",
        "rust-crates",
        "build",
    );
    let bins: Vec<_> = image.container.bins.iter().map(|bin| format!(" --bin {bin}")).collect();
    let binaries: Vec<_> = image.container.bins.iter().map(|bin| format!("/target/*-*-*/release/{bin}")).collect();
    let run = Run::new("cp -R /sources/. /src")
        .mount("type=bind,from=sources,target=/sources")
        .mount("type=bind,from=rust-deps,source=/target,target=/target,rw")
        .mounts(secret_mounts(&image.secrets))
        .then(format!("{}{}", cargo_build(build), bins.concat()))
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
    let manifests = build.manifests.iter().map(|stub| stub.dir.join("Cargo.toml"));
    let root = [Some(build.workspace.join("Cargo.toml")), build.locked.then(|| build.workspace.join("Cargo.lock"))];
    for file in root.into_iter().flatten().chain(manifests) {
        let files = folders.entry(file.parent().map(ToString::to_string).unwrap_or_default()).or_default();
        if !files.contains(&file.to_string()) {
            files.push(file.into_string());
        }
    }
    folders.into_iter().collect()
}
