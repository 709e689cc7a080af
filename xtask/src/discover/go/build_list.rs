//! The modules that Go loads when it runs in a folder, and where the packages of each are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::fault::Fault;
use super::module_file::{ModuleFile, Replacement, Requirement, Target};
use super::module_files::{ModuleFiles, within};
use super::names::import_path_fault;
use super::vendor::Vendor;
use super::version::{self, GoVersion};
use super::work_file::WorkFile;
use crate::error::Error;
use crate::files::tree::Tree;

/// The modules that Go loads when it runs in a folder.
#[derive(Debug)]
pub(super) struct BuildList {
    /// The folder of the module, or of the workspace.
    pub(super) dir: Utf8PathBuf,
    /// The `go.mod`, `go.sum`, `go.work` and `go.work.sum` that it reads, sorted.
    pub(super) module_files: Vec<Utf8PathBuf>,
    /// The vendored modules, where they are used.
    pub(super) vendor: Option<Vendor>,
    /// The modules of the repository by path.
    local: BTreeMap<String, Local>,
    /// The paths of all other modules that are required.
    others: BTreeSet<String>,
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

/// Every list that was made, by the module that Go runs for; kept with the tree.
#[derive(Debug, Default)]
pub(super) struct BuildLists {
    known: Mutex<HashMap<Utf8PathBuf, Arc<BuildList>>>,
}

impl BuildLists {
    /// The modules that Go loads to build a package of the module in `module_dir`.
    pub(super) fn get(&self, tree: &Tree, module_dir: &Utf8Path) -> Result<Arc<BuildList>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known().get(module_dir) {
            return Ok(Arc::clone(list));
        }
        let list = Arc::new(BuildList::load(tree, module_dir)?);
        Ok(Arc::clone(known().entry(module_dir.to_owned()).or_insert(list)))
    }
}

impl BuildList {
    fn load(tree: &Tree, module_dir: &Utf8Path) -> Result<Self> {
        let files = tree.derived::<ModuleFiles>();
        let loader = Loader { tree, files: &files, module_files: BTreeSet::new(), replacements: Vec::new() };
        match files.workspace(tree, module_dir)? {
            Some((dir, work)) => loader.workspace(dir, &work),
            None => loader.module(module_dir.to_owned()),
        }
    }

    /// Finds the package that an import names.
    pub(super) fn find(&self, tree: &Tree, import: &str) -> Result<Result<Place, String>> {
        let first = import.split('/').next().unwrap_or_default();
        let may_be_standard = !first.contains('.');
        if import == "C" {
            return Ok(Ok(Place::Standard));
        }
        if let Err(message) = check_import_path(import) {
            return Ok(Err(message));
        }
        let mut places = Vec::new();
        let mut is_elsewhere = false;
        let mut lost = None;
        for module in Utf8Path::new(import).ancestors().map(Utf8Path::as_str) {
            is_elsewhere |= self.others.contains(module);
            let Some(local) = self.local.get(module) else { continue };
            let rest = import[module.len()..].trim_start_matches('/');
            match &local.dir {
                Some(dir) => places.extend(package_dir(tree, dir, rest)?.map(Place::Local)),
                None => lost = lost.or(local.replaced_at.as_deref()),
            }
        }
        if let Some(vendor) = &self.vendor {
            let dir = vendor.dir.join(import);
            if vendor.packages.contains_key(import) && has_go_files(tree, &dir)? {
                places.push(Place::Vendored(dir));
            }
            is_elsewhere = false;
        }
        Ok(match (places.len(), lost) {
            (2.., _) => Err(format!("ambiguous import: more than one module of the repository has {import}")),
            (1, _) => Ok(places.remove(0)),
            (_, Some(at)) => Err(format!("{import} is in a module that {at} replaces by a folder that is not here")),
            _ if is_elsewhere => Ok(Place::Elsewhere),
            _ if may_be_standard && (is_standard(first) || !self.is_under_local(import)) => Ok(Place::Standard),
            _ if may_be_standard => Err(format!("package {import} is not in std, nor in the module of that name")),
            _ if self.vendor.is_some() => {
                Err(format!("no vendored package and no module of the repository has {import}"))
            }
            _ if self.is_complete || self.is_under_local(import) => {
                Err(format!("no required module provides {import}"))
            }
            _ => Ok(Place::Elsewhere),
        })
    }

    fn is_under_local(&self, import: &str) -> bool {
        Utf8Path::new(import).ancestors().any(|module| self.local.contains_key(module.as_str()))
    }
}

/// The first elements of the import paths of Go's standard library.
///
/// Go looks into its own sources to tell a standard package; here a path whose first element has no dot is one, unless
/// a module of the repository has that name. Modules that do, such as `log`, take no standard names away.
fn is_standard(first: &str) -> bool {
    const STANDARD: [&str; 47] = [
        "archive",
        "arena",
        "bufio",
        "builtin",
        "bytes",
        "cmd",
        "cmp",
        "compress",
        "container",
        "context",
        "crypto",
        "database",
        "debug",
        "embed",
        "encoding",
        "errors",
        "expvar",
        "flag",
        "fmt",
        "go",
        "hash",
        "html",
        "image",
        "index",
        "internal",
        "io",
        "iter",
        "log",
        "maps",
        "math",
        "mime",
        "net",
        "os",
        "path",
        "plugin",
        "reflect",
        "regexp",
        "runtime",
        "simd",
        "slices",
        "sort",
        "strconv",
        "strings",
        "structs",
        "sync",
        "syscall",
        "testing",
    ];
    const REST: [&str; 7] = ["text", "time", "unicode", "unique", "unsafe", "vendor", "weak"];
    STANDARD.contains(&first) || REST.contains(&first)
}

fn check_import_path(import: &str) -> Result<(), String> {
    if import == "." || import == ".." || import.starts_with("./") || import.starts_with("../") {
        return Err(format!("{import:?} is relative, but relative import paths are not supported in module mode"));
    }
    if import.starts_with('/') {
        return Err(format!("{import:?} is not a package path"));
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
        dir.push(element);
        if tree.entries(&dir)?.iter().any(|entry| entry.name == "go.mod" && entry.is_file()) {
            return Ok(None);
        }
    }
    Ok(has_go_files(tree, &dir)?.then_some(dir))
}

fn has_go_files(tree: &Tree, dir: &Utf8Path) -> Result<bool> {
    Ok(tree.entries(dir)?.iter().any(|entry| entry.is_file() && entry.name.ends_with(".go")))
}

/// Puts a list together.
struct Loader<'a> {
    tree: &'a Tree,
    files: &'a ModuleFiles,
    module_files: BTreeSet<Utf8PathBuf>,
    replacements: Vec<Replaced>,
}

/// A `replace` line with the file that it stands in.
#[derive(Debug, Clone)]
struct Replaced {
    file: Utf8PathBuf,
    line: Replacement,
}

/// A main module.
struct MainModule {
    dir: Utf8PathBuf,
    file: Arc<ModuleFile>,
}

impl Loader<'_> {
    /// The list of a module that stands alone.
    fn module(mut self, dir: Utf8PathBuf) -> Result<BuildList> {
        let main = MainModule { dir: dir.clone(), file: self.read_module(&dir)? };
        self.replace_by(&dir.join("go.mod"), &main.file.replaces);
        let since = |minor| is_at_least(main.file.go.as_deref(), minor);
        let vendor = if since(14) { self.vendor(&dir, false)? } else { None };
        let is_complete = since(17);
        self.finish(dir, &[main], vendor, is_complete)
    }

    /// The list of a workspace.
    fn workspace(mut self, dir: Utf8PathBuf, work: &WorkFile) -> Result<BuildList> {
        let file = dir.join("go.work");
        self.module_files.insert(file.clone());
        self.add_if_there(dir.join("go.work.sum"));
        self.replace_by(&file, &work.replaces);
        let mut mains = Vec::new();
        for (line, written) in &work.uses {
            let fault = |message: String| Fault::new(*line, message).at(&file);
            let used = within(&dir, written).ok_or_else(|| fault(format!("{written} is outside the repository")))?;
            if mains.iter().any(|main: &MainModule| main.dir == used) {
                return Err(fault(format!("{written} appears more than once in the workspace")).into());
            }
            if !self.tree.is_file(&used.join("go.mod")) {
                let hint = "add the module, as by `git submodule update --init`, or remove the line";
                return Err(fault(format!("{written} has no go.mod")).hint(hint).into());
            }
            let module = self.read_module(&used)?;
            mains.push(MainModule { dir: used, file: module });
        }
        for main in &mains {
            self.replace_by(&main.dir.join("go.mod"), &main.file.replaces);
        }
        let vendor = if is_at_least(work.go.as_deref(), 14) { self.vendor(&dir, true)? } else { None };
        self.finish(dir, &mains, vendor, false)
    }

    fn read_module(&mut self, dir: &Utf8Path) -> Result<Arc<ModuleFile>> {
        let path = dir.join("go.mod");
        let file = match self.files.module(self.tree, dir)? {
            Some(Ok(file)) if file.module.is_some() => file,
            Some(Ok(_)) => return Err(Error::usage(format!("{path} has no module line")).into()),
            Some(Err(fault)) => return Err(fault.at(&path).into()),
            None => return Err(Error::usage(format!("there is no {path}")).into()),
        };
        self.module_files.insert(path);
        self.add_if_there(dir.join("go.sum"));
        Ok(file)
    }

    fn add_if_there(&mut self, file: Utf8PathBuf) {
        if self.tree.is_file(&file) {
            self.module_files.insert(file);
        }
    }

    /// What an earlier file replaces, a later one does not.
    fn replace_by(&mut self, file: &Utf8Path, lines: &[Replacement]) {
        let new = lines.iter().map(|line| Replaced { file: file.to_owned(), line: line.clone() });
        self.replacements.extend(new);
    }

    /// The vendored modules beside a `go.mod` or `go.work`, where they were written for it.
    fn vendor(&self, dir: &Utf8Path, is_workspace: bool) -> Result<Option<Vendor>> {
        let dir = dir.join("vendor");
        if !self.tree.is_folder(&dir) {
            return Ok(None);
        }
        let list = self.tree.read(&dir.join("modules.txt"))?.unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        Ok((Vendor::is_for_workspace(&list) == is_workspace).then(|| Vendor::parse(dir, &list)))
    }

    /// Selects a version of every module that is required, and finds those of the repository.
    fn finish(
        mut self,
        dir: Utf8PathBuf,
        mains: &[MainModule],
        vendor: Option<Vendor>,
        is_complete: bool,
    ) -> Result<BuildList> {
        let mut local = BTreeMap::new();
        for MainModule { dir, file } in mains {
            let path = file.module.clone().unwrap_or_default();
            let module = Local { dir: Some(dir.clone()), replaced_at: None };
            if local.insert(path.clone(), module).is_some() {
                let message = format!("module {path} appears more than once in the workspace");
                return Err(Error::usage(format!("{}: {message}", dir.join("go.mod"))).into());
            }
        }
        let mut others = BTreeSet::new();
        if vendor.is_none() {
            for (path, version) in self.select(mains)? {
                if local.contains_key(&path) {
                    continue;
                }
                match self.local_replacement(&path, &version) {
                    Some(replaced) => drop(local.insert(path, self.replaced_module(&replaced))),
                    None => drop(others.insert(path)),
                }
            }
            self.add_replaced_files();
        }
        let module_files = self.module_files.into_iter().collect();
        Ok(BuildList { dir, module_files, vendor, local, others, is_complete })
    }

    /// The highest version of each module that the main modules, and the modules of the repository among what they
    /// require, ask for.
    fn select(&self, mains: &[MainModule]) -> Result<BTreeMap<String, String>> {
        let excluded = |requirement: &Requirement| mains.iter().any(|main| main.file.excludes.contains(requirement));
        let mut selected: BTreeMap<String, String> = BTreeMap::new();
        let mut waiting: Vec<_> = mains.iter().flat_map(|main| main.file.requires.clone()).collect();
        let mut seen = BTreeSet::new();
        while let Some(requirement) = waiting.pop() {
            let Requirement { path, version } = &requirement;
            if excluded(&requirement) || !seen.insert((path.clone(), version.clone())) {
                continue;
            }
            let highest = selected.entry(path.clone()).or_insert_with(|| version.clone());
            if version::compare(version, highest).is_gt() {
                highest.clone_from(version);
            }
            let replaced = self.local_replacement(path, version).and_then(|replaced| replaced.dir());
            if let Some(dir) = replaced
                && let Some(Ok(file)) = self.files.module(self.tree, &dir)?
            {
                waiting.extend(file.requires.iter().cloned());
            }
        }
        Ok(selected)
    }

    /// The folder that a module at a version is replaced by; a line that names the version comes first.
    fn local_replacement(&self, path: &str, version: &str) -> Option<Replaced> {
        let of = |wanted: Option<&str>| {
            let matches =
                |replaced: &&Replaced| replaced.line.path == path && replaced.line.version.as_deref() == wanted;
            self.replacements.iter().find(matches)
        };
        let replaced = of(Some(version)).or_else(|| of(None))?;
        matches!(replaced.line.target, Target::Folder(_)).then(|| replaced.clone())
    }

    fn replaced_module(&self, replaced: &Replaced) -> Local {
        let dir = replaced.dir().filter(|dir| self.tree.is_file(&dir.join("go.mod")));
        Local { dir, replaced_at: Some(format!("{}:{}", replaced.file, replaced.line.line)) }
    }

    /// Go reads the `go.mod` of every replacement.
    fn add_replaced_files(&mut self) {
        let dirs: Vec<_> = self.replacements.iter().filter_map(Replaced::dir).collect();
        for dir in dirs {
            self.add_if_there(dir.join("go.mod"));
        }
    }
}

impl Replaced {
    /// The folder that replaces, from the repository's root; `None` where it lies outside, or is none.
    fn dir(&self) -> Option<Utf8PathBuf> {
        let Target::Folder(folder) = &self.line.target else { return None };
        within(self.file.parent()?, folder)
    }
}

fn is_at_least(go: Option<&str>, minor: u32) -> bool {
    go.and_then(GoVersion::parse).is_some_and(|version| version >= GoVersion::release(minor))
}
