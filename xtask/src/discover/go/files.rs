//! Every file that can change the binary of a main package, and why.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::closure::{Closure, Member};
use super::fault::Fault;
use super::folder::Kind;
use super::package::Package;
use super::{Flags, Main, cgo, embed};
use crate::error::Error;
use crate::files::tree::Below as _;
use crate::files::tree::Tree;

/// Since this release of Go a `default.pgo` beside a main package guides its optimisation.
const FIRST_WITH_PROFILE: u32 = 21;

/// The files that a main package is built from, each with the reason.
pub(super) struct Files {
    pub(super) closure: Closure,
    pub(super) reasons: BTreeMap<Utf8PathBuf, Reason>,
}

/// Why a file is read.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) text: String,
    /// The package that it is read for; `None` for the modules' own files.
    package: Option<String>,
}

impl Files {
    /// Finds all of them.
    ///
    /// # Errors
    /// What Go would refuse, with its file and line.
    pub(super) fn of(tree: &Tree, main: &Main, flags: &Flags) -> Result<Self> {
        let closure = Closure::of(tree, main, flags)?;
        let mut found = Found { tree, reasons: BTreeMap::new() };
        for file in &closure.loaded.list.module_files {
            found.add(file.clone(), "Go reads it to know the modules", None);
        }
        if let Some(vendor) = &closure.loaded.list.vendor {
            found.add(vendor.dir.below("modules.txt"), "Go reads it to know the vendored packages", None);
        }
        for (path, member) in &closure.members {
            let text = if member.is_optional { "a module from elsewhere may import it" } else { "compiled" };
            for source in member.package.built(member.platforms) {
                found.add(member.package.folder.path(source), text, Some(path));
            }
            found.embedded(member)?;
        }
        found.named(&closure, main, flags)?;
        Ok(Self { reasons: found.reasons, closure })
    }

    /// Why a file is among them; `None` where it is not.
    pub(super) fn reason(&self, file: &Utf8Path) -> Option<String> {
        let reason = self.reasons.get(file)?;
        let chain = reason.package.as_deref().map(|package| self.closure.chain(package)).unwrap_or_default();
        let text = &reason.text;
        Some(if chain.is_empty() { text.clone() } else { format!("{text}; {chain}") })
    }
}

/// The files that a build reads and that no pattern by package folder names: a profile, headers and libraries from
/// elsewhere, what links lead to.
pub(super) fn named(tree: &Tree, closure: &Closure, main: &Main, flags: &Flags) -> Result<Vec<Utf8PathBuf>> {
    let mut found = Found { tree, reasons: BTreeMap::new() };
    found.named(closure, main, flags)?;
    Ok(found.reasons.into_keys().collect())
}

struct Found<'a> {
    tree: &'a Tree,
    reasons: BTreeMap<Utf8PathBuf, Reason>,
}

impl Found<'_> {
    /// The first reason that is given for a file stays.
    fn add(&mut self, file: Utf8PathBuf, text: impl Into<String>, package: Option<&str>) {
        let reason = || Reason { text: text.into(), package: package.map(str::to_owned) };
        self.reasons.entry(file).or_insert_with(reason);
    }

    fn embedded(&mut self, member: &Member) -> Result<()> {
        let package = &member.package;
        for source in package.built(member.platforms).filter(|source| source.kind == Kind::Go) {
            let file = package.folder.path(source);
            for pattern in &package.folder.header(self.tree, source)?.embeds {
                let files = embed::resolve(self.tree, &package.folder.dir, &pattern.text)?.map_err(|message| {
                    let fault = Fault::new(pattern.line, format!("pattern {}: {message}", pattern.text)).at(&file);
                    fault.hint("a file that another step makes must be there before the build")
                })?;
                for embedded in files {
                    let text = format!("embedded by {file}:{} as `{}`", pattern.line, pattern.text);
                    self.add(package.folder.dir.below(embedded), text, Some(&package.import_path));
                }
            }
        }
        Ok(())
    }

    fn named(&mut self, closure: &Closure, main: &Main, flags: &Flags) -> Result<()> {
        let profile = main.dir.below("default.pgo");
        if flags.go_minor >= FIRST_WITH_PROFILE && self.tree.holds_file(&profile)? {
            self.follow_links(&profile, None)?;
            self.add(profile, "Go optimises by this profile", None);
        }
        for file in &closure.loaded.list.module_files {
            self.follow_links(file, None)?;
        }
        for (path, member) in &closure.members {
            let package = &member.package;
            if needs_c_search(package, member) {
                let platforms = &closure.loaded.platforms;
                for (file, asker) in cgo::reached(self.tree, package, platforms, member.platforms)? {
                    self.follow_links(&file, Some(path))?;
                    self.add(file, format!("{asker} includes or links it"), Some(path));
                }
            }
            let is_linked = self.tree.passes_link(&package.folder.dir)?;
            for source in package.built(member.platforms) {
                if is_linked || source.is_link {
                    self.follow_links(&package.folder.path(source), Some(path))?;
                }
            }
        }
        Ok(())
    }

    /// Adds the links that lead to a file, and the file that they lead to.
    fn follow_links(&mut self, file: &Utf8Path, package: Option<&str>) -> Result<()> {
        let Some(steps) = self.tree.follow(file)? else {
            let error = Error::usage(format!("{file} is a link that leads outside the repository"));
            return Err(error.hint("the builder sees the repository alone: copy what it leads to into it").into());
        };
        for step in steps {
            if step != file {
                self.add(step, format!("{file} leads there by a link"), package);
            }
        }
        Ok(())
    }
}

/// Only C and assembly include files; most packages have neither.
fn needs_c_search(package: &Package, member: &Member) -> bool {
    package.cgo & member.platforms != 0
        || package.built(member.platforms).any(|source| !matches!(source.kind, Kind::Go | Kind::Object))
}
