//! The packages that a main package is compiled from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::Main;
use super::build_list::{BuildList, Place};
use super::fault::Fault;
use super::folder::{Folder, Folders, Kind, Source};
use super::parallel;
use super::platforms::{Mask, Platforms};
use crate::error::Error;
use crate::files::tree::Tree;

/// The packages that a main package is compiled from, those of Go and of modules from elsewhere left out.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// By folder.
    pub(super) packages: BTreeMap<Utf8PathBuf, Package>,
    /// The import paths of packages in modules from elsewhere that these import.
    pub(super) third_party: BTreeSet<String>,
}

/// A package of the repository, vendored ones included.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) import_path: String,
    pub(super) is_vendored: bool,
    /// Where it is built.
    pub(super) platforms: Mask,
    /// The names of its files that are built, sorted.
    pub(super) files: BTreeSet<String>,
    /// Its embed patterns, each with the file and line of one place that has it.
    pub(super) embeds: BTreeMap<String, (String, u32)>,
}

/// A package that waits to be read, for platforms that it was not read for.
struct Waiting {
    dir: Utf8PathBuf,
    import_path: String,
    is_vendored: bool,
    platforms: Mask,
}

/// Follows the imports of a main package.
pub(super) struct Search<'a> {
    tree: &'a Tree,
    list: &'a BuildList,
    platforms: Platforms,
    closure: Closure,
}

impl<'a> Search<'a> {
    pub(super) fn new(tree: &'a Tree, list: &'a BuildList, platforms: Platforms) -> Self {
        Self { tree, list, platforms, closure: Closure::default() }
    }

    /// Reads package after package; what one level of imports names is read at once.
    pub(super) fn run(mut self, main: &Main) -> Result<Closure> {
        let folders = self.tree.derived::<Folders>();
        let mut level = vec![Waiting {
            dir: main.dir.clone(),
            import_path: main.import_path(),
            is_vendored: false,
            platforms: self.platforms.all(),
        }];
        while !level.is_empty() {
            let read = parallel::map(&level, |waiting| {
                let folder = folders.get(self.tree, &waiting.dir)?;
                folder.read_all(self.tree);
                Ok::<_, anyhow::Error>(folder)
            });
            let mut next: BTreeMap<Utf8PathBuf, Waiting> = BTreeMap::new();
            for (waiting, folder) in level.into_iter().zip(read) {
                for found in self.package(waiting, folder?)? {
                    let platforms = found.platforms;
                    next.entry(found.dir.clone()).or_insert(found).platforms |= platforms;
                }
            }
            level = next.into_values().collect();
        }
        Ok(self.closure)
    }

    /// Takes a package in; returns what it imports.
    fn package(&mut self, waiting: Waiting, folder: Arc<Folder>) -> Result<Vec<Waiting>> {
        let Waiting { dir, import_path, is_vendored, platforms } = waiting;
        let known = self.closure.packages.get(&dir).map_or(0, |package| package.platforms);
        let platforms = platforms & !known;
        if platforms == 0 {
            return Ok(Vec::new());
        }
        let selected = self.select(&folder, platforms)?;
        let mut imports: BTreeMap<&str, (Mask, &Source, u32)> = BTreeMap::new();
        let package = self.closure.packages.entry(dir).or_insert_with(|| Package {
            import_path: import_path.clone(),
            is_vendored,
            platforms: 0,
            files: BTreeSet::new(),
            embeds: BTreeMap::new(),
        });
        package.platforms |= platforms;
        for (source, mask) in selected {
            package.files.insert(source.name.clone());
            if source.kind != Kind::Go {
                continue;
            }
            let header = folder.header(self.tree, source)?;
            for import in &header.imports {
                imports.entry(&import.path).or_insert((0, source, import.line)).0 |= mask;
            }
            for pattern in &header.embeds {
                package.embeds.entry(pattern.text.clone()).or_insert((source.name.clone(), pattern.line));
            }
        }
        let mut found = Vec::new();
        for (import, (mask, source, line)) in imports {
            let file = folder.path(source);
            found.extend(self.import(import, mask, &import_path, &file, line)?);
        }
        Ok(found)
    }

    fn import(
        &mut self,
        import: &str,
        mask: Mask,
        importer: &str,
        file: &Utf8Path,
        line: u32,
    ) -> Result<Option<Waiting>> {
        let fault = |message: String| Fault::new(line, message).at(file);
        let place = self.list.find(self.tree, import)?.map_err(|message| {
            fault(message).hint(format!("`go get {import}` adds it, `go mod tidy` mends all imports"))
        })?;
        if place != Place::Standard && !may_use_internal(importer, import) {
            return Err(fault(format!("use of internal package {import} not allowed")).into());
        }
        let (dir, is_vendored) = match place {
            Place::Standard => return Ok(None),
            Place::Elsewhere => {
                self.closure.third_party.insert(import.to_owned());
                return Ok(None);
            }
            Place::Local(dir) => (dir, false),
            Place::Vendored(dir) => (dir, true),
        };
        Ok(Some(Waiting { dir, import_path: import.to_owned(), is_vendored, platforms: mask }))
    }

    /// The files of a folder that are built on any of the platforms, each with those it is built on.
    fn select<'f>(&self, folder: &'f Folder, platforms: Mask) -> Result<Vec<(&'f Source, Mask)>> {
        let mut selected = Vec::new();
        let mut with_cgo = 0;
        let mut with_go = 0;
        let mut name: Option<(&str, &str)> = None;
        for source in folder.files.iter().filter(|source| source.kind != Kind::GoTest) {
            let mut mask = platforms & folder.built_on(self.tree, source, &self.platforms)?;
            let header = folder.header(self.tree, source)?;
            if mask == 0 || header.package == "documentation" {
                continue;
            }
            if source.kind == Kind::Go {
                if let Some(fault) = &header.fault {
                    return Err(fault.at(&folder.path(source)).into());
                }
                if header.is_cgo() {
                    mask &= if self.platforms.cgo() { Mask::MAX } else { 0 };
                    with_cgo |= mask;
                }
                with_go |= mask;
                if mask != 0 {
                    let (first, first_file) = *name.get_or_insert((&header.package, &source.name));
                    if first != header.package {
                        return Err(Error::usage(format!(
                            "found packages {first} ({first_file}) and {} ({}) in {}",
                            header.package, source.name, folder.dir
                        ))
                        .into());
                    }
                }
            }
            if mask != 0 {
                selected.push((source, mask));
            }
        }
        if platforms & !with_go != 0 {
            return Err(Error::usage(format!("build constraints exclude all Go files in {}", folder.dir))
                .hint("a file may want cgo, a build tag or another platform: `cgo = true`, `tags = [\"…\"]`")
                .into());
        }
        for (source, mask) in &mut selected {
            let is_for_c = !matches!(source.kind, Kind::Go | Kind::Assembly | Kind::Header | Kind::Object);
            if is_for_c && *mask & !with_cgo != 0 {
                *mask &= with_cgo;
                if source.kind != Kind::AssemblyForC && self.platforms.cgo() {
                    let message = format!("{} is not allowed in a package without cgo", folder.path(source));
                    return Err(Error::usage(message).into());
                }
            }
        }
        selected.retain(|(_, mask)| *mask != 0);
        Ok(selected)
    }
}

/// A path with an element `internal` may be imported from within the folder above that element only.
fn may_use_internal(importer: &str, import: &str) -> bool {
    let elements: Vec<_> = import.split('/').collect();
    let Some(at) = elements.iter().rposition(|element| *element == "internal") else { return true };
    let above = elements[..at].join("/");
    importer == above || importer.strip_prefix(&above).is_some_and(|rest| rest.starts_with('/'))
}
