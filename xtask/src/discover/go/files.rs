//! Every file that can change the binary of a main package, and why.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::closure::Closure;
use super::fault::Fault;
use super::folder::Kind;
use super::package::{Package, same_but_for_case};
use super::{Flags, Main, embed, named};
use crate::error::Error;
use crate::files::tree::{Below as _, Tree};

/// Since this release of Go a `default.pgo` beside a main package guides its optimisation.
const FIRST_WITH_PROFILE: u32 = 21;

/// The files that a main package is built from, each with the reason.
pub(super) struct Files<'a> {
    closure: &'a Closure,
    /// By path; of a file that is there for more than one reason, all.
    found: Vec<(Utf8PathBuf, Reason)>,
}

/// Why a file is read. Packages are told by their place in the closure.
enum Reason {
    Modules,
    Vendored,
    Profile,
    Compiled(usize),
    Embedded { member: usize, by: Utf8PathBuf, line: u32, pattern: String },
    Named { member: Option<usize>, text: String },
}

impl<'a> Files<'a> {
    /// Finds all of them.
    pub(super) fn of(tree: &Tree, closure: &'a Closure, main: &Main, flags: &Flags) -> Result<Self> {
        let mut found = Vec::new();
        let list = &closure.loaded.list;
        found.extend(list.module_files.iter().map(|file| (file.clone(), Reason::Modules)));
        found.extend(list.vendor.iter().map(|vendor| (vendor.dir.below("modules.txt"), Reason::Vendored)));
        for (number, member) in closure.members.iter().enumerate() {
            let first = found.len();
            for source in member.package.built(member.platforms) {
                found.push((member.package.folder.path(source), Reason::Compiled(number)));
                if source.kind == Kind::Go {
                    let file = member.package.folder.path(source);
                    for (path, line, pattern) in embedded(tree, &member.package, &file, source)? {
                        let reason = Reason::Embedded { member: number, by: file.clone(), line, pattern };
                        found.push((path, reason));
                    }
                }
            }
            check_case(&found[first..])?;
        }
        found.extend(named(tree, closure, main, flags)?);
        // A stable sort: the first reason that is found stays the first.
        found.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        Ok(Self { closure, found })
    }

    /// Their paths, sorted.
    pub(super) fn paths(self) -> Vec<Utf8PathBuf> {
        let mut paths: Vec<_> = self.found.into_iter().map(|(path, _)| path).collect();
        paths.dedup();
        paths
    }

    /// Why a file is among them; `None` where it is not.
    pub(super) fn reason(&self, file: &Utf8Path) -> Option<String> {
        let (_, reason) = self.found.iter().find(|(path, _)| path == file)?;
        let (text, member) = match reason {
            Reason::Modules => ("Go reads it to know the modules".to_owned(), None),
            Reason::Vendored => ("Go reads it to know the vendored packages".to_owned(), None),
            Reason::Profile => ("Go optimises by this profile".to_owned(), None),
            Reason::Compiled(member) if self.closure.members[*member].is_optional => {
                ("a module from elsewhere may import its package".to_owned(), Some(*member))
            }
            Reason::Compiled(member) => ("compiled".to_owned(), Some(*member)),
            Reason::Embedded { member, by, line, pattern } => {
                (format!("embedded by {by}:{line} as `{pattern}`"), Some(*member))
            }
            Reason::Named { member, text } => (text.clone(), *member),
        };
        let chain = member.map(|member| self.closure.chain(member)).unwrap_or_default();
        Some(if chain.is_empty() { text } else { format!("{text}; {chain}") })
    }
}

/// Go packs no two files into one package whose names differ by case alone.
fn check_case(files: &[(Utf8PathBuf, Reason)]) -> Result<()> {
    if !files.iter().any(|(_, reason)| matches!(reason, Reason::Embedded { .. })) {
        return Ok(());
    }
    let names: BTreeSet<_> = files.iter().map(|(path, _)| path.as_str()).collect();
    match same_but_for_case(names.into_iter()) {
        Some((a, b)) => Err(Error::usage(format!("case-insensitive file name collision: {a} and {b}")).into()),
        None => Ok(()),
    }
}

/// The files that a build reads and that no pattern by package folder names, sorted.
pub(super) fn named_paths(tree: &Tree, closure: &Closure, main: &Main, flags: &Flags) -> Result<Vec<Utf8PathBuf>> {
    let mut paths: Vec<_> = named(tree, closure, main, flags)?.into_iter().map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn named(tree: &Tree, closure: &Closure, main: &Main, flags: &Flags) -> Result<Vec<(Utf8PathBuf, Reason)>> {
    let mut found = Vec::new();
    let reason = |member: Option<usize>| move |(path, text)| (path, Reason::Named { member, text });
    let profile = main.dir.below("default.pgo");
    if flags.go_minor >= FIRST_WITH_PROFILE && tree.holds_file(&profile)? {
        found.extend(named::links(tree, &profile)?.into_iter().map(reason(None)));
        found.push((profile, Reason::Profile));
    }
    found.extend(closure.loaded.module_links.iter().cloned().map(reason(None)));
    for (number, member) in closure.members.iter().enumerate() {
        let built = member.package.built_for(tree, &closure.loaded.platforms, member.platforms)?;
        found.extend(built.named.iter().cloned().map(reason(Some(number))));
    }
    Ok(found)
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
