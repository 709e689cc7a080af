//! A package as Go loads it: which files of a folder are built, and what they import.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use camino::Utf8PathBuf;
use memchr::memmem;

use super::build_list::{BuildList, Place};
use super::byte_set::ByteSet;
use super::fault::Fault;
use super::files::{self, FileGroup};
use super::folder::{Folder, Folders, Kind, Source};
use super::header::Header;
use super::names::is_safe;
use super::platforms::{Mask, Platforms};
use super::{InputPackage, named};
use crate::error::Error;
use crate::files::tree::Tree;

/// A package of the repository, vendored ones included.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) import_path: String,
    pub(super) is_vendored: bool,
    pub(super) folder: Arc<Folder>,
    /// The name in its package clauses.
    pub(super) name: String,
    /// The files that are built on any of the platforms, each with those it is built on.
    pub(super) files: Vec<(usize, Mask)>,
    /// What its Go files import, sorted; Go's own packages are left out.
    pub(super) imports: Vec<Import>,
    /// Where it has C.
    pub(super) cgo: Mask,
    /// Why Go would not build it.
    refusals: Vec<Refusal>,
    /// What was worked out for some platforms.
    built: Mutex<Vec<(Mask, Arc<Built>)>>,
    /// The files that are read for some platforms.
    listed: Mutex<Vec<(Mask, Arc<FileGroup>)>>,
}

/// What a package gives to a build for some platforms.
#[derive(Debug)]
pub(super) struct Built {
    /// Its files and embed patterns.
    input: OnceLock<Arc<InputPackage>>,
    /// Files that no pattern by its folder names, each with the reason.
    pub(super) named: Vec<(Utf8PathBuf, String)>,
}

/// An import of a package.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) path: String,
    pub(super) place: Place,
    /// Where any file that is built there has it.
    pub(super) platforms: Mask,
    /// The first file that has it, and the line there.
    pub(super) file: usize,
    pub(super) line: u32,
}

#[derive(Debug)]
struct Refusal {
    platforms: Mask,
    message: String,
    hint: Option<String>,
}

/// Where a package is, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) import_path: String,
    pub(super) dir: Utf8PathBuf,
    pub(super) is_vendored: bool,
}

impl Import {
    /// Where the package is that it names; `None` for Go's own and those of modules from elsewhere.
    pub(super) fn location(&self) -> Option<Location> {
        let (dir, is_vendored) = match &self.place {
            Place::Standard | Place::Elsewhere => return None,
            Place::Local(dir) => (dir.clone(), false),
            Place::Vendored(dir) => (dir.clone(), true),
        };
        Some(Location { import_path: self.path.clone(), dir, is_vendored })
    }
}

impl Package {
    /// Reads a package.
    pub(super) fn load(tree: &Tree, list: &BuildList, platforms: &Platforms, location: &Location) -> Result<Self> {
        let folder = tree.derived::<Folders>().get(tree, &location.dir)?;
        let mut package = Self {
            import_path: location.import_path.clone(),
            is_vendored: location.is_vendored,
            folder: Arc::clone(&folder),
            name: String::new(),
            files: Vec::new(),
            imports: Vec::new(),
            cgo: 0,
            refusals: Vec::new(),
            built: Mutex::default(),
            listed: Mutex::default(),
        };
        let mut names = Vec::new();
        for (at, source) in folder.files.iter().enumerate() {
            let by_name = if source.kind == Kind::GoTest { 0 } else { platforms.file_name(&source.name) };
            if by_name == 0 {
                continue;
            }
            match folder.header(tree, source) {
                Ok(header) => names.extend(package.add_file(platforms, at, by_name, header)),
                // Of other languages' files Go passes over what it cannot read.
                Err(_) if source.kind != Kind::Go => {}
                Err(error) => package.refuse(by_name, format!("{error:#}"), None),
            }
        }
        package.check_names(&names);
        package.check_files(tree, platforms);
        package.add_imports(tree, list)?;
        Ok(package)
    }

    fn add_imports(&mut self, tree: &Tree, list: &BuildList) -> Result<()> {
        let folder = Arc::clone(&self.folder);
        let mut imports: BTreeMap<&str, (Mask, usize, u32)> = BTreeMap::new();
        for (at, mask) in &self.files {
            let source = &folder.files[*at];
            if source.kind == Kind::Go {
                for import in &folder.header(tree, source)?.imports {
                    imports.entry(&import.path).or_insert((0, *at, import.line)).0 |= mask;
                }
            }
        }
        for (path, (platforms, file, line)) in imports {
            let at = |message: String| Fault::new(line, message).at(&folder.path(&folder.files[file])).to_string();
            let place = match list.find(tree, path)? {
                Ok(place) => place,
                Err(message) => {
                    let hint = match list.folder_of(path) {
                        Some(folder) => {
                            format!("put its Go files into {folder}: what is generated has to be there first")
                        }
                        None => format!("`go get {path}` adds it; `go mod tidy` mends all imports"),
                    };
                    self.refuse(platforms, at(message), Some(hint));
                    continue;
                }
            };
            if !may_use_internal(&self.import_path, path, &place) {
                self.refuse(platforms, at(format!("use of internal package {path} not allowed")), None);
            }
            if place != Place::Standard {
                self.imports.push(Import { path: path.to_owned(), place, platforms, file, line });
            }
        }
        Ok(())
    }

    /// The file and line of an import.
    pub(super) fn place_of(&self, import: usize) -> (Utf8PathBuf, u32) {
        let import = &self.imports[import];
        (self.folder.path(&self.folder.files[import.file]), import.line)
    }

    /// Its files that are built on any of these platforms.
    pub(super) fn built(&self, platforms: Mask) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(move |(_, mask)| mask & platforms != 0).map(|(at, _)| &self.folder.files[*at])
    }

    /// What it gives to a build for these platforms.
    pub(super) fn built_for(&self, tree: &Tree, platforms: &Platforms, mask: Mask) -> Result<Arc<Built>> {
        let known = || self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, built)) = known().iter().find(|(of, _)| *of == mask) {
            return Ok(Arc::clone(built));
        }
        let built = Arc::new(Built { input: OnceLock::new(), named: named::of(tree, self, platforms, mask)? });
        known().push((mask, Arc::clone(&built)));
        Ok(built)
    }

    /// Its files and embed patterns for these platforms.
    pub(super) fn input_for(&self, tree: &Tree, platforms: &Platforms, mask: Mask) -> Result<Arc<InputPackage>> {
        let built = self.built_for(tree, platforms, mask)?;
        if let Some(input) = built.input.get() {
            return Ok(Arc::clone(input));
        }
        let mut input = InputPackage { dir: self.folder.dir.clone(), files: Vec::new(), embeds: Vec::new() };
        for source in self.built(mask) {
            input.files.push(source.name.clone());
            if source.kind == Kind::Go {
                let patterns = &self.folder.header(tree, source)?.embeds;
                input.embeds.extend(patterns.iter().map(|pattern| pattern.text.clone()));
            }
        }
        input.embeds.sort();
        input.embeds.dedup();
        Ok(Arc::clone(built.input.get_or_init(|| Arc::new(input))))
    }

    /// The files that its build reads for these platforms, sorted as text.
    pub(super) fn files_for(&self, tree: &Tree, platforms: &Platforms, mask: Mask) -> Result<Arc<FileGroup>> {
        let known = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, files)) = known().iter().find(|(of, _)| *of == mask) {
            return Ok(Arc::clone(files));
        }
        let built = self.built_for(tree, platforms, mask)?;
        let files = Arc::new(files::of_package(tree, self, &built, mask)?);
        known().push((mask, Arc::clone(&files)));
        Ok(files)
    }

    /// What Go says where it would not build the package on one of the platforms.
    pub(super) fn refusal(&self, platforms: Mask) -> Option<Error> {
        let refusal = self.refusals.iter().find(|refusal| refusal.platforms & platforms != 0)?;
        let error = Error::usage(refusal.message.clone());
        Some(match &refusal.hint {
            Some(hint) => error.hint(hint.clone()),
            None => error,
        })
    }

    fn refuse(&mut self, platforms: Mask, message: String, hint: Option<String>) {
        self.refusals.push(Refusal { platforms, message, hint });
    }

    /// Takes a file in where it is built; returns where its package clause counts, and the name there.
    fn add_file(&mut self, platforms: &Platforms, at: usize, by_name: Mask, header: &Header) -> Option<Named> {
        let folder = Arc::clone(&self.folder);
        let source = &folder.files[at];
        let kind = source.kind;
        if let Some(fault) = &header.unreadable {
            // Of other languages' files Go passes over what it cannot read.
            if kind == Kind::Go {
                self.refuse(by_name, fault.at(&folder.path(source)).to_string(), None);
            }
            return None;
        }
        let mask = header.constraints.iter().fold(by_name, |mask, one| mask & platforms.matching(one));
        if mask == 0 || header.package == "documentation" {
            return None;
        }
        if let Some(fault) = &header.fault {
            self.refuse(mask, fault.at(&folder.path(source)).to_string(), None);
        }
        let is_for_cgo = header.is_cgo() || kind.is_compiled_by_c();
        if is_for_cgo && !platforms.cgo() {
            // The Go file still says which package this is.
            let name = header.package.clone();
            return (kind == Kind::Go).then_some(Named { at, mask, name });
        }
        if header.is_cgo() || matches!(kind, Kind::Swig | Kind::SwigCxx) {
            self.cgo |= mask;
        }
        self.files.push((at, mask));
        let name = header.package.clone();
        (kind == Kind::Go && !name.is_empty()).then_some(Named { at, mask, name })
    }

    /// All files of a folder are of one package, files for other platforms aside.
    fn check_names(&mut self, names: &[Named]) {
        let Some(first) = names.first() else { return };
        self.name.clone_from(&first.name);
        let other = names.iter().find(|named| named.name != first.name && named.mask & first.mask != 0);
        if let Some(other) = other {
            let described = |named: &Named| format!("{} ({})", named.name, self.folder.files[named.at].name);
            let message =
                format!("found packages {} and {} in {}", described(first), described(other), place(&self.folder));
            self.refuse(other.mask & first.mask, message, None);
        }
    }

    /// Says as Go does why there is nothing to compile: files that are left out, tests among them, come first.
    fn refuse_without_go(&mut self, tree: &Tree, platforms: &Platforms, without: Mask) {
        let folder = Arc::clone(&self.folder);
        let left_out = |source: &&Source| {
            let taken = folder.header(tree, source).map_or(0, |header| {
                let by_name = platforms.file_name(&source.name);
                let mask = header.constraints.iter().fold(by_name, |mask, one| mask & platforms.matching(one));
                if header.is_cgo() && !platforms.cgo() { 0 } else { mask }
            });
            taken & without != without
        };
        let of_go = || folder.files.iter().filter(|source| matches!(source.kind, Kind::Go | Kind::GoTest));
        let place = place(&folder);
        if of_go().any(|source| left_out(&source)) {
            let hint = "a file may want cgo, a build tag or another platform: `cgo = true`, `tags = [\"…\"]`";
            let message = format!("build constraints exclude all Go files in {place}");
            self.refuse(without, message, Some(hint.to_owned()));
        } else {
            let what = if of_go().next().is_some() { "no non-test Go files" } else { "no Go files" };
            self.refuse(without, format!("{what} in {place}"), None);
        }
    }

    /// Which files may be there, and which beside which.
    fn check_files(&mut self, tree: &Tree, platforms: &Platforms) {
        let folder = Arc::clone(&self.folder);
        let kind = |at: usize| folder.files[at].kind;
        let with_go = self.files.iter().filter(|(at, _)| kind(*at) == Kind::Go).fold(0, |all, (_, mask)| all | mask);
        let without_go = platforms.all() & !with_go;
        if without_go != 0 {
            self.refuse_without_go(tree, platforms, without_go);
        }
        let cgo = self.cgo;
        for (at, mask) in &mut self.files {
            // Without cgo no C compiler runs, which alone takes this kind of assembly.
            if kind(*at) == Kind::AssemblyForC {
                *mask &= cgo;
            }
        }
        self.files.retain(|(_, mask)| *mask != 0);
        // Of all files that are there, built or not: on some systems two of them are one.
        if let Some((a, b)) = same_but_for_case(folder.files.iter().map(|source| source.name.as_str())) {
            let message = format!("case-insensitive file name collision: {a:?} and {b:?} in {}", place(&folder));
            self.refuse(Mask::MAX, message, None);
        }
        for (at, mask) in self.files.clone() {
            let source = &folder.files[at];
            let needs_c = source.kind.is_compiled_by_c() || source.kind == Kind::Fortran;
            if needs_c && mask & !cgo != 0 {
                self.refuse(mask & !cgo, format!("{} is not allowed without cgo or SWIG", folder.path(source)), None);
            }
            if !is_safe(&source.name) {
                self.refuse(mask, format!("invalid input file name {:?} in {}", source.name, place(&folder)), None);
            }
        }
    }
}

/// The first two names that differ by case alone.
pub(super) fn same_but_for_case<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let names: Vec<_> = names.collect();
    // Names that are all in lower case differ by more.
    static LOWER: ByteSet = ByteSet::letters_digits_and(b"_-./").without_capitals();
    if names.iter().all(|name| LOWER.has_all(name.as_bytes())) {
        return None;
    }
    let mut seen: HashMap<String, &str> = HashMap::new();
    names.into_iter().find_map(|name| seen.insert(name.to_lowercase(), name).map(|other| (other, name)))
}

/// A file with the package that it belongs to.
struct Named {
    at: usize,
    mask: Mask,
    name: String,
}

fn place(folder: &Folder) -> &str {
    if folder.dir.as_str().is_empty() { "." } else { folder.dir.as_str() }
}

/// A path with an element `internal` may be imported from within the folder above that element only; Go's own by no
/// one else.
fn may_use_internal(importer: &str, import: &str, place: &Place) -> bool {
    let Some(above) = above_internal(import) else { return true };
    let is_within = importer.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    *place != Place::Standard && (is_within || above.is_empty())
}

/// What stands before the last element `internal` of an import path.
fn above_internal(import: &str) -> Option<&str> {
    static INTERNAL: LazyLock<memmem::FinderRev> = LazyLock::new(|| memmem::FinderRev::new("internal"));
    let mut end = import.len();
    while let Some(at) = INTERNAL.rfind(&import[..end]) {
        let (above, below) = (&import[..at], &import[at + "internal".len()..]);
        if (above.is_empty() || above.ends_with('/')) && (below.is_empty() || below.starts_with('/')) {
            return Some(above.strip_suffix('/').unwrap_or_default());
        }
        end = at;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_packages_are_for_what_lies_around_them() {
        let here = Place::Local("x".into());
        let table = [
            ("x.y/a", "x.y/b", true),
            ("x.y/a", "x.y/internal/b", true),
            ("x.y/a", "x.y/internal", true),
            ("x.y", "x.y/internal/b", true),
            ("x.y/a/b", "x.y/a/internal/c/d", true),
            ("x.yz", "x.y/internal/b", false),
            ("x.y/ab", "x.y/a/internal/c", false),
            // The last element counts.
            ("x.y/a", "x.y/internal/b/internal/c", false),
            ("x.y/internal/b/c", "x.y/internal/b/internal/c", true),
            // No elements of that name.
            ("z.z", "x.y/internals/b", true),
            ("z.z", "x.y/my-internal", true),
            ("z.z", "x.y/a/internal/binternal/c", false),
            ("z.z", "internal/a", true),
        ];
        for (importer, import, may) in table {
            assert_eq!(may_use_internal(importer, import, &here), may, "{importer} imports {import}");
        }
        assert!(!may_use_internal("x.y", "internal/abi", &Place::Standard));
        assert!(!may_use_internal("x.y", "net/http/internal", &Place::Standard));
    }
}
