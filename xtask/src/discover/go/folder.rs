//! The sources of one folder.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use memchr::memrchr;

use super::header::Header;
use crate::files::tree::{Below as _, Entry, Kind as EntryKind, Tree};
use crate::text_map::TextMap;

/// The sources of a folder. Their headers are read when they are asked for, each once.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) dir: Utf8PathBuf,
    /// Sorted by name.
    pub(super) files: Vec<Source>,
}

/// A file that Go may build.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) is_link: bool,
    header: OnceLock<Result<Header, String>>,
}

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Go,
    GoTest,
    C,
    Cxx,
    ObjectiveC,
    Header,
    Fortran,
    /// Assembly for Go's assembler.
    Assembly,
    /// Assembly for C's preprocessor: `.S`.
    AssemblyForC,
    Swig,
    SwigCxx,
    /// An object file for the linker.
    Object,
}

impl Kind {
    /// Whether only cgo or SWIG can make use of it, so that it drops out with them.
    pub(super) fn is_compiled_by_c(self) -> bool {
        matches!(self, Self::C | Self::Cxx | Self::ObjectiveC | Self::Swig | Self::SwigCxx)
    }

    /// What a file of this name is to Go; `None` where it is nothing.
    pub(super) fn of(name: &str) -> Option<Self> {
        if name.starts_with(['.', '_']) {
            return None;
        }
        let dot = memrchr(b'.', name.as_bytes())?;
        Some(match &name[dot + 1..] {
            "go" if name.ends_with("_test.go") => Self::GoTest,
            "go" => Self::Go,
            "c" => Self::C,
            "cc" | "cpp" | "cxx" => Self::Cxx,
            "m" => Self::ObjectiveC,
            "h" | "hh" | "hpp" | "hxx" => Self::Header,
            "f" | "F" | "for" | "f90" => Self::Fortran,
            "s" => Self::Assembly,
            "S" | "sx" => Self::AssemblyForC,
            "swig" => Self::Swig,
            "swigcxx" => Self::SwigCxx,
            "syso" => Self::Object,
            _ => return None,
        })
    }
}

/// Every folder that was read, kept with the tree.
#[derive(Debug, Default)]
pub(super) struct Folders {
    known: Mutex<TextMap<Arc<Folder>>>,
}

impl Folders {
    /// The sources in a folder; none where there is no such folder.
    pub(super) fn get(&self, tree: &Tree, dir: &Utf8Path) -> Result<Arc<Folder>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = known().get(dir.as_str()) {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(Folder::list(tree, dir)?);
        // Two threads may have listed it at once; one of the two is kept.
        Ok(Arc::clone(known().entry(dir.to_string()).or_insert(folder)))
    }
}

impl Folder {
    fn list(tree: &Tree, dir: &Utf8Path) -> Result<Self> {
        let source = |entry: &Entry| {
            // Go opens what is no regular file, and a link that leads nowhere, and fails; a folder it passes over.
            let is_folder = matches!(entry.kind, EntryKind::Folder | EntryKind::LinkToFolder);
            let kind = Kind::of(&entry.name).filter(|_| !is_folder)?;
            let is_link = entry.kind == EntryKind::LinkToFile;
            Some(Source { name: entry.name.clone(), kind, is_link, header: OnceLock::new() })
        };
        let files = tree.entries(dir)?.iter().filter_map(source).collect();
        Ok(Self { dir: dir.to_owned(), files })
    }

    /// The path of one of its files.
    pub(super) fn path(&self, source: &Source) -> Utf8PathBuf {
        self.dir.below(&source.name)
    }

    /// The header of one of its files.
    pub(super) fn header<'a>(&self, tree: &Tree, source: &'a Source) -> Result<&'a Header> {
        let header = source.header.get_or_init(|| {
            let read = || -> Result<Header> {
                if source.kind == Kind::Object {
                    return Ok(Header::default());
                }
                let path = self.path(source);
                let file = tree.open(&path)?;
                let header = if source.kind <= Kind::GoTest { Header::read_go(file) } else { Header::read_other(file) };
                header.with_context(|| format!("cannot read {path}"))
            };
            read().map_err(|error| format!("{error:#}"))
        });
        header.as_ref().map_err(|message| anyhow::anyhow!("{message}"))
    }
}
