//! `vendor/modules.txt`: which packages of which modules are vendored.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8PathBuf;

use super::build_list::{MainModule, Replaced};
use super::module_file::{Requirement, Target};
use super::version;
use crate::discover::paths::within;
use crate::error::Error;
use crate::files::tree::Below as _;

/// A folder of vendored modules.
#[derive(Debug, Default)]
pub(super) struct Vendor {
    /// The folder, from the repository's root.
    pub(super) dir: Utf8PathBuf,
    modules: BTreeMap<Module, Notes>,
    packages: BTreeSet<String>,
    /// Whether only the packages that are listed count.
    is_strict: bool,
}

/// A module's path, and its version where the line names one.
type Module = (String, Option<String>);

/// What is noted of a module.
#[derive(Debug, Default)]
struct Notes {
    is_explicit: bool,
    has_packages: bool,
    replacement: Option<(String, Option<String>)>,
}

impl Vendor {
    /// Whether the text of a `modules.txt` was written for a workspace.
    pub(super) fn is_for_workspace(text: &str) -> bool {
        let first = text.lines().next().and_then(|line| line.strip_prefix("## "));
        first.is_some_and(|notes| notes.split(';').any(|note| note.trim() == "workspace"))
    }

    /// Reads the text of a `modules.txt`.
    pub(super) fn parse(dir: Utf8PathBuf, text: &str, is_strict: bool) -> Self {
        let mut vendor = Self { dir, is_strict, ..Self::default() };
        let mut module: Option<Module> = None;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("# ") {
                module = vendor.heading(heading).or(module.filter(|_| heading.split_whitespace().count() < 2));
                continue;
            }
            let Some(module) = &module else { continue };
            let notes = vendor.modules.entry(module.clone()).or_default();
            if let Some(marks) = line.strip_prefix("## ") {
                notes.is_explicit |= marks.split(';').any(|mark| mark.trim() == "explicit");
            } else if let [package] = line.split_whitespace().collect::<Vec<_>>().as_slice() {
                notes.has_packages = true;
                vendor.packages.insert((*package).to_owned());
            }
        }
        vendor
    }

    /// Reads a line such as `example.com/a v1.0.0 => ./a`.
    fn heading(&mut self, heading: &str) -> Option<Module> {
        let words: Vec<_> = heading.split_whitespace().collect();
        let (module, rest) = match words.as_slice() {
            [path, "=>", ..] => (((*path).to_owned(), None), &words[1..]),
            [path, version, rest @ ..] if version::is_canonical(version) => {
                (((*path).to_owned(), Some((*version).to_owned())), rest)
            }
            _ => return None,
        };
        let notes = self.modules.entry(module.clone()).or_default();
        match rest {
            ["=>", folder] => notes.replacement = Some(((*folder).to_owned(), None)),
            ["=>", path, version] => notes.replacement = Some(((*path).to_owned(), Some((*version).to_owned()))),
            _ => {}
        }
        Some(module)
    }

    /// Whether a package may be taken from the folder.
    pub(super) fn lists(&self, package: &str) -> bool {
        !self.is_strict || self.packages.contains(package)
    }

    /// Checks that the folder is what the modules require: Go builds nothing from a stale one.
    pub(super) fn check(&self, mains: &[MainModule], replaced: &[(String, Option<String>, Replaced)]) -> Result<()> {
        let stale = |path: &str, what: &str| {
            let file = self.dir.below("modules.txt");
            let error = Error::usage(format!("inconsistent vendoring: {path} {what} in {file}"));
            Err(error.hint("`go mod vendor`, in a workspace `go work vendor`, writes the folder anew").into())
        };
        let requires = || mains.iter().flat_map(|main| &main.file.requires);
        for Requirement { path, version, .. } in requires() {
            let notes = self.modules.get(&(path.clone(), Some(version.clone())));
            if !notes.is_some_and(|notes| notes.is_explicit) {
                return stale(path, &format!("{version} is required, but not marked as explicit"));
            }
        }
        for (path, version, replaced) in replaced {
            // What a workspace builds itself is not replaced.
            if version.is_none() && mains.iter().any(|main| main.file.module.as_ref() == Some(path)) {
                continue;
            }
            let noted = self.modules.get(&(path.clone(), version.clone())).and_then(|notes| notes.replacement.as_ref());
            match noted {
                Some(noted) if self.is_noted(replaced, noted) => {}
                Some((noted, _)) => return stale(path, &format!("is marked as replaced by {noted}, which it is not")),
                None => return stale(path, "is replaced, but not marked as replaced"),
            }
        }
        for ((path, version), notes) in &self.modules {
            let is_required =
                || requires().any(|module| module.path == *path && Some(&module.version) == version.as_ref());
            if notes.is_explicit && notes.has_packages && !is_required() {
                return stale(path, "is marked as explicit, but not required");
            }
            let is_replaced = || {
                let matches = |of: &Option<String>| of.is_none() || of == version;
                replaced.iter().any(|(replaced, of, _)| replaced == path && matches(of))
            };
            if notes.replacement.is_some() && !is_replaced() {
                return stale(path, "is marked as replaced, but not replaced");
            }
        }
        Ok(())
    }

    fn is_noted(&self, replaced: &Replaced, (path, version): &(String, Option<String>)) -> bool {
        match &replaced.target {
            Target::Module { path: new, version: at } => new == path && Some(at) == version.as_ref(),
            Target::Folder(folder) => {
                let beside = self.dir.parent().and_then(|dir| within(dir, path));
                version.is_none() && (folder == path || beside.is_some() && beside == replaced.dir)
            }
        }
    }
}
