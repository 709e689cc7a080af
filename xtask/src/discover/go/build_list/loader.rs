//! Putting a build list together from `go.mod`, `go.work` and `vendor/modules.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::fault::Fault;
use super::super::module_file::{ModuleFile, Replacement, Requirement, Target};
use super::super::module_files::ModuleFiles;
use super::super::vendor::Vendor;
use super::super::version::{self, GoVersion};
use super::super::work_file::WorkFile;
use super::{BuildList, Local, is_standard};
use crate::discover::paths::within;
use crate::error::Error;
use crate::files::tree::{Below as _, Tree};

/// The list of a module that stands alone.
pub(super) fn load_module(tree: &Tree, dir: &Utf8Path) -> Result<BuildList> {
    let files = tree.derived::<ModuleFiles>();
    Loader::new(tree, &files).module(dir.to_owned())
}

/// The list of a workspace.
pub(super) fn load_workspace(tree: &Tree, dir: &Utf8Path, work: &WorkFile) -> Result<BuildList> {
    let files = tree.derived::<ModuleFiles>();
    Loader::new(tree, &files).workspace(dir.to_owned(), work)
}

struct Loader<'a> {
    tree: &'a Tree,
    files: &'a ModuleFiles,
    module_files: BTreeSet<Utf8PathBuf>,
    /// The files with `replace` lines, that of a workspace first: what an earlier file replaces, a later one does not.
    replacing: Vec<Replacing>,
}

/// The `replace` lines of a file.
struct Replacing {
    file: Utf8PathBuf,
    lines: Vec<Replacement>,
}

/// A main module.
pub(in super::super) struct MainModule {
    pub(in super::super) dir: Utf8PathBuf,
    pub(in super::super) file: Arc<ModuleFile>,
}

/// What a module is replaced by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Replaced {
    pub(in super::super) target: Target,
    /// The folder, where it is one inside the repository.
    pub(in super::super) dir: Option<Utf8PathBuf>,
    /// The line, as `go.mod:7`.
    pub(in super::super) at: String,
}

impl<'a> Loader<'a> {
    fn new(tree: &'a Tree, files: &'a ModuleFiles) -> Self {
        Self { tree, files, module_files: BTreeSet::new(), replacing: Vec::new() }
    }

    fn module(mut self, dir: Utf8PathBuf) -> Result<BuildList> {
        let main = MainModule { dir: dir.clone(), file: self.read_module(&dir)? };
        self.replace_by(dir.below("go.mod"), &main.file.replaces);
        let go = main.file.go.clone();
        let vendor = self.vendor(&dir, go.as_deref(), false)?;
        self.finish(dir, &[main], vendor)
    }

    fn workspace(mut self, dir: Utf8PathBuf, work: &WorkFile) -> Result<BuildList> {
        let path = dir.below("go.work");
        self.module_files.insert(path.clone());
        self.add_if_there(dir.below("go.work.sum"));
        self.replace_by(path.clone(), &work.replaces);
        let mut mains: Vec<MainModule> = Vec::new();
        for (line, written) in &work.uses {
            let fault = |message: String| Fault::new(*line, message).at(&path);
            let used = within(&dir, written).ok_or_else(|| fault(format!("{written} is outside the repository")))?;
            if mains.iter().any(|main| main.dir == used) {
                return Err(fault(format!("{written} appears more than once in the workspace")).into());
            }
            if !self.tree.holds_file(&used.below("go.mod"))? {
                let hint = "add the module, as by `git submodule update --init`, or remove the line";
                return Err(fault(format!("{written} has no go.mod")).hint(hint).into());
            }
            let file = self.read_module(&used)?;
            if let Some(least) = newer_than(&file, work) {
                let lists = work.go.as_deref().unwrap_or("no version");
                let message = format!("{written} wants go {least} or newer, but go.work lists {lists}");
                return Err(fault(message).hint("`go work use` updates go.work").into());
            }
            mains.push(MainModule { dir: used, file });
        }
        for main in &mains {
            self.replace_by(main.dir.below("go.mod"), &main.file.replaces);
        }
        let vendor = self.vendor(&dir, work.go.as_deref(), true)?;
        self.finish(dir, &mains, vendor)
    }

    fn read_module(&mut self, dir: &Utf8Path) -> Result<Arc<ModuleFile>> {
        let path = dir.below("go.mod");
        let file = match self.files.module(self.tree, dir)? {
            Some(Ok(file)) if file.module.is_some() => file,
            Some(Ok(_)) => return Err(Error::usage(format!("{path} has no module line")).into()),
            Some(Err(fault)) => return Err(fault.at(&path).into()),
            None => return Err(Error::usage(format!("there is no {path}")).into()),
        };
        self.module_files.insert(path);
        self.add_if_there(dir.below("go.sum"));
        Ok(file)
    }

    fn add_if_there(&mut self, file: Utf8PathBuf) {
        if self.tree.is_file(&file) {
            self.module_files.insert(file);
        }
    }

    fn replace_by(&mut self, file: Utf8PathBuf, lines: &[Replacement]) {
        self.replacing.push(Replacing { file, lines: lines.to_vec() });
    }

    /// The vendored modules beside a `go.mod` or `go.work`, where they were written for it.
    fn vendor(&self, dir: &Utf8Path, go: Option<&str>, is_workspace: bool) -> Result<Option<Vendor>> {
        let dir = dir.below("vendor");
        // Go 1.14 was the first to take vendored modules without being told.
        if !is_at_least(go, 14) || !self.tree.is_folder(&dir) {
            return Ok(None);
        }
        let list = self.tree.read(&dir.below("modules.txt"))?.unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        // Go 1.23 was the first to pass over packages that the list does not have.
        Ok((Vendor::is_for_workspace(&list) == is_workspace).then(|| Vendor::parse(dir, &list, is_at_least(go, 23))))
    }

    /// Selects a version of every module that is required, and finds those of the repository.
    fn finish(mut self, dir: Utf8PathBuf, mains: &[MainModule], vendor: Option<Vendor>) -> Result<BuildList> {
        let mut local = BTreeMap::new();
        for MainModule { dir, file } in mains {
            let path = file.module.clone().unwrap_or_default();
            let module = Local { dir: Some(dir.clone()), replaced_at: None };
            if local.insert(path.clone(), module).is_some() {
                let message = format!("{}: module {path} appears more than once in the workspace", dir.below("go.mod"));
                return Err(Error::usage(message).into());
            }
        }
        self.check_conflicts()?;
        self.check_spellings(mains)?;
        let mut list = BuildList {
            dir,
            is_workspace: self.is_workspace(),
            module_files: Vec::new(),
            go: None,
            vendor,
            local,
            others: BTreeSet::new(),
            found: Mutex::default(),
            has_standard_names: false,
            unused: BTreeMap::new(),
            shared: Vec::new(),
            is_complete: mains.iter().all(|main| is_at_least(main.file.go.as_deref(), 17)),
        };
        match &list.vendor {
            Some(vendor) => vendor.check(mains, &self.all_replaced())?,
            None => self.find_modules(mains, &mut list)?,
        }
        list.has_standard_names = list.local.keys().any(|path| is_standard(path.split('/').next().unwrap_or_default()));
        list.go = self.newest_go(&list)?;
        list.module_files = self.module_files.into_iter().collect();
        Ok(list)
    }

    /// Go refuses to build a module with a Go that is older than its `go` line, the replaced ones' too.
    fn newest_go(&self, list: &BuildList) -> Result<Option<GoVersion>> {
        let mut newest = None;
        for dir in list.local.values().filter_map(|module| module.dir.as_ref()) {
            let file = self.files.dependency(self.tree, dir)?.and_then(Result::ok);
            newest = newest.max(file.and_then(|file| GoVersion::parse(file.go.as_deref()?)));
        }
        Ok(newest)
    }

    fn find_modules(&mut self, mains: &[MainModule], list: &mut BuildList) -> Result<()> {
        let mut targets: BTreeMap<String, String> = BTreeMap::new();
        for (path, version) in self.select(mains)? {
            if list.local.contains_key(&path) {
                continue;
            }
            let replaced = self.replaced(&path, Some(&version));
            let target = replaced.as_ref().map_or_else(|| format!("{path}@{version}"), Replaced::identity);
            if let Some(other) = targets.insert(target, path.clone()) {
                let dir = &list.dir;
                let message = format!("{dir}: one module is used for two module paths, {other} and {path}");
                return Err(Error::usage(message).into());
            }
            match replaced {
                Some(replaced) if matches!(replaced.target, Target::Folder(_)) => {
                    list.local.insert(path, self.replaced_module(replaced)?);
                }
                _ => drop(list.others.insert(path)),
            }
        }
        // With no module from elsewhere there is none that could require another.
        list.is_complete |= list.others.is_empty();
        for (path, _, replaced) in self.all_replaced() {
            // Go reads the go.mod of every replacement that a module may require.
            if let Some(dir) = &replaced.dir {
                self.add_if_there(dir.below("go.mod"));
            }
            let is_known = list.local.contains_key(&path) || list.others.contains(&path);
            if !is_known && list.is_complete {
                list.unused.insert(path, replaced.at);
            } else if !is_known && matches!(replaced.target, Target::Folder(_)) {
                list.local.insert(path, self.replaced_module(replaced)?);
            }
        }
        self.find_shared(mains, list)
    }

    /// Finds the replaced modules that modules from elsewhere may import: those that none of the repository requires for
    /// itself, and those that are other people's by their path, as a patched copy of a library is.
    fn find_shared(&self, mains: &[MainModule], list: &mut BuildList) -> Result<()> {
        let mut direct: BTreeSet<String> = BTreeSet::new();
        let mut files: Vec<_> = mains.iter().map(|main| Arc::clone(&main.file)).collect();
        for dir in list.local.values().filter_map(|module| module.dir.as_ref()) {
            files.extend(self.files.dependency(self.tree, dir)?.and_then(Result::ok));
        }
        for file in files {
            direct.extend(file.requires.iter().filter(|module| !module.is_indirect).map(|module| module.path.clone()));
        }
        let owners: BTreeSet<_> = mains.iter().filter_map(|main| main.file.module.as_deref().map(owner)).collect();
        let is_foreign = |path: &str| path.contains('.') && !owners.contains(owner(path));
        let is_shared = |(path, module): &(&String, &Local)| {
            module.replaced_at.is_some() && (is_foreign(path) || !direct.contains(*path))
        };
        list.shared = list.local.iter().filter(is_shared).map(|(path, _)| path.clone()).collect();
        Ok(())
    }

    /// The highest version of each module that the main modules, and the modules of the repository among what they
    /// require, ask for.
    ///
    /// Since Go 1.17 a module lists all that its packages need: Go takes the versions of that list, and looks no deeper
    /// than what the listed modules require. In a workspace it does, as the modules were not tidied together.
    fn select(&self, mains: &[MainModule]) -> Result<BTreeMap<String, String>> {
        let excluded = |requirement: &Requirement| {
            let is_same = |other: &Requirement| other.path == requirement.path && other.version == requirement.version;
            mains.iter().any(|main| main.file.excludes.iter().any(is_same))
        };
        let lists_all = |file: &ModuleFile| is_at_least(file.go.as_deref(), 17);
        let mut listed = BTreeMap::new();
        let mut selected = BTreeMap::new();
        let mut waiting: Vec<(Requirement, bool)> = Vec::new();
        for main in mains {
            let is_pruned = !self.is_workspace() && lists_all(&main.file);
            for requirement in main.file.requires.iter().filter(|requirement| !excluded(requirement)) {
                keep_highest(if is_pruned { &mut listed } else { &mut selected }, requirement);
                waiting.push((requirement.clone(), is_pruned));
            }
        }
        let mut seen = BTreeSet::new();
        while let Some((Requirement { path, version, .. }, is_pruned)) = waiting.pop() {
            let replaced = self.replaced(&path, Some(&version)).and_then(|replaced| replaced.dir);
            if !seen.insert((path, version, is_pruned)) {
                continue;
            }
            let Some(dir) = replaced else { continue };
            let Some(Ok(file)) = self.files.dependency(self.tree, &dir)? else { continue };
            for requirement in file.requires.iter().filter(|requirement| !excluded(requirement)) {
                keep_highest(&mut selected, requirement);
                if !is_pruned || !lists_all(&file) {
                    waiting.push((requirement.clone(), is_pruned && lists_all(&file)));
                }
            }
        }
        selected.extend(listed);
        Ok(selected)
    }

    /// What a module at a version is replaced by.
    fn replaced(&self, path: &str, version: Option<&str>) -> Option<Replaced> {
        let in_file = |file: &Replacing| file.find(path, version).map(|line| file.replaced(line));
        self.replacing.iter().find_map(in_file)
    }

    /// Every replacement in force.
    fn all_replaced(&self) -> Vec<(String, Option<String>, Replaced)> {
        let lines = self.replacing.iter().flat_map(|replacing| &replacing.lines);
        let in_force = |line: &Replacement| {
            let replaced = self.replaced(&line.path, line.version.as_deref())?;
            Some((line.path.clone(), line.version.clone(), replaced))
        };
        lines.filter_map(in_force).collect()
    }

    fn replaced_module(&self, replaced: Replaced) -> Result<Local> {
        let dir = match replaced.dir {
            Some(dir) if self.tree.holds_file(&dir.below("go.mod"))? => Some(dir),
            _ => None,
        };
        Ok(Local { dir, replaced_at: Some(replaced.at) })
    }

    /// Two lines may not replace one module by different ones, unless the workspace replaces it itself.
    fn check_conflicts(&self) -> Result<()> {
        let mut seen: BTreeMap<(&str, Option<&str>), (usize, Replaced)> = BTreeMap::new();
        for (at, replacing) in self.replacing.iter().enumerate() {
            for line in &replacing.lines {
                let replaced = replacing.replaced(line);
                let key = (line.path.as_str(), line.version.as_deref());
                let Some((first, other)) = seen.get(&key) else {
                    seen.insert(key, (at, replaced));
                    continue;
                };
                let is_overruled = *first == 0 && at > 0 && self.is_workspace();
                if replaced.identity() != other.identity() && !is_overruled {
                    let message = format!("{}: conflicting replacements for {}", replaced.at, line.path);
                    return Err(Error::usage(message).hint(format!("the other one is {}", other.at)).into());
                }
            }
        }
        Ok(())
    }

    /// In a workspace Go takes the line for one version as a conflict with any line before that spells its target
    /// differently, even where both mean one folder.
    fn check_spellings(&self, mains: &[MainModule]) -> Result<()> {
        let of_modules = || self.replacing.iter().skip(usize::from(self.is_workspace()));
        // The rule is about lines for one version, which are rare.
        if !of_modules().any(|file| file.lines.iter().any(|line| line.version.is_some())) {
            return Ok(());
        }
        for Requirement { path, version, .. } in mains.iter().flat_map(|main| &main.file.requires) {
            let is_overruled = self.is_workspace() && self.replacing[0].find(path, Some(version)).is_some();
            let mut before: Option<&Replacement> = None;
            for (replacing, line) in of_modules().filter_map(|file| Some((file, file.find(path, Some(version))?))) {
                if let Some(before) = before.filter(|_| !is_overruled && line.version.is_some())
                    && before.target != line.target
                {
                    let at = replacing.replaced(line).at;
                    let message =
                        format!("{at}: conflicting replacements found for {path}@{version} in workspace modules");
                    return Err(Error::usage(message).hint("write the same target in each go.mod").into());
                }
                before = Some(line);
            }
        }
        Ok(())
    }

    fn is_workspace(&self) -> bool {
        self.replacing.first().is_some_and(|first| first.file.file_name() == Some("go.work"))
    }
}

impl Replaced {
    /// The same text for the same target.
    fn identity(&self) -> String {
        match (&self.target, &self.dir) {
            (Target::Module { path, version }, _) => format!("{path}@{version}"),
            (Target::Folder(_), Some(dir)) => dir.to_string(),
            (Target::Folder(folder), None) => folder.clone(),
        }
    }
}

impl Replacing {
    /// The line that replaces a module at a version; one that names the version comes first.
    fn find(&self, path: &str, version: Option<&str>) -> Option<&Replacement> {
        let of = |wanted: Option<&str>| {
            self.lines.iter().find(|line| line.path == path && line.version.as_deref() == wanted)
        };
        of(version).or_else(|| of(None))
    }

    fn replaced(&self, line: &Replacement) -> Replaced {
        let dir = match &line.target {
            Target::Folder(folder) => within(self.file.parent().unwrap_or(Utf8Path::new("")), folder),
            Target::Module { .. } => None,
        };
        Replaced { target: line.target.clone(), dir, at: format!("{}:{}", self.file, line.line) }
    }
}

fn keep_highest(versions: &mut BTreeMap<String, String>, requirement: &Requirement) {
    let highest = versions.entry(requirement.path.clone()).or_insert_with(|| requirement.version.clone());
    if version::compare(&requirement.version, highest).is_gt() {
        highest.clone_from(&requirement.version);
    }
}

/// The `go` line of a module that is too new for its workspace.
fn newer_than<'a>(module: &'a ModuleFile, work: &WorkFile) -> Option<&'a str> {
    let least = module.go.as_deref()?;
    let version = GoVersion::parse(least)?;
    let lists = work.go.as_deref().and_then(GoVersion::parse).unwrap_or(GoVersion::release(18));
    // Before Go 1.21 the line was advice.
    (version > lists && version >= GoVersion::release(21)).then_some(least)
}

/// The beginning of a module path that stands for its owner: the host, or the account on a host for everyone.
fn owner(path: &str) -> &str {
    const FOR_EVERYONE: [&str; 6] =
        ["bitbucket.org", "codeberg.org", "gitee.com", "github.com", "gitlab.com", "git.sr.ht"];
    let elements = if FOR_EVERYONE.iter().any(|host| path.split('/').next() == Some(host)) { 2 } else { 1 };
    path.match_indices('/').nth(elements - 1).map_or(path, |(at, _)| &path[..at])
}

fn is_at_least(go: Option<&str>, minor: u32) -> bool {
    go.and_then(GoVersion::parse).is_some_and(|version| version >= GoVersion::release(minor))
}
