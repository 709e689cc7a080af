//! Reading the Go side of a repository as Go itself would, without Go.

use anyhow::Result;
use camino::Utf8PathBuf;

use super::Problem;
use crate::files::tree::Tree;

/// A Go module. Paths are relative to the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The folder of its go.mod.
    pub dir: Utf8PathBuf,
    /// Its module path.
    pub path: String,
    /// Its `go` line, as `1.26.0`.
    pub go: Option<String>,
    /// Its `toolchain` line, as `go1.26.3`.
    pub toolchain: Option<String>,
}

/// A main package that has at least one Go file that is no test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Main {
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// Go's own name for the executable.
    pub executable: String,
    /// The module it belongs to.
    pub module: Module,
    /// The folder Go runs in: the module's, or that of the go.work in force.
    pub run_dir: Utf8PathBuf,
    /// The package as seen from `run_dir`, as `./cmd/worker` or `.`.
    pub package: String,
}

/// All that was found, with what could not be read.
#[derive(Debug, Default)]
pub struct GoTree {
    /// The main packages, sorted by folder.
    pub mains: Vec<Main>,
    /// What could not be read, each with its file and line.
    pub problems: Vec<Problem>,
}

/// How a main package is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flags {
    /// The architectures, as `amd64`; sorted. The inputs are the union over them.
    pub goarchs: Vec<String>,
    /// Whether cgo is on.
    pub cgo: bool,
    /// Build tags.
    pub tags: Vec<String>,
    /// N in the release `1.N` of the toolchain.
    pub go_minor: u32,
}

/// What the build of a main package reads. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// `go.mod`, `go.sum`, `go.work` and the like of all modules that the build loads, sorted.
    pub module_files: Vec<Utf8PathBuf>,
    /// The folder of vendored modules, where Go takes them from there.
    pub vendor: Option<Utf8PathBuf>,
    /// The packages of the repository that are compiled, sorted by folder.
    pub packages: Vec<InputPackage>,
    /// The import paths of other modules' packages that these import, sorted.
    pub third_party: Vec<String>,
}

/// A package of the repository that is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPackage {
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// The names of the files in it that are compiled, sorted.
    pub files: Vec<String>,
    /// Its embed patterns, sorted.
    pub embeds: Vec<String>,
}

/// Finds every main package of every module.
pub fn read(_tree: &Tree) -> Result<GoTree> {
    Ok(GoTree::default())
}

/// Reads what the build of a main package reads.
pub fn inputs(_tree: &Tree, _main: &Main, _flags: &Flags) -> Result<Inputs> {
    Ok(Inputs::default())
}
