//! The folders that Go's `./...` matches, in every module of a repository.

use std::sync::Arc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::folder::Kind;
use super::module_file::ModuleFile;
use super::module_files::ModuleFiles;
use super::names::import_path_fault;
use crate::discover::{Problem, is_template};
use crate::files::tree::{Below as _, Entry, Tree};
use crate::parallel;

/// A folder with Go files, in the module that it belongs to.
pub(super) struct Candidate {
    pub(super) dir: Utf8PathBuf,
    pub(super) module: Arc<ModuleFile>,
    pub(super) module_dir: Utf8PathBuf,
    /// Why Go would refuse every package of the module.
    pub(super) fault: Option<Problem>,
}

/// A module on the way down, with its folder, and what is wrong with it.
type Around = (Utf8PathBuf, Arc<ModuleFile>, Option<Problem>);

/// What a walk found.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) candidates: Vec<Candidate>,
    pub(super) problems: Vec<Problem>,
}

/// A folder to look into.
struct Visit {
    dir: Utf8PathBuf,
    module: Option<Around>,
    /// Whether patterns reach it from the module's root.
    is_matched: bool,
}

/// What was seen in a folder.
#[derive(Default)]
struct Seen {
    below: Vec<Visit>,
    candidate: Option<Candidate>,
    problems: Vec<Problem>,
}

/// Walks the whole repository, level by level, each level in parallel.
pub(super) fn walk(tree: &Tree) -> Result<Walk> {
    let files = tree.derived::<ModuleFiles>();
    let mut walk = Walk::default();
    let mut level = vec![Visit { dir: Utf8PathBuf::new(), module: None, is_matched: false }];
    while !level.is_empty() {
        let seen = parallel::map(&level, parallel::SMALL, |visit| look(tree, &files, visit));
        level = Vec::new();
        for seen in seen {
            let seen = seen?;
            level.extend(seen.below);
            walk.candidates.extend(seen.candidate);
            walk.problems.extend(seen.problems);
        }
    }
    Ok(walk)
}

fn look(tree: &Tree, files: &ModuleFiles, visit: &Visit) -> Result<Seen> {
    let dir = &visit.dir;
    let entries = tree.entries(dir)?;
    let has = |name: &str| entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).is_ok();
    let mut seen = Seen::default();
    let mut module = visit.module.clone();
    let mut is_matched = visit.is_matched;
    let own = if has("go.mod") { files.module(tree, dir)? } else { None };
    match own {
        Some(Ok(file)) => {
            // Without a module line it only keeps its folder out of the module around it.
            module = file.module.is_some().then(|| (dir.clone(), file, None));
            is_matched = module.is_some();
        }
        Some(Err(fault)) => {
            let problem = fault.in_file(&dir.below("go.mod"));
            seen.problems.push(problem.clone());
            module = guessed(tree, dir)?.map(|file| (dir.clone(), Arc::new(file), Some(problem)));
            is_matched = module.is_some();
        }
        None => is_matched &= module.as_ref().is_some_and(|(root, file, _)| !is_ignored(file, root, dir)),
    }
    let work = if has("go.work") { files.work(tree, dir)? } else { None };
    seen.problems.extend(work.and_then(Result::err).map(|fault| fault.in_file(&dir.below("go.work"))));
    if let Some((module_dir, file, fault)) = module.as_ref().filter(|_| is_matched)
        && entries.iter().any(|entry| entry.is_file() && Kind::of(&entry.name) == Some(Kind::Go))
    {
        let (module, module_dir) = (Arc::clone(file), module_dir.clone());
        seen.candidate = Some(Candidate { dir: dir.clone(), module, module_dir, fault: fault.clone() });
    }
    // Below a folder `vendor` lie other people's packages.
    if dir.file_name() != Some("vendor") {
        for entry in entries.iter().filter(|entry| may_hold_modules(entry, &has)) {
            let is_matched = is_matched && !entry.name.starts_with('_') && entry.name != "testdata";
            seen.below.push(Visit { dir: dir.below(&entry.name), module: module.clone(), is_matched });
        }
    }
    Ok(seen)
}

/// What a `go.mod` that does not parse is the file of, by its module line or its folder: its main packages have names.
fn guessed(tree: &Tree, dir: &Utf8Path) -> Result<Option<ModuleFile>> {
    let text = String::from_utf8_lossy(&tree.read(&dir.below("go.mod"))?.unwrap_or_default()).into_owned();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module ")).map(str::trim);
    let path = line.filter(|path| import_path_fault(path).is_none()).or(dir.file_name());
    let path = path.filter(|path| !is_template(path) && !is_template(dir.as_str()));
    Ok(path.map(|path| ModuleFile { module: Some(path.to_owned()), ..ModuleFile::default() }))
}

/// Hidden folders and what npm and Cargo put there hold no services.
fn may_hold_modules(entry: &Entry, has: &dyn Fn(&str) -> bool) -> bool {
    let is_made = entry.name == "node_modules" || entry.name == "target" && has("Cargo.toml");
    entry.is_folder() && !entry.name.starts_with('.') && !is_made
}

/// Whether an `ignore` line of the module's `go.mod` covers a folder: `./x` from the module's root, `x` anywhere.
fn is_ignored(file: &ModuleFile, root: &Utf8Path, dir: &Utf8Path) -> bool {
    let Ok(path) = dir.strip_prefix(root) else { return false };
    let path = format!("/{path}/");
    file.ignores.iter().any(|ignore| match ignore.strip_prefix("./") {
        Some(rooted) => path.starts_with(&in_slashes(rooted)),
        None => path.contains(&in_slashes(ignore)),
    })
}

fn in_slashes(path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { "/" };
    let end = if path.ends_with('/') { "" } else { "/" };
    format!("{start}{path}{end}")
}
