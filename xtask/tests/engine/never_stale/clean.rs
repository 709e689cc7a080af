//! Clean builds: a plain container of the toolchain's image, with a copy of the tree. No builder, no context, no layer; no
//! times, as everything is copied anew; Rust's target folder is empty. What is kept is what was downloaded, and Go's build
//! cache, which is one of its own and goes by content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Binaries;
use super::services::{GO, RUST, Services};
use crate::testbed;

/// The clean builds of trees, each built once.
pub struct CleanBuilds {
    kept: tempfile::TempDir,
    built: BTreeMap<Vec<u8>, Binaries>,
}

impl CleanBuilds {
    pub fn new() -> Self {
        Self { kept: tempfile::tempdir().expect("a temporary folder"), built: BTreeMap::new() }
    }

    /// The binaries of the tree as it is now.
    pub fn binaries(&mut self, services: &Services) -> &Binaries {
        let files = services.files();
        let mut hash = Sha256::new();
        for (path, bytes) in &files {
            hash.update(format!("{path} {}\n", bytes.len()));
            hash.update(bytes);
        }
        let kept = self.kept.path();
        self.built.entry(hash.finalize().to_vec()).or_insert_with(|| build(services, &files, kept))
    }
}

fn build(services: &Services, files: &BTreeMap<String, Vec<u8>>, kept: &Path) -> Binaries {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tree = folder.path().join("src");
    for (path, bytes) in files {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, bytes).expect("writes");
    }
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("creates");
    let mount = |folder: &Path, target: &str| format!("--volume={}:{target}", folder.display());
    let mounts = [mount(&tree, "/src"), mount(&out, "/out"), mount(kept, "/kept")];
    let settings = "CGO_ENABLED=0 GOCACHE=/kept/go-build GOMODCACHE=/kept/go-modules";
    let tags = services.go_tags();
    let go = format!(
        "export {settings} && cd /src/go && go build -trimpath -buildvcs=false -ldflags='-s -w' {tags} -o /out/alpha ./cmd/alpha && \
         go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/beta ./cmd/beta"
    );
    let rust = "ln -sfn /kept/registry \"$CARGO_HOME/registry\" && mkdir -p /kept/registry && target=$(rustc -vV | sed -n 's/^host: //p') && cd /src/rust && export CARGO_PROFILE_RELEASE_STRIP=symbols && \
                for name in one two; do cargo build --release --locked --target $target --target-dir /target --package $name; done && \
                cp /target/$target/release/one /target/$target/release/two /out/";
    run(&mounts, &services.builder("alpha"), &go);
    run(&mounts, &services.builder("one"), rust);
    let read = |name: &&str| ((*name).to_owned(), fs::read(out.join(name)).expect("was built"));
    GO.iter().chain(&RUST).map(read).collect()
}

fn run(mounts: &[String], image: &str, script: &str) {
    let ca_bundle = testbed::variable("TESTBED_CA_BUNDLE");
    let certificates = format!("{ca_bundle}:/etc/ssl/certs/ca-certificates.crt:ro");
    let network = format!("--network={}", testbed::variable("TESTBED_NETWORK"));
    let mut words = vec!["run", "--rm"];
    words.extend(mounts.iter().map(String::as_str));
    if !ca_bundle.is_empty() {
        words.extend(["-v", &certificates]);
    }
    if network != "--network=" {
        words.push(&network);
    }
    for name in ["GOPROXY", "GOSUMDB", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        words.extend(["-e", name]);
    }
    testbed::read("docker", &[&words[..], &[image, "sh", "-c", script]].concat());
}
