//! The modules that Go loads when it runs in a folder, and where the packages of each are.

mod loader;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use memchr::memrchr;

use super::import_path;
use super::module_files::ModuleFiles;
use super::names::import_path_fault;
use super::package::Location;
use super::vendor::Vendor;
use super::version::GoVersion;
use crate::files::tree::{Below as _, Tree};
use crate::text_map::TextMap;

pub(super) use loader::{MainModule, Replaced};

/// The modules that Go loads when it runs in a folder.
#[derive(Debug)]
pub(super) struct BuildList {
    /// The folder of the module, or of the workspace.
    pub(super) dir: Utf8PathBuf,
    /// Whether it is a workspace's. A module in the same folder may have a list of its own.
    pub(super) is_workspace: bool,
    /// The `go.mod`, `go.sum`, `go.work` and `go.work.sum` that it reads, sorted.
    pub(super) module_files: Vec<Utf8PathBuf>,
    /// The newest `go` line of the modules of the repository.
    pub(super) go: Option<GoVersion>,
    /// The vendored modules, where they are used.
    pub(super) vendor: Option<Vendor>,
    /// The modules of the repository by path.
    local: BTreeMap<String, Local>,
    /// The paths of all other modules that are required.
    others: BTreeSet<String>,
    /// What was looked for already.
    found: Mutex<TextMap<Result<Place, String>>>,
    /// Whether a module of the repository has a name that begins as one of Go's packages does.
    has_standard_names: bool,
    /// The paths of modules that are replaced by folders of the repository, but not required; each with the line.
    unused: BTreeMap<String, String>,
    /// The paths of modules of the repository that modules from elsewhere may import.
    shared: Vec<String>,
    /// Whether `go.mod` lists every module that a build needs, which is so since Go 1.17.
    is_complete: bool,
}

/// A module of the repository.
#[derive(Debug)]
struct Local {
    /// Its folder; `None` where a replacement leads outside the repository or to nothing.
    dir: Option<Utf8PathBuf>,
    /// The line that replaces it, as `go.mod:7`; `None` for a main module.
    replaced_at: Option<String>,
}

/// Where an imported package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In Go's standard library.
    Standard,
    /// In a folder of the repository.
    Local(Utf8PathBuf),
    /// In a vendored module.
    Vendored(Utf8PathBuf),
    /// In a module from elsewhere.
    Elsewhere,
}

impl Place {
    /// Whether it is in the repository.
    pub(super) fn is_here(&self) -> bool {
        matches!(self, Self::Local(_) | Self::Vendored(_))
    }
}

/// Every list that was made, by the folder that Go runs in and whether a workspace is; kept with the tree.
#[derive(Debug, Default)]
pub(super) struct BuildLists {
    known: Mutex<HashMap<(Utf8PathBuf, bool), Arc<BuildList>>>,
}

impl BuildLists {
    /// The modules that Go loads to build a package of the module in `module_dir`.
    pub(super) fn get(&self, tree: &Tree, module_dir: &Utf8Path) -> Result<Arc<BuildList>> {
        let workspace = tree.derived::<ModuleFiles>().workspace(tree, module_dir)?;
        let dir = workspace.as_ref().map_or(module_dir, |(dir, _)| dir);
        let key = (dir.to_owned(), workspace.is_some());
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known().get(&key) {
            return Ok(Arc::clone(list));
        }
        let list = match &workspace {
            Some((dir, work)) => loader::load_workspace(tree, dir, work),
            None => loader::load_module(tree, module_dir),
        };
        let list = Arc::new(list?);
        Ok(Arc::clone(known().entry(key).or_insert(list)))
    }
}

impl BuildList {
    /// Whether Go reads the `go.mod` files of all modules before it looks for a package. Else it only does for a package
    /// that the modules here do not have: since Go 1.17, and in any workspace.
    pub(super) fn loads_all_modules(&self) -> bool {
        !self.is_workspace && !self.is_complete && self.vendor.is_none()
    }

    /// Finds the package that an import names; the inner error is what Go says where there is none.
    pub(super) fn find(&self, tree: &Tree, import: &str) -> Result<Result<Place, String>> {
        let found = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = found().get(import) {
            return Ok(found.clone());
        }
        let place = self.look_for(tree, import)?;
        found().insert(import.to_owned(), place.clone());
        Ok(place)
    }

    fn look_for(&self, tree: &Tree, import: &str) -> Result<Result<Place, String>> {
        let first = import.split('/').next().unwrap_or_default();
        if import == "C" || is_standard(first) && !self.has_standard_names && check_import_path(import).is_ok() {
            return Ok(Ok(Place::Standard));
        }
        if let Err(message) = check_import_path(import) {
            return Ok(Err(message));
        }
        let mut places = Vec::new();
        let mut is_elsewhere = false;
        let mut lost = None;
        for module in ancestors(import) {
            is_elsewhere |= self.others.contains(module);
            let Some(local) = self.local.get(module) else { continue };
            let rest = import.get(module.len() + 1..).unwrap_or_default();
            match &local.dir {
                Some(dir) => places.extend(package_dir(tree, dir, rest)?.map(Place::Local)),
                None => lost = lost.or(local.replaced_at.as_deref()),
            }
        }
        if let Some(vendor) = &self.vendor {
            let dir = vendor.dir.below(import);
            if vendor.lists(import) && has_go_files(tree, &dir)? {
                places.push(Place::Vendored(dir));
            }
        }
        Ok(match (places.len(), lost) {
            (2.., _) => Err(format!("ambiguous import: more than one module of the repository has {import}")),
            (1, _) => Ok(places.remove(0)),
            (_, Some(at)) => Err(format!("{import} is in a module that {at} replaces by a folder that is not here")),
            _ if is_elsewhere && self.vendor.is_none() => Ok(Place::Elsewhere),
            _ => self.standard_or_missing(import),
        })
    }

    /// The folder of the repository that a package would be in, where a module of the repository has the begin of its path.
    pub(super) fn folder_of(&self, import: &str) -> Option<Utf8PathBuf> {
        let (module, local) = ancestors(import).find_map(|module| Some((module, self.local.get(module)?)))?;
        Some(local.dir.as_ref()?.below(import.get(module.len() + 1..).unwrap_or_default()))
    }

    /// The packages of modules that modules from elsewhere may import. Which of them they do is written in their sources,
    /// which are not here.
    pub(super) fn shared_packages(&self, tree: &Tree) -> Result<Vec<Location>> {
        let mut packages = Vec::new();
        for (path, dir) in self.shared.iter().filter_map(|path| Some((path, self.local[path].dir.as_ref()?))) {
            let mut waiting = vec![dir.clone()];
            while let Some(folder) = waiting.pop() {
                for entry in tree.entries(&folder)?.iter().filter(|entry| entry.is_folder()) {
                    let below = folder.below(&entry.name);
                    let is_hidden = entry.name.starts_with(['.', '_']) || entry.name == "testdata";
                    if !is_hidden && !tree.holds_file(&below.below("go.mod"))? {
                        waiting.push(below);
                    }
                }
                if has_go_files(tree, &folder)? {
                    let import_path = import_path(path, dir, &folder);
                    packages.push(Location { import_path, dir: folder, is_vendored: false });
                }
            }
        }
        Ok(packages)
    }

    fn standard_or_missing(&self, import: &str) -> Result<Place, String> {
        let first = import.split('/').next().unwrap_or_default();
        let unused = ancestors(import).find_map(|module| self.unused.get(module).map(|at| (module, at)));
        if is_standard(first) {
            return Ok(Place::Standard);
        }
        if let Some((module, at)) = unused {
            return Err(format!("module {module} has {import} and {at} replaces it, but no go.mod requires it"));
        }
        let is_under_local = ancestors(import).any(|module| self.local.contains_key(module));
        match first.contains('.') {
            false if is_under_local => Err(format!("package {import} is not in std, nor in the module of that name")),
            false => Ok(Place::Standard),
            true if self.vendor.is_some() => Err(format!("no vendored package is {import}")),
            true if self.is_complete || is_under_local => Err(format!("no required module provides {import}")),
            true => Ok(Place::Elsewhere),
        }
    }
}

/// The paths of all modules that may have a package, the longest first.
fn ancestors(import: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(import), |path| memrchr(b'/', path.as_bytes()).map(|end| &path[..end]))
}

/// The first elements of the import paths of Go's standard library.
///
/// Go looks into its own sources to tell a standard package; here a path whose first element has no dot is one, unless
/// a module of the repository has that name. Modules that do, such as `log`, take no standard names away.
fn is_standard(first: &str) -> bool {
    // Sorted.
    #[rustfmt::skip]
    const STANDARD: [&str; 54] = [
        "archive", "arena", "bufio", "builtin", "bytes", "cmd", "cmp", "compress", "container", "context", "crypto",
        "database", "debug", "embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image",
        "index", "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect",
        "regexp", "runtime", "simd", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing",
        "text", "time", "unicode", "unique", "unsafe", "vendor", "weak",
    ];
    STANDARD.binary_search(&first).is_ok()
}

fn check_import_path(import: &str) -> Result<(), String> {
    if import.starts_with('.') && matches!(import.split('/').next(), Some("." | "..")) {
        return Err(format!("{import:?} is relative, but relative import paths are not supported in module mode"));
    }
    if import.starts_with('/') {
        return Err(format!("{import:?} is not a package path"));
    }
    if ["all", "cmd", "std", "tool", "work"].contains(&import) {
        return Err(format!("{import:?} is not an importable package"));
    }
    if let Some((_, real)) = import.rsplit_once("/vendor/").or_else(|| Some(("", import.strip_prefix("vendor/")?))) {
        return Err(format!("{import} must be imported as {real}"));
    }
    match import_path_fault(import) {
        Some(fault) => Err(format!("malformed import path {import:?}: {fault}")),
        None => Ok(()),
    }
}

/// The folder of a package in a module; `None` where it has no Go files there, or lies in a module of its own.
fn package_dir(tree: &Tree, module: &Utf8Path, rest: &str) -> Result<Option<Utf8PathBuf>> {
    let mut dir = module.to_owned();
    for element in rest.split('/').filter(|element| !element.is_empty()) {
        dir = dir.below(element);
        if tree.has_file(&dir, "go.mod")? {
            return Ok(None);
        }
    }
    Ok(has_go_files(tree, &dir)?.then_some(dir))
}

fn has_go_files(tree: &Tree, dir: &Utf8Path) -> Result<bool> {
    Ok(tree.entries(dir)?.iter().any(|entry| entry.is_file() && entry.name.ends_with(".go")))
}
