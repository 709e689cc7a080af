//! Compilers that leave what the test wants.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::Repository;

/// A fake go, cargo and rustc on the PATH of a repository's runs. `compiler.sh` is all three.
pub struct Compilers {
    folder: Utf8PathBuf,
}

impl Compilers {
    /// Puts them on the PATH; rustc has the glibc target of this machine's architecture.
    pub fn working(repository: &Repository) -> Self {
        let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/compiler.sh");
        for name in ["go", "cargo", "rustc"] {
            std::os::unix::fs::symlink(&script, repository.base.join("programs").join(name)).expect("links");
        }
        let compilers = Self { folder: repository.docker() };
        compilers.install(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH));
        compilers
    }

    /// Installs a target of rustc's.
    pub fn install(&self, target: &str) {
        fs::create_dir_all(self.folder.join("targets").join(target)).expect("creates");
    }

    /// Rustup has no toolchain of the kind that is asked for.
    pub fn lose_toolchain(&self) {
        fs::write(self.folder.join("no-toolchain"), "").expect("writes");
    }

    /// The compiler of every folder is this release.
    pub fn is_rustc(&self, release: &str) {
        fs::write(self.folder.join("release"), release).expect("writes");
    }

    /// The Go of every folder is this release.
    pub fn is_go(&self, release: &str) {
        fs::write(self.folder.join("go-release"), release).expect("writes");
    }

    /// All binaries are this program from now on.
    pub fn compile_to(&self, program: &std::path::Path) {
        std::os::unix::fs::symlink(program, self.folder.join("binary")).expect("links");
    }

    /// Where a wrapper of rustc's adds symbols, all binaries are this program.
    pub fn with_symbols(&self, program: &std::path::Path) {
        std::os::unix::fs::symlink(program, self.folder.join("binary-with-symbols")).expect("links");
    }

    /// These do not compile from now on.
    pub fn break_binaries(&self, names: &[&str]) {
        fs::write(self.folder.join("broken"), names.join("\n")).expect("writes");
    }

    /// What is said of those.
    pub fn complain(&self, text: &str) {
        fs::write(self.folder.join("complaint"), text).expect("writes");
    }

    /// The words of each build so far, one a line.
    pub fn builds(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("compilers")).unwrap_or_default();
        log.lines()
            .filter(|line| !line.starts_with("rustc") && !line.starts_with("go env"))
            .map(str::to_owned)
            .collect()
    }
}
