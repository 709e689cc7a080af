//! The stages of a Go service: modules, third-party packages, the build.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::dockerfile::{Dockerfile, Run, install_packages, network_mounts, secret_mounts};
use crate::plan::platforms::C_COMPILERS;
use crate::plan::{GoBuild, ImagePlan};
use crate::quote::{dockerfile_string, dockerfile_word, shell_word};

/// Where compiled packages are. Not at the root: the builder walks all that is beside what it mounts from a stage.
const CACHE: &str = "/cache/go";

/// The file in it that tells one layer of compiled packages from another.
const SEED: &str = "seed";

/// Where Go keeps what it downloaded.
const DOWNLOADS: &str = "\"$(go env GOMODCACHE)/cache/download\"";

/// Keeps Go's counters, which have dates, out of a layer.
const NO_TELEMETRY: &str = "type=tmpfs,target=/root/.config/go/telemetry";

/// What Go compiles for.
const PLATFORM: &str = "GOOS=$TARGETOS GOARCH=$TARGETARCH ";

/// The platform, as the builder gives it.
const PLATFORM_ARGUMENTS: &str = "ARG TARGETOS TARGETARCH TARGETVARIANT";

/// The level of the architecture, as v3 of linux/amd64/v3; by an empty variable Go takes its default.
const LEVEL: &str = "case $TARGETARCH in \\
        amd64) export GOAMD64=\"$TARGETVARIANT\" ;; \\
        arm) export GOARM=\"${TARGETVARIANT#v}\" ;; \\
        arm64) export GOARM64=\"${TARGETVARIANT:+$TARGETVARIANT.0}\" ;; \\
    esac";

/// Variables that say where modules come from, and whether what comes is checked. They decide nothing of what is in them.
pub(crate) const DOWNLOAD_VARIABLES: [&str; 7] =
    ["GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOSUMDB", "GOINSECURE", "GOVCS"];

pub(super) fn stages(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &GoBuild) {
    toolchain(dockerfile, image, build);
    modules(dockerfile, image, build);
    if has_third_party(build) {
        third_party(dockerfile, build);
    }
    compile(dockerfile, image, build);
}

fn has_third_party(build: &GoBuild) -> bool {
    !build.third_party.is_empty() || !build.third_party_on.is_empty()
}

fn toolchain(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &GoBuild) {
    let from = format!("--platform=$BUILDPLATFORM {}", image.builder);
    dockerfile.stage("go-toolchain: the compiler, and an empty build cache.", &from, "go-toolchain");
    install_packages(dockerfile, &image.packages);
    if build.cgo {
        dockerfile.comment("C for another architecture is compiled by Debian's compiler for that.");
        dockerfile.line("ARG BUILDARCH TARGETARCH TARGETVARIANT");
        dockerfile.run(&Run::new(cross_compiler()).mounts(network_mounts(&[])).mount(NO_TELEMETRY));
    }
    dockerfile.line(&format!("ENV CGO_ENABLED={} GOCACHE={CACHE}", u8::from(build.cgo)));
    if let Some(patterns) = &build.goprivate {
        dockerfile.line(&format!("ENV GOPRIVATE={}", dockerfile_string(patterns)));
    }
    dockerfile.line(&format!("WORKDIR {CACHE}"));
    dockerfile.blank();
}

/// Installs the compiler of C for another architecture than the builder's, and tells Go of it.
fn cross_compiler() -> String {
    let mut text = "[ $BUILDARCH = $TARGETARCH ] || { \\\n    case $TARGETARCH$TARGETVARIANT in \\\n".to_owned();
    for (start, compiler) in C_COMPILERS {
        text.push_str(&format!("        {start}*) set -- {compiler} ;; \\\n"));
    }
    text.push_str(
        "        *) echo \"no compiler of C is known for linux/$TARGETARCH/$TARGETVARIANT\" >&2; exit 1 ;; \\
    esac && \\
    apt-get update && \\
    apt-get install --yes --no-install-recommends \"g++-$(echo $1 | tr _ -)\" && \\
    rm -rf /var/lib/apt/lists/* && \\
    go env -w CC=$1-gcc CXX=$1-g++; }",
    );
    text
}

fn modules(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &GoBuild) {
    let purpose = if build.vendor.is_some() {
        "go-modules: the vendored modules."
    } else if build.downloads {
        "go-modules: downloads the modules that go.mod and go.sum name; a layer of its own, kept until they change."
    } else {
        "go-modules: the modules of the repository. No package of another one is imported, so none is downloaded."
    };
    dockerfile.stage(purpose, "go-toolchain", "go-modules");
    dockerfile.line(&format!("WORKDIR {}", dockerfile_word(&absolute(&build.dir))));
    for (folder, files) in by_folder(build) {
        dockerfile.copy_from_repository(&files, &format!("{}/", absolute(folder)));
    }
    if let Some(vendor) = &build.vendor {
        dockerfile.copy_from_repository(&[&format!("{vendor}/")], &format!("{}/", absolute(vendor)));
    } else if build.downloads {
        download(dockerfile, image, build);
    }
    dockerfile.blank();
}

fn download(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &GoBuild) {
    let with_mounts = |run: Run| {
        run.mounts(network_mounts(&DOWNLOAD_VARIABLES))
            .mount("type=secret,id=netrc,target=/root/.netrc")
            .mounts(secret_mounts(&image.secrets))
    };
    if !has_third_party(build) {
        dockerfile.run(&with_mounts(Run::new("go mod download")));
        return;
    }
    dockerfile.cache_scope();
    dockerfile.comment(
        "What this builder has downloaded before is a proxy that is asked first. go.sum decides whether it is used.",
    );
    // The unpacked modules are what is compiled; packed and incompressible, they would be most of the layer.
    let run = Run::new("GOPROXY=\"file:///kept,$(go env GOPROXY)\" go mod download 2>/dev/null || go mod download")
        .then(format!("{{ cp -r {DOWNLOADS}/. /kept || true; }}"))
        .then(format!("find {DOWNLOADS} -name '*.zip' -delete"))
        .then(timeless("\"$(go env GOPATH)\""))
        .mount(NO_TELEMETRY);
    dockerfile.run(&with_mounts(run).mount("type=cache,id=$CACHE_SCOPE-go-modules,target=/kept"));
}

fn third_party(dockerfile: &mut Dockerfile, build: &GoBuild) {
    dockerfile.stage(
        "go-deps: compiles the packages of other modules that the services import, for all of them at once. As a\n\
         layer it travels in a registry cache; what compiled it stays on this builder, so that another version of one\n\
         module compiles no other.",
        "go-modules",
        "go-deps",
    );
    dockerfile.line(PLATFORM_ARGUMENTS);
    dockerfile.cache_scope();
    dockerfile.comment(
        "Go renews the time of what it uses, which tells what of the kept cache belongs into the layer. Without the\n\
             times that files and Go's records have, a layer that is compiled anew is the same everywhere, and stored once.",
    );
    let words = format!("go build {} \"$@\"", build.compiler_flags());
    let run = Run::compilation(&format!("GOCACHE=/kept {PLATFORM}"), &words)
        .after("touch -d @1 /dev/shm/before")
        .after("date +%s > /kept/trim.txt")
        .after("find /kept -type f -exec touch -d @0 {} +")
        .after(packages(build))
        .after(LEVEL)
        .then(format!("cp -a /kept/. {CACHE}/"))
        .then(format!("find {CACHE} -type f ! -newer /dev/shm/before -delete"))
        .then(format!("rm {CACHE}/trim.txt"))
        .then(format!("find {CACHE} -name '*-a' -exec sed -i 's/.\\{{20\\}}$/{:020}/' {{}} +", 1))
        .then(format!("find {CACHE} -type f > /dev/shm/files"))
        .then("sort -o /dev/shm/files /dev/shm/files")
        .then(format!("sha256sum /dev/shm/files > {CACHE}/{SEED}"))
        .then(timeless("/cache /tmp"))
        .mount(NO_TELEMETRY)
        .mount(format!("{},sharing=locked", kept("go-deps")));
    dockerfile.run(&run);
    dockerfile.blank();
}

/// Sets the shell's arguments to the packages of the architecture.
fn packages(build: &GoBuild) -> String {
    let words = |packages: &[String], indent: &str| {
        let words: Vec<_> = packages.iter().map(|package| shell_word(package)).collect();
        words.join(&format!(" \\\n{indent}"))
    };
    // `go build` without a package would take that of its folder. This one is compiled into the compiler.
    let of_all = if build.third_party.is_empty() { "unsafe".to_owned() } else { words(&build.third_party, "        ") };
    let mut text = format!("set -- {of_all}");
    if !build.third_party_on.is_empty() {
        text.push_str(" && \\\n    case $TARGETARCH in \\\n");
        for (goarch, packages) in &build.third_party_on {
            let packages = words(packages, "            ");
            text.push_str(&format!("        {goarch}) set -- \"$@\" {packages} ;; \\\n"));
        }
        text.push_str("    esac");
    }
    text
}

fn compile(dockerfile: &mut Dockerfile, image: &ImagePlan, build: &GoBuild) {
    let seed = format!("(flock 9; cp -ru {CACHE}/. /kept/ && cp {CACHE}/{SEED} /kept/)");
    let (from, seed) = if has_third_party(build) {
        ("go-deps", Some(format!("{{ cmp -s {CACHE}/{SEED} /kept/{SEED} || {seed} 9>/kept/lock || true; }}")))
    } else {
        ("go-modules", None)
    };
    dockerfile.stage("build: compiles the service, in a build cache that stays on this builder.", from, "build");
    dockerfile.line(PLATFORM_ARGUMENTS);
    dockerfile.cache_scope();
    // Go's own name of it may be that of many, e.g. `cmd`.
    let binary = image.container.bins.first().unwrap_or(&build.executable);
    let output = shell_word(&format!("/out/{binary}"));
    let words = format!("go build {} -o {output} {}", build.flags(), shell_word(&build.package));
    let run = Run::compilation(&format!("GOCACHE=/kept {PLATFORM}"), &words)
        .mount("type=bind,from=repository,target=/src")
        .mount(kept("go-build"))
        .mounts(secret_mounts(&image.secrets))
        .after(LEVEL)
        .then("touch -d @0 /out/*");
    // Where nothing is imported, Go downloads nothing; if it wants to all the same, it knows from where.
    let run =
        if build.downloads || build.vendor.is_some() { run } else { run.mounts(network_mounts(&DOWNLOAD_VARIABLES)) };
    let run = match seed {
        Some(seed) => {
            dockerfile
                .comment("Once for each layer above it gets what it lacks of that. Go compiles what is still missing.");
            run.after(seed)
        }
        None => run,
    };
    dockerfile.run(&run);
    dockerfile.blank();
}

/// Gives all that is in these folders the same time, so that a layer of it has one digest.
fn timeless(folders: &str) -> String {
    format!("find {folders} -exec touch -hd @0 {{}} +")
}

/// The mount of a build cache that begins anew with another toolchain: Go does not look at the C libraries in it.
fn kept(name: &str) -> String {
    format!("type=cache,id=$CACHE_SCOPE-{name},from=go-toolchain,source={CACHE},target=/kept")
}

/// The module files, by the folder they stand in, each with its whole path.
fn by_folder(build: &GoBuild) -> BTreeMap<&Utf8Path, Vec<&str>> {
    let mut folders: BTreeMap<&Utf8Path, Vec<&str>> = BTreeMap::new();
    for file in &build.module_files {
        folders.entry(file.parent().unwrap_or(Utf8Path::new(""))).or_default().push(file.as_str());
    }
    folders
}

/// A folder of the repository as the build stages see it.
pub(super) fn absolute(dir: &Utf8Path) -> String {
    if dir.as_str().is_empty() { "/src".to_owned() } else { format!("/src/{dir}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages_of(third_party: &[&str], on: &[(&str, &[&str])]) -> String {
        let owned = |packages: &[&str]| packages.iter().map(|package| (*package).to_owned()).collect();
        let on = on.iter().map(|(goarch, packages)| ((*goarch).to_owned(), owned(packages))).collect();
        packages(&GoBuild { third_party: owned(third_party), third_party_on: on, ..GoBuild::default() })
    }

    #[test]
    fn c_is_compiled_for_another_architecture() {
        insta::assert_snapshot!(cross_compiler(), @r#"
        [ $BUILDARCH = $TARGETARCH ] || { \
            case $TARGETARCH$TARGETVARIANT in \
                386*) set -- i686-linux-gnu ;; \
                amd64*) set -- x86_64-linux-gnu ;; \
                arm64*) set -- aarch64-linux-gnu ;; \
                armv7*) set -- arm-linux-gnueabihf ;; \
                ppc64le*) set -- powerpc64le-linux-gnu ;; \
                riscv64*) set -- riscv64-linux-gnu ;; \
                s390x*) set -- s390x-linux-gnu ;; \
                *) echo "no compiler of C is known for linux/$TARGETARCH/$TARGETVARIANT" >&2; exit 1 ;; \
            esac && \
            apt-get update && \
            apt-get install --yes --no-install-recommends "g++-$(echo $1 | tr _ -)" && \
            rm -rf /var/lib/apt/lists/* && \
            go env -w CC=$1-gcc CXX=$1-g++; }
        "#);
    }

    #[test]
    fn each_architecture_has_its_own_packages() {
        insta::assert_snapshot!(packages_of(&["a.example/x", "b.example/y"], &[]), @r"
        set -- a.example/x \
                b.example/y
        ");
        let on: [(&str, &[&str]); 2] = [("amd64", &["b.example/y"]), ("arm64", &["c.example/z", "d.example/w"])];
        insta::assert_snapshot!(packages_of(&["a.example/x"], &on), @r#"
        set -- a.example/x && \
            case $TARGETARCH in \
                amd64) set -- "$@" b.example/y ;; \
                arm64) set -- "$@" c.example/z \
                    d.example/w ;; \
            esac
        "#);
        insta::assert_snapshot!(packages_of(&[], &[("arm64", &["c.example/z"])]), @r#"
        set -- unsafe && \
            case $TARGETARCH in \
                arm64) set -- "$@" c.example/z ;; \
            esac
        "#);
    }
}
