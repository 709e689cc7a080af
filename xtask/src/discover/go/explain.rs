//! Why a file is no input of a main package.

use anyhow::Result;
use camino::Utf8Path;

use super::closure::Closure;
use super::folder::{Folders, Kind, Source};
use super::module_files::ModuleFiles;
use super::{Flags, Main, import_path};
use crate::files::tree::{Below as _, Kind as EntryKind, Tree};

/// Why a file that is no input is none.
pub(super) fn why_not(tree: &Tree, main: &Main, flags: &Flags, closure: &Closure, file: &Utf8Path) -> Result<String> {
    let Some(name) = file.file_name() else { return Ok("it is the repository itself".to_owned()) };
    match tree.kind(file)? {
        None => return Ok("there is no such file".to_owned()),
        Some(EntryKind::Folder | EntryKind::LinkToFolder) => return Ok("it is a folder".to_owned()),
        Some(EntryKind::Other) => return Ok("it is no regular file".to_owned()),
        Some(EntryKind::File | EntryKind::LinkToFile) => {}
    }
    let dir = file.parent().unwrap_or(Utf8Path::new(""));
    let member = closure.members.iter().find(|member| member.package.folder.dir == dir);
    if let Some(member) = member
        && Kind::of(name).is_some()
    {
        return not_built(tree, flags, closure, file, &member.package.import_path);
    }
    if ["go.mod", "go.sum", "go.work", "go.work.sum"].contains(&name) {
        return Ok(format!("the build of {} loads no module or workspace from there", main.import_path()));
    }
    if Kind::of(name).is_none() {
        let reason = if name.starts_with(['.', '_']) && name.ends_with(".go") {
            "Go passes over names that begin with . or _"
        } else {
            "Go does not compile such a file, and no compiled file embeds, includes or links it"
        };
        return Ok(reason.to_owned());
    }
    not_imported(tree, main, closure, dir)
}

/// Why a source in the folder of a compiled package is not compiled.
fn not_built(tree: &Tree, flags: &Flags, closure: &Closure, file: &Utf8Path, package: &str) -> Result<String> {
    let dir = file.parent().unwrap_or(Utf8Path::new(""));
    let folder = tree.derived::<Folders>().get(tree, dir)?;
    let Some(source) = folder.files.iter().find(|source| Some(source.name.as_str()) == file.file_name()) else {
        return Ok("it is no regular file".to_owned());
    };
    let on = || format!("linux/{}", flags.goarchs.join(", linux/"));
    if source.kind == Kind::GoTest {
        return Ok(format!("a test of {package}"));
    }
    let platforms = &closure.loaded.platforms;
    let by_name = platforms.file_name(&source.name);
    if by_name == 0 {
        return Ok(format!("its name keeps it for another platform than {}", on()));
    }
    let header = folder.header(tree, source)?;
    let mask = header.constraints.iter().fold(by_name, |mask, one| mask & platforms.matching(one));
    if mask == 0 {
        let constraint = constraint_line(tree, file)?;
        return Ok(format!("its constraint `{constraint}` does not hold on {}", on()));
    }
    Ok(why_not_compiled(source, header.is_cgo(), flags.cgo, package))
}

fn why_not_compiled(source: &Source, imports_c: bool, cgo: bool, package: &str) -> String {
    if imports_c && !cgo {
        "it imports C, and cgo is off".to_owned()
    } else if source.kind == Kind::Go {
        format!("it belongs to another platform or package than {package}")
    } else if cgo {
        format!("only cgo compiles it, which {package} does not use")
    } else {
        "only cgo compiles it, and cgo is off".to_owned()
    }
}

/// The line of a file that holds its constraint.
fn constraint_line(tree: &Tree, file: &Utf8Path) -> Result<String> {
    let text = tree.read(file)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_constraint =
        |line: &&str| line.starts_with("//go:build") || line.starts_with("//") && line.contains("+build");
    Ok(text.lines().map(str::trim).find(is_constraint).unwrap_or("//go:build").to_owned())
}

/// Why the package in a folder is not compiled.
fn not_imported(tree: &Tree, main: &Main, closure: &Closure, dir: &Utf8Path) -> Result<String> {
    let files = tree.derived::<ModuleFiles>();
    for above in dir.ancestors() {
        let Some(parsed) = files.module(tree, above)? else { continue };
        let path = parsed.ok().and_then(|file| file.module.clone());
        let Some(path) = path else { return Ok(format!("no module has it: {} names none", above.below("go.mod"))) };
        if closure.loaded.list.module_files.contains(&above.below("go.mod")) {
            let package = import_path(&path, above, dir);
            return Ok(format!("neither {} nor what it imports imports {package}", main.import_path()));
        }
        return Ok(format!("the build of {} does not load its module {path}", main.import_path()));
    }
    Ok("it is in no module".to_owned())
}
