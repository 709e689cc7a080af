//! A repository to try the command on.

use std::fs;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

use super::Run;

/// A repository in a folder of its own, beside a folder of fake programs and an empty home.
pub struct Repository {
    _folder: tempfile::TempDir,
    pub base: Utf8PathBuf,
    pub root: Utf8PathBuf,
}

impl Repository {
    /// An empty checkout.
    pub fn new() -> Self {
        Self::at("repository")
    }

    /// An empty checkout in a folder of that name.
    pub fn at(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        let root = base.join(name);
        for folder in [&root.join(".git"), &base.join("programs"), &base.join("home"), &base.join("docker")] {
            fs::create_dir_all(folder).expect("creates");
        }
        Self { _folder: folder, base, root }
    }

    /// A checkout with one Rust service for each name, in a folder of that name.
    pub fn with_services(names: &[&str]) -> Self {
        let repository = Self::new();
        for name in names {
            repository.rust_service(name, name, "");
        }
        repository
    }

    /// A Rust package with a binary; `more` ends its manifest.
    pub fn rust_service(&self, dir: &str, name: &str, more: &str) {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}");
        self.write(&format!("{dir}/Cargo.toml"), &manifest);
        self.write(&format!("{dir}/src/main.rs"), "fn main() {}\n");
    }

    /// A Go service `cmd/NAME` in a module in a folder.
    pub fn go_service(&self, module: &str, name: &str) {
        self.write(&format!("{module}/go.mod"), format!("module example.com/{module}\n\ngo 1.26\n"));
        self.write(&format!("{module}/cmd/{name}/main.go"), "package main\n\nfunc main() {}\n");
    }

    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, contents).expect("writes");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Every file with its bytes and the time it was written, sorted by path; what runs leave in `target` aside.
    pub fn files(&self) -> Vec<(Utf8PathBuf, Vec<u8>, SystemTime)> {
        let mut files = Vec::new();
        let mut waiting = vec![self.root.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in folder.read_dir_utf8().expect("lists") {
                let path = entry.expect("lists").into_path();
                let metadata = fs::symlink_metadata(&path).expect("is there");
                if metadata.is_dir() && path != self.root.join("target") {
                    waiting.push(path);
                } else if metadata.is_file() {
                    let bytes = fs::read(&path).expect("reads");
                    files.push((path, bytes, metadata.modified().expect("has a time")));
                }
            }
        }
        files.sort();
        files
    }

    /// The folder of the fake docker.
    pub fn docker(&self) -> Utf8PathBuf {
        self.base.join("docker")
    }

    /// The words of each run of the fake docker, one run a line.
    pub fn docker_log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.docker().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// The bakes among them.
    pub fn bakes(&self) -> Vec<String> {
        self.docker_log().into_iter().filter(|line| line.starts_with("buildx bake ")).collect()
    }

    /// A run of the command in the repository's root.
    pub fn xtask(&self, arguments: &[&str]) -> Run {
        Run::new(self, arguments)
    }
}
