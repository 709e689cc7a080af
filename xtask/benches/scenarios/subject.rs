//! What is compared: this tool, and what people use today, written as their own documentation says.
//!
//! - `bake`: the files that this tool generates, without the tool.
//! - `plain`: one build stage a language, which downloads the modules, copies everything and builds all binaries.
//! - `mounts`: the same with Docker's cache mounts; `mounts-each`: with a build stage for each Go binary, as in Docker's
//!   guide for several targets.
//! - `chef`: cargo-chef for Rust, plain for Go.
//! - `ko`: Go only, with caches of its own.

use std::process::Command;

use camino::Utf8Path;

use crate::environment::Environment;
use crate::testbed;
use crate::workspace::{Workspace, write};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Ours,
    Bake,
    Plain,
    Mounts,
    MountsEach,
    Chef,
    Ko,
}

/// A build to time.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    pub root: &'a Utf8Path,
    pub builder: &'a str,
    pub images: &'a [&'a str],
    /// The place of the layers' cache, and whether it is written to.
    pub cache: Option<(&'a str, bool)>,
    /// Whether the images go to the registry, where the subject could do without.
    pub push: bool,
    /// Whether ours is built by this machine's compilers.
    pub native: bool,
}

const PLAIN_GO: &str = include_str!("recipes/plain-go.Dockerfile");
const MOUNTS_GO: &str = include_str!("recipes/mounts-go.Dockerfile");
const MOUNTS_EACH_GO: &str = include_str!("recipes/mounts-each-go.Dockerfile");
const PLAIN_RUST: &str = include_str!("recipes/plain-rust.Dockerfile");
const MOUNTS_RUST: &str = include_str!("recipes/mounts-rust.Dockerfile");
const CHEF_RUST: &str = include_str!("recipes/chef-rust.Dockerfile");

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Bake => "bake",
            Self::Plain => "plain",
            Self::Mounts => "mounts",
            Self::MountsEach => "mounts-each",
            Self::Chef => "chef",
            Self::Ko => "ko",
        }
    }

    /// Writes what a person who uses it has in the repository.
    pub fn write_files(self, environment: &Environment, workspace: &Workspace, root: &Utf8Path) {
        let (go, rust) = match self {
            Self::Ours => return,
            Self::Bake => {
                testbed::read(environment.tool.as_str(), &["-C", root.as_str(), "generate"]);
                return;
            }
            Self::Ko => {
                let base = format!("{}/distroless/static-debian13:nonroot", testbed::registry());
                let settings = format!("defaultBaseImage: {base}\ndefaultLdflags:\n- -s\n- -w\n");
                write(&root.join("go-services/.ko.yaml"), settings);
                return;
            }
            Self::Plain => (PLAIN_GO, PLAIN_RUST),
            Self::Mounts => (MOUNTS_GO, MOUNTS_RUST),
            Self::MountsEach => (MOUNTS_EACH_GO, MOUNTS_RUST),
            Self::Chef => (PLAIN_GO, CHEF_RUST),
        };
        let rust = rust.replace("$RUST", workspace.rust_image).replace("$CHEF", &environment.chef_image);
        let go_services: Vec<_> = workspace.go.iter().map(|name| (name.clone(), vec![name.clone()])).collect();
        write(&root.join("go-services/Dockerfile"), dockerfile(go, &go_services));
        write(&root.join("rust-services/Dockerfile"), dockerfile(&rust, &workspace.rust));
        for folder in ["go-services", "rust-services"] {
            write(&root.join(folder).join(".dockerignore"), "Dockerfile\n.dockerignore\n**/target\n");
        }
        write(&root.join("docker-bake.hcl"), bake_file(workspace));
    }

    /// The command of a build, which writes BuildKit's progress to its standard error, or to `log`.
    pub fn command(self, environment: &Environment, build: &Build, log: &Utf8Path) -> Command {
        match self {
            Self::Ours if build.native => native(environment, build),
            Self::Ours => ours(environment, build, log),
            Self::Ko => ko(environment, build),
            Self::Bake => bake(self, build, "docker/docker-bake.hcl"),
            _ => bake(self, build, "docker-bake.hcl"),
        }
    }

    /// Where an image of a cold build or a runner finds its layers.
    pub fn cache_reference(self, cache: &str, image: &str) -> String {
        let tag = if self == Self::Ours { "shared" } else { "cache" };
        format!("{cache}/{image}:{tag}")
    }
}

/// What is the same for all, and the end of it for each service.
fn dockerfile(recipe: &str, services: &[(String, Vec<String>)]) -> String {
    let (head, each) = recipe.split_once("# for each service\n").expect("has both parts");
    let mut text = head.to_owned();
    for (service, binaries) in services {
        let joined = |part: &dyn Fn(&String) -> String| binaries.iter().map(part).collect::<Vec<_>>().join(" ");
        let part = each
            .replace("$SERVICE", service)
            .replace("$OUT_BINARIES", &joined(&|binary| format!("/out/app/target/release/{binary}")))
            .replace("$BINARIES", &joined(&|binary| format!("/app/target/release/{binary}")))
            .replace("$BINS", &joined(&|binary| format!("--bin {binary}")));
        text.push_str(&part);
    }
    text
}

fn bake_file(workspace: &Workspace) -> String {
    let mut text = String::new();
    let services = workspace.go.iter().map(|name| (name, "go-services"));
    for (name, context) in services.chain(workspace.rust.iter().map(|(name, _)| (name, "rust-services"))) {
        text.push_str(&format!("target \"{name}\" {{\n  context = \"{context}\"\n  target = \"{name}\"\n"));
        text.push_str(&format!("  network = \"{}\"\n}}\n", testbed::variable("TESTBED_NETWORK")));
    }
    text
}

fn ours(environment: &Environment, build: &Build, log: &Utf8Path) -> Command {
    let mut command = Command::new(&environment.tool);
    command.args(["-C", build.root.as_str(), "image"]).args(build.images);
    command.args(["--builder", build.builder]).args(testbed::build_options());
    if let Some((cache, export)) = build.cache {
        command.args(["--cache", cache]).args(export.then_some("--cache-export"));
    }
    if build.push {
        command.args(["--push", "--image-prefix", &format!("{}/bench/ours/", testbed::registry())]);
    }
    environment.note_progress(&mut command, log);
    command
}

fn bake(subject: Subject, build: &Build, file: &str) -> Command {
    let mut command = Command::new("docker");
    command.current_dir(build.root).args(["buildx", "bake", "--file", file, "--builder", build.builder]);
    command.args(["--progress", "rawjson"]).env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
    let network = testbed::variable("TESTBED_NETWORK");
    if network == "host" {
        command.args(["--allow", "network.host"]).env("BUILD_NETWORK", network);
    }
    let certificates = testbed::variable("TESTBED_CA_BUNDLE");
    if !certificates.is_empty() {
        command.args(["--allow", &format!("fs.read={certificates}")]);
        command.args(["--set", &format!("*.secrets=type=file,id=ca-bundle,src={certificates}")]);
    }
    for image in build.images {
        let name = subject.name();
        let destination = if build.push {
            let registry = testbed::registry();
            format!("type=image,push=true,oci-mediatypes=true,name={registry}/bench/{name}/{image}:latest")
        } else {
            format!("type=oci,dest={}/target/layouts/{image},tar=false", build.root)
        };
        command.args(["--set", &format!("{image}.output={destination}")]);
        if let Some((cache, export)) = build.cache {
            let reference = subject.cache_reference(cache, image);
            command.args(["--set", &format!("{image}.cache-from=type=registry,ref={reference}")]);
            if export {
                let attributes = "mode=max,image-manifest=true,oci-mediatypes=true,compression=zstd";
                command.args(["--set", &format!("{image}.cache-to=type=registry,ref={reference},{attributes}")]);
            }
        }
    }
    command.args(build.images);
    command
}

fn native(environment: &Environment, build: &Build) -> Command {
    let mut command = Command::new(&environment.tool);
    command.args(["-C", build.root.as_str(), "image", "--engine", "native"]).args(build.images);
    if build.push {
        // Budgets are for the engine of the settings, and hold for what is pushed.
        let settings = build.root.join("target/native.toml");
        write(&settings, "engine = \"native\"\n");
        command.args(["--config", settings.as_str()]);
        command.args(["--push", "--image-prefix", &format!("{}/bench/native/", testbed::registry())]);
    }
    environment.set_go_caches(&mut command, Subject::Ours);
    command
}

/// It always pushes: it has nowhere else to put an image without an engine.
fn ko(environment: &Environment, build: &Build) -> Command {
    let mut command = Command::new(&environment.ko);
    command.current_dir(build.root.join("go-services")).args(["build", "--base-import-paths"]);
    command.args(build.images.iter().map(|image| format!("./cmd/{image}")));
    command.env("KO_DOCKER_REPO", format!("{}/bench/ko", testbed::registry()));
    environment.set_go_caches(&mut command, Subject::Ko);
    command
}
