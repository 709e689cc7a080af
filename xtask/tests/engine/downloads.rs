//! What a builder keeps of downloads: a new version downloads itself alone, and nothing else depends on what is kept.

use std::process::Command;

use crate::checkout::Checkout;
use crate::testbed::{self, remote_builder};

const MODULE: &str = "github.com/cespare/xxhash/v2";

const MAIN: &str = r#"package main

import (
	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"
)

func main() {
	var group errgroup.Group
	group.Go(func() error { println(xxhash.Sum64String("x")); return nil })
	_ = group.Wait()
}
"#;

/// A checkout whose downloads are kept apart, from a run's scope that nothing was built in before.
struct Kept {
    checkout: Checkout,
    scope: String,
}

impl Kept {
    fn new(name: &str) -> Self {
        let checkout = Checkout::new(name);
        checkout.write("go.mod", "module example.com/hello\n\ngo 1.26\n\nrequire golang.org/x/sync v0.22.0\n");
        checkout.write("cmd/hello/main.go", MAIN);
        let kept = Self { checkout, scope: format!("downloads-{name}-{}", std::process::id()) };
        kept.take_version("v2.3.0");
        kept
    }

    fn take_version(&self, version: &str) {
        let go = Command::new("go")
            .current_dir(&self.checkout.root)
            .args(["get", &format!("{MODULE}@{version}"), "golang.org/x/sync@v0.22.0"])
            .output()
            .expect("go starts");
        assert!(go.status.success(), "{}", String::from_utf8_lossy(&go.stderr));
    }

    /// Builds the image, which must succeed, and returns its digest.
    fn image(&self, environment: &[(&str, &str)]) -> String {
        let options = ["--builder", &remote_builder(), "--cache-scope", &self.scope, "--json"];
        let ended = self.checkout.image_with_environment("hello", environment, &options).with_code(0);
        ended.images()[0]["config_digest"].as_str().expect("has a digest").to_owned()
    }

    /// Runs a command where the downloads are kept.
    fn in_the_mount(&self, command: &str) {
        let first = self.checkout.read("docker/hello.Dockerfile");
        let builder = first.lines().find(|line| line.contains(" AS go-toolchain")).expect("has a toolchain");
        let mount = format!("--mount=type=cache,id={}-go-modules,target=/kept", self.scope);
        self.build(&format!("{builder}\nRUN {mount} : {} && {command}\n", std::process::id()), "go-toolchain", &[]);
    }

    /// The paths and checksums of all that the layer of modules holds.
    fn modules(&self) -> String {
        let stages = self.checkout.read("docker/hello.Dockerfile");
        let paths = "cd /go/pkg/mod && find . -type f ! -path './cache/lock' -exec sha256sum {} + | sort -k 2 > /list";
        let text = format!(
            "{stages}\nFROM go-modules AS listed\nRUN {paths}\nFROM scratch AS list\nCOPY --from=listed /list /\n"
        );
        let folder = self.checkout.root.join("listed");
        self.build(&text, "list", &["--output", &format!("type=local,dest={folder}")]);
        self.checkout.read("listed/list")
    }

    fn build(&self, text: &str, target: &str, options: &[&str]) {
        let file = self.checkout.root.join("docker/other.Dockerfile");
        self.checkout.write("docker/other.Dockerfile", text);
        let ignored = self.checkout.read("docker/hello.Dockerfile.dockerignore");
        self.checkout.write("docker/other.Dockerfile.dockerignore", &ignored);
        let (builder, scope) = (remote_builder(), format!("CACHE_SCOPE={}", self.scope));
        let mut words = vec!["buildx", "build", "--builder", &builder, "--build-arg", &scope, "--target", target];
        words.extend(["--file", file.as_str()]);
        words.extend(options);
        let (network, bundle) = (testbed::variable("TESTBED_NETWORK"), testbed::variable("TESTBED_CA_BUNDLE"));
        let secret = format!("id=ca-bundle,src={bundle}");
        if !network.is_empty() {
            words.extend(["--network", &network, "--allow", "network.host"]);
        }
        if !bundle.is_empty() {
            words.extend(["--secret", &secret]);
        }
        words.push(self.checkout.root.as_str());
        testbed::read("docker", &words);
    }
}

#[test]
fn a_new_version_of_a_module_downloads_itself_alone() {
    let kept = Kept::new("bump");
    kept.image(&[]);
    kept.take_version("v2.2.0");
    let options = ["--builder", &remote_builder(), "--cache-scope", &kept.scope];
    let ended = kept.checkout.image_with_environment("hello", &[("GOPROXY", "off")], &options).with_code(3);
    let missing: Vec<_> = ended.stderr.lines().filter(|line| line.contains("GOPROXY=off")).collect();
    assert!(!missing.is_empty(), "{}", ended.stderr);
    assert!(missing.iter().all(|line| line.contains(MODULE)), "{missing:#?}");

    kept.image(&[]);
    // A lock file that was not built before, of modules that were.
    kept.take_version("v2.3.0");
    kept.image(&[("GOPROXY", "off")]);
}

#[test]
fn what_is_kept_of_downloads_changes_neither_the_layer_nor_the_image() {
    let (used, fresh) = (Kept::new("used"), Kept::new("fresh"));
    used.take_version("v2.1.2");
    used.image(&[]);
    for kept in [&used, &fresh] {
        kept.take_version("v2.2.0");
    }
    let (image, modules) = (fresh.image(&[]), fresh.modules());
    assert!(modules.contains("v2@v2.2.0/") && !modules.contains("v2@v2.1.2/"), "{modules}");
    assert_eq!((used.image(&[]), used.modules()), (image.clone(), modules.clone()));

    // Cut off, lost, and not what their names say; each with a lock file that was not built before.
    for (number, damage) in [
        "find /kept -type f -name '*.zip' -exec truncate -s 1000 {} +",
        "find /kept -type f -name '*.mod' -exec truncate -s 20 {} +",
        "rm -rf /kept/*",
        "find /kept -type f -exec sh -c 'echo other > \"$1\"' - {} ';'",
    ]
    .into_iter()
    .enumerate()
    {
        used.in_the_mount(damage);
        let sum = used.checkout.read("go.sum");
        let line = format!("example.com/run v0.0.{number}/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
        used.checkout.write("go.sum", &(sum + &line));
        assert_eq!((used.image(&[]), used.modules()), (image.clone(), modules.clone()), "{damage}");
    }
}
