//! What is built: services, and the places where they are edited.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::testbed;

mod generated;

/// A repository with a Go module in `go-services` and a Rust workspace in `rust-services`.
#[derive(Clone)]
pub struct Workspace {
    pub go: Vec<String>,
    /// Each with its binaries.
    pub rust: Vec<(String, Vec<String>)>,
    /// The Rust image that the tool chooses for it.
    pub rust_image: &'static str,
    pub edits: Edits,
    /// The unedited files, which every subject gets a copy of.
    pub folder: Utf8PathBuf,
}

/// Where a scenario edits the sources.
#[derive(Clone)]
pub struct Edits {
    pub go_service: &'static str,
    pub go_line: Place,
    pub go_shared: Place,
    pub rust_service: &'static str,
    pub rust_line: Place,
    pub rust_shared: Place,
    /// What the images of `go_service` and `rust_service` are not made of.
    pub unread: Vec<Place>,
    /// The service whose version changes.
    pub versioned: &'static str,
    pub version: [Place; 2],
}

/// A text in a file, and what it becomes; `{n}` is a number that is new each time. Without a text, the file is new.
#[derive(Clone, Copy)]
pub struct Place {
    pub path: &'static str,
    pub old: &'static str,
    pub new: &'static str,
}

/// Other versions of a Go module and of a crate that services have; each is taken once. Older ones of the module make
/// images that are over their budgets.
pub const GO_BUMPS: (&str, [&str; 4]) = ("github.com/spf13/cobra", ["v1.10.1", "v1.10.0", "v1.9.1", "v1.9.0"]);
pub const RUST_BUMPS: (&str, [&str; 5]) = ("serde_json", ["1.0.153", "1.0.152", "1.0.151", "1.0.150", "1.0.149"]);

impl Workspace {
    /// This repository's own services.
    pub fn own(folder: Utf8PathBuf) -> Self {
        let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("is in a workspace");
        let list =
            ["-C", here.as_str(), "ls-files", "go-services", "rust-services", "README.md", "rust-toolchain.toml"];
        empty(&folder);
        for path in testbed::read("git", &list).lines() {
            let text = fs::read(here.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            write(&folder.join(path), text);
        }
        let edits = Edits {
            go_service: "worker",
            go_line: Place {
                path: "go-services/cmd/worker/main.go",
                old: "Check whether the stored links still answer",
                new: "Check whether stored links {n} still answer",
            },
            go_shared: Place {
                path: "go-services/internal/httpserve/httpserve.go",
                old: "\"serve: %w\"",
                new: "\"serve {n}: %w\"",
            },
            rust_service: "gateway",
            rust_line: Place {
                path: "rust-services/gateway/src/main.rs",
                old: "\"gateway: {error:#}\"",
                new: "\"gateway {n}: {error:#}\"",
            },
            rust_shared: Place {
                path: "rust-services/shared/src/health.rs",
                old: "unhealthy: no answer",
                new: "unhealthy {n}: no answer",
            },
            unread: vec![
                Place {
                    path: "go-services/cmd/worker/main_test.go",
                    old: "package main",
                    new: "// Remark {n}.\n\npackage main",
                },
                Place { path: "rust-services/gateway/tests/gateway.rs", old: "\n", new: "\n// Remark {n}.\n" },
                Place { path: "go-services/README.md", old: "", new: "Remark {n}.\n" },
                Place { path: "rust-services/gateway/README.md", old: "", new: "Remark {n}.\n" },
                Place {
                    path: "go-services/cmd/server/main.go",
                    old: "\nfunc main() {",
                    new: "\nconst n = {n}\n\nfunc main() {",
                },
                Place { path: "rust-services/reporter/src/main.rs", old: "\nmod", new: "\nconst N: u64 = {n};\nmod" },
                Place { path: "go-services/cmd/worker/image.toml", old: "10 MB", new: "{n} MB" },
                Place { path: "rust-services/gateway/Cargo.toml", old: "30 MB", new: "{n} MB" },
            ],
            versioned: "reporter",
            version: [
                Place {
                    path: "rust-services/reporter/Cargo.toml",
                    old: "version = \"0.1.0\"",
                    new: "version = \"0.2.{n}\"",
                },
                Place {
                    path: "rust-services/Cargo.lock",
                    old: "name = \"reporter\"\nversion = \"0.1.0\"",
                    new: "name = \"reporter\"\nversion = \"0.2.{n}\"",
                },
            ],
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Self {
            go: words(&["server", "worker"]),
            rust: vec![
                ("gateway".to_owned(), words(&["gateway"])),
                ("reporter".to_owned(), words(&["reporter", "reporter-health"])),
            ],
            rust_image: "rust:1.95.0-slim-trixie",
            edits,
            folder,
        }
    }

    /// 20 Go and 10 Rust services.
    pub fn generated(folder: Utf8PathBuf) -> Self {
        generated::workspace(folder)
    }

    pub fn rust_names(&self) -> Vec<&str> {
        self.rust.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub fn go_names(&self) -> Vec<&str> {
        self.go.iter().map(String::as_str).collect()
    }
}

/// Makes the folder an empty repository.
pub fn empty(folder: &Utf8Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    }
    fs::create_dir_all(folder.join(".git")).unwrap_or_else(|error| panic!("{folder}: {error}"));
}

pub fn write(path: &Utf8Path, text: impl AsRef<[u8]>) {
    let folder = path.parent().expect("is in a folder");
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).unwrap_or_else(|error| panic!("{path}: {error}"));
}

pub fn read(path: &Utf8Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
