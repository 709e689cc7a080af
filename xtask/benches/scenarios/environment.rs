//! The programs that the benchmark needs, and its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::subject::Subject;
use crate::{testbed, workspace};

const CHEF_VERSION: &str = "0.1.78";
const KO_VERSION: &str = "v0.19.1";

/// Stands before docker, which tells the tool where its buildx is: in a program of the same kind.
const DOCKER: &str = r#"#!/usr/bin/env bash
folder=$(dirname "${BASH_SOURCE[0]}")
if [[ $1 == info ]]; then
  "$BENCH_DOCKER" "$@" >"$folder/program" && echo "$folder/buildx"
else
  exec "$BENCH_DOCKER" "$@" 2> >(exec tee -a "$BENCH_LOG" >&2)
fi
"#;

/// Stands before buildx.
const BUILDX: &str = r#"#!/usr/bin/env bash
exec "$(<"$(dirname "${BASH_SOURCE[0]}")/program")" "$@" 2> >(exec tee -a "$BENCH_LOG" >&2)
"#;

pub struct Environment {
    /// `target/bench`.
    pub folder: Utf8PathBuf,
    /// The tool, compiled as its users have it.
    pub tool: Utf8PathBuf,
    pub ko: Utf8PathBuf,
    pub chef_image: String,
    docker: Utf8PathBuf,
}

impl Environment {
    /// Where all is that the benchmark writes.
    pub fn folder() -> Utf8PathBuf {
        root().join("target/bench")
    }

    /// Compiles and installs what is not there.
    pub fn prepare(rust_image: &str) -> Self {
        let (root, folder) = (root(), Self::folder());
        let docker = which::which("docker").expect("docker is on PATH");
        let environment = Self {
            tool: folder.join("programs/xtask"),
            ko: folder.join("programs/ko"),
            chef_image: format!(
                "{}/bench/cargo-chef:{CHEF_VERSION}-{}",
                testbed::registry(),
                rust_image.replace(':', "-")
            ),
            docker: Utf8PathBuf::from_path_buf(docker).expect("is UTF-8"),
            folder,
        };
        run(Command::new(env!("CARGO")).current_dir(root).args([
            "build",
            "--quiet",
            "--package",
            "xtask",
            "--bin",
            "xtask",
        ]));
        // A copy, which nobody's next build replaces in the middle of a run.
        workspace::write(&environment.tool, "");
        fs::copy(root.join("target/debug/xtask"), &environment.tool).expect("copies the tool");
        for (name, script) in [("docker", DOCKER), ("buildx", BUILDX)] {
            let shim = environment.shims().join(name);
            workspace::write(&shim, script);
            fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).expect("sets the mode");
        }
        environment.install_ko();
        environment.make_chef_image(rust_image);
        environment
    }

    fn shims(&self) -> Utf8PathBuf {
        self.folder.join("shims")
    }

    /// The caches of this machine's Go, for a subject that builds with it.
    pub fn go_caches(&self, subject: Subject) -> Utf8PathBuf {
        self.folder.join(format!("{}-caches", subject.name()))
    }

    pub fn set_go_caches(&self, command: &mut Command, subject: Subject) {
        command.env("GOFLAGS", "-buildvcs=false -modcacherw");
        for (variable, folder) in [("GOMODCACHE", "modules"), ("GOCACHE", "build"), ("KOCACHE", "ko")] {
            command.env(variable, self.go_caches(subject).join(folder));
        }
    }

    /// Has the command note in a file what docker writes to its standard error.
    pub fn note_progress(&self, command: &mut Command, log: &Utf8Path) {
        let path = std::env::var("PATH").expect("is set");
        command.env("PATH", format!("{}:{path}", self.shims())).env("BENCH_DOCKER", &self.docker).env("BENCH_LOG", log);
    }

    fn install_ko(&self) {
        if self.ko.exists() {
            return;
        }
        eprintln!("installing ko {KO_VERSION}");
        let mut install = Command::new("go");
        install.args(["install", &format!("github.com/google/ko@{KO_VERSION}")]);
        run(install.env("GOBIN", self.ko.parent().expect("is in a folder")).env("GOFLAGS", ""));
    }

    fn make_chef_image(&self, rust_image: &str) {
        let name = self.chef_image.split_once('/').expect("has a registry").1;
        if testbed::has_tag(name) {
            return;
        }
        eprintln!("making {}", self.chef_image);
        let context = self.folder.join("cargo-chef");
        let mounts = "--mount=type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt";
        let text = format!("FROM {rust_image}\nRUN {mounts} cargo install --locked cargo-chef@{CHEF_VERSION}\n");
        workspace::write(&context.join("Dockerfile"), text);
        let mut build = Command::new("docker");
        build.args(["buildx", "build", "--builder", &testbed::remote_builder(), "--progress", "plain"]);
        build.args(["--output", &format!("type=image,name={},push=true", self.chef_image)]);
        if testbed::variable("TESTBED_NETWORK") == "host" {
            build.args(["--network", "host", "--allow", "network.host"]);
        }
        let certificates = testbed::variable("TESTBED_CA_BUNDLE");
        if !certificates.is_empty() {
            build.args(["--secret", &format!("id=ca-bundle,src={certificates}")]);
        }
        run(build.arg(&context));
    }
}

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("is in a workspace")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{stderr}");
}
