//! Every file that can change the binary of a main package, and why.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::build_list::BuildList;
use super::closure::{Closure, Member};
use super::fault::Fault;
use super::folder::Kind;
use super::package::{Built, Package, same_but_for_case};
use super::platforms::Mask;
use super::{Flags, Main, embed, named};
use crate::error::Error;
use crate::files::tree::{Below as _, Tree};

/// Since this release of Go a `default.pgo` beside a main package guides its optimisation.
const FIRST_WITH_PROFILE: u32 = 21;

/// The files that a main package is built from, each with the reason.
pub(super) struct Files<'a> {
    closure: &'a Closure,
    /// Those of its own that belong to no package.
    own: Vec<(Utf8PathBuf, String)>,
    /// Those of each package, in the order of the closure.
    of_members: Vec<Arc<FileGroup>>,
}

/// Files that builds read together or not at all. All main packages that read them share the group.
#[derive(Debug)]
pub struct FileGroup {
    /// No other group of the tree has this number; they are counted from 0.
    pub(in crate::discover) number: usize,
    files: Vec<GroupFile>,
}

/// How many groups a tree has so far; kept with it.
#[derive(Debug, Default)]
struct Count(AtomicUsize);

/// A file that a build reads.
#[derive(Debug)]
struct GroupFile {
    path: Utf8PathBuf,
    reason: Reason,
}

/// Why a build reads a file.
#[derive(Debug)]
enum Reason {
    Compiled,
    Embedded { by: Utf8PathBuf, line: u32, pattern: String },
    Named(String),
}

impl FileGroup {
    fn new(tree: &Tree, files: Vec<GroupFile>) -> Self {
        Self { number: tree.derived::<Count>().0.fetch_add(1, Ordering::Relaxed), files }
    }

    /// The paths of its files.
    pub(in crate::discover) fn paths(&self) -> impl ExactSizeIterator<Item = &Utf8Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    fn find(&self, path: &Utf8Path) -> Option<&GroupFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl<'a> Files<'a> {
    /// Finds all of them.
    pub(super) fn of(tree: &Tree, closure: &'a Closure, main: &Main, flags: &Flags) -> Result<Self> {
        let mut own = Vec::new();
        if let Some(profile) = profile(tree, main, flags)? {
            let links = named::links(tree, &profile)?;
            own.push((profile, "Go optimises by this profile".to_owned()));
            own.extend(links);
        }
        let of_member = |member: &Member| member.package.files_for(tree, &closure.loaded.platforms, member.platforms);
        let of_members = closure.members.iter().map(of_member).collect::<Result<_>>()?;
        Ok(Self { closure, own, of_members })
    }

    /// Those that main packages share, and the paths of the rest. A path may be in more than one group.
    pub(super) fn groups(self) -> (Vec<Arc<FileGroup>>, Vec<Utf8PathBuf>) {
        let mut groups = self.of_members;
        groups.push(Arc::clone(&self.closure.loaded.module_files));
        (groups, self.own.into_iter().map(|(path, _)| path).collect())
    }

    /// Why a file is among them; `None` where it is not.
    pub(super) fn reason(&self, file: &Utf8Path) -> Option<String> {
        if let Some(GroupFile { reason: Reason::Named(reason), .. }) = self.closure.loaded.module_files.find(file) {
            return Some(reason.clone());
        }
        if let Some((_, reason)) = self.own.iter().find(|(path, _)| path == file) {
            return Some(reason.clone());
        }
        let mut all = self.of_members.iter().enumerate();
        let (member, file) = all.find_map(|(member, files)| Some((member, files.find(file)?)))?;
        let text = match &file.reason {
            Reason::Compiled if self.closure.members[member].is_optional => {
                "a module from elsewhere may import its package".to_owned()
            }
            Reason::Compiled => "compiled".to_owned(),
            Reason::Embedded { by, line, pattern } => format!("embedded by {by}:{line} as `{pattern}`"),
            Reason::Named(text) => text.clone(),
        };
        let chain = self.closure.chain(member);
        Some(if chain.is_empty() { text } else { format!("{text}; {chain}") })
    }
}

/// The files of no package that all builds with a build list read, with those that links lead to.
pub(super) fn of_modules(tree: &Tree, list: &BuildList, links: &[(Utf8PathBuf, String)]) -> FileGroup {
    let named = |path: Utf8PathBuf, reason: &str| GroupFile { path, reason: Reason::Named(reason.to_owned()) };
    let mut files = Vec::new();
    files.extend(list.module_files.iter().map(|file| named(file.clone(), "Go reads it to know the modules")));
    let vendor = list.vendor.iter().map(|vendor| vendor.dir.below("modules.txt"));
    files.extend(vendor.map(|file| named(file, "Go reads it to know the vendored packages")));
    files.extend(links.iter().map(|(path, reason)| named(path.clone(), reason)));
    FileGroup::new(tree, files)
}

/// The files that the build of a package reads for some platforms, sorted as text.
pub(super) fn of_package(tree: &Tree, package: &Package, built: &Built, mask: Mask) -> Result<FileGroup> {
    let mut found = Vec::new();
    let mut add = |path: Utf8PathBuf, reason| found.push(GroupFile { path, reason });
    for source in package.built(mask) {
        let file = package.folder.path(source);
        if source.kind == Kind::Go {
            for (path, line, pattern) in embedded(tree, package, &file, source)? {
                add(path, Reason::Embedded { by: file.clone(), line, pattern });
            }
        }
        add(file, Reason::Compiled);
    }
    check_case(&found)?;
    let named = |(path, reason): &(Utf8PathBuf, String)| (path.clone(), Reason::Named(reason.clone()));
    found.extend(built.named.iter().map(named).map(|(path, reason)| GroupFile { path, reason }));
    // A stable sort: the first reason that is found stays the first.
    found.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
    Ok(FileGroup::new(tree, found))
}

/// Go packs no two files into one package whose names differ by case alone.
fn check_case(files: &[GroupFile]) -> Result<()> {
    if !files.iter().any(|file| matches!(file.reason, Reason::Embedded { .. })) {
        return Ok(());
    }
    let names: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    match same_but_for_case(names.into_iter()) {
        Some((a, b)) => Err(Error::usage(format!("case-insensitive file name collision: {a} and {b}")).into()),
        None => Ok(()),
    }
}

/// The profile that Go optimises a main package by.
fn profile(tree: &Tree, main: &Main, flags: &Flags) -> Result<Option<Utf8PathBuf>> {
    let profile = main.dir.below("default.pgo");
    Ok((flags.go_minor >= FIRST_WITH_PROFILE && tree.holds_file(&profile)?).then_some(profile))
}

/// The files that a build reads and that no pattern by package folder names, sorted.
pub(super) fn named_paths(tree: &Tree, closure: &Closure, main: &Main, flags: &Flags) -> Result<Vec<Utf8PathBuf>> {
    let links = |links: &[(Utf8PathBuf, String)]| links.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    let mut paths = links(&closure.loaded.module_links);
    if let Some(profile) = profile(tree, main, flags)? {
        paths.extend(links(&named::links(tree, &profile)?));
        paths.push(profile);
    }
    for member in &closure.members {
        let built = member.package.built_for(tree, &closure.loaded.platforms, member.platforms)?;
        paths.extend(links(&built.named));
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Checks that each embed pattern of a package has files.
pub(super) fn check_embeds(tree: &Tree, package: &Package, mask: Mask) -> Result<()> {
    let mut sources = package.built(mask).filter(|source| source.kind == Kind::Go);
    sources.try_for_each(|source| embedded(tree, package, &package.folder.path(source), source).map(drop))
}

/// The files that a Go file embeds, each with the line and the text of the pattern.
fn embedded(
    tree: &Tree,
    package: &Package,
    file: &Utf8Path,
    source: &super::folder::Source,
) -> Result<Vec<(Utf8PathBuf, u32, String)>> {
    let mut found = Vec::new();
    for pattern in &package.folder.header(tree, source)?.embeds {
        let files = embed::resolve(tree, &package.folder.dir, &pattern.text)?.map_err(|message| {
            let fault = Fault::new(pattern.line, format!("pattern {}: {message}", pattern.text)).at(file);
            fault.hint("a file that another step makes must be there before the build")
        })?;
        let found_by = |embedded| (package.folder.dir.below(embedded), pattern.line, pattern.text.clone());
        found.extend(files.into_iter().map(found_by));
    }
    Ok(found)
}
