//! A repository's folders and files, as discovery asks for them: each folder is listed once.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::parallel;
use crate::text_map::TextMap;

/// More links than this in a row are a circle.
const LONGEST_CHAIN: usize = 40;

/// Paths of a repository, whose separator is a slash on every system: they stand in files that are the same on each.
pub trait Below {
    /// What stands at `part`, seen from this folder.
    fn below(&self, part: impl AsRef<str>) -> Utf8PathBuf;
}

impl Below for Utf8Path {
    fn below(&self, part: impl AsRef<str>) -> Utf8PathBuf {
        let part = part.as_ref();
        match self.as_str() {
            folder if part.is_empty() => folder.into(),
            folder if folder.is_empty() || part.starts_with('/') => part.into(),
            folder => {
                // Of all paths in the repository many times over: `format!` takes three times as long.
                let folder = if folder.ends_with('/') { folder.trim_end_matches('/') } else { folder };
                let mut path = String::with_capacity(folder.len() + 1 + part.len());
                path.push_str(folder);
                path.push('/');
                path.push_str(part);
                path.into()
            }
        }
    }
}

/// The files of a repository. Every path is relative to its root, `""` being the root itself.
#[derive(Debug)]
pub struct Tree {
    root: Utf8PathBuf,
    listed: Mutex<TextMap<Arc<[Entry]>>>,
    /// Whether a link stands on the way to a folder.
    linked: Mutex<TextMap<bool>>,
    folders: Mutex<Option<Arc<[Utf8PathBuf]>>>,
    derived: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link to a regular file.
    LinkToFile,
    /// A symbolic link to a folder.
    LinkToFolder,
    /// A link that leads nowhere, a socket, a device.
    Other,
}

impl Entry {
    /// Whether it is a folder and no link to one.
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Whether it is a symbolic link that leads somewhere.
    pub fn is_link(&self) -> bool {
        matches!(self.kind, Kind::LinkToFile | Kind::LinkToFolder)
    }

    /// Whether reading it gives a file's bytes.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File | Kind::LinkToFile)
    }
}

impl Tree {
    /// The tree of an existing folder, given by its absolute path.
    pub fn new(root: Utf8PathBuf) -> Self {
        Self {
            root,
            listed: Mutex::default(),
            linked: Mutex::default(),
            folders: Mutex::default(),
            derived: Mutex::default(),
        }
    }

    /// The absolute path of the root.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The absolute path of what stands at `path`.
    pub fn absolute(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.root.join(path)
    }

    /// Whether there is a regular file, links followed.
    pub fn is_file(&self, path: &Utf8Path) -> bool {
        self.absolute(path).is_file()
    }

    /// Whether there is anything, links followed.
    pub fn exists(&self, path: &Utf8Path) -> bool {
        super::exists(&self.absolute(path))
    }

    /// Whether there is a folder, links followed.
    pub fn is_folder(&self, path: &Utf8Path) -> bool {
        self.absolute(path).is_dir()
    }

    /// Opens a file to read no more of it than needed.
    pub fn open(&self, path: &Utf8Path) -> Result<std::fs::File> {
        super::open(&self.absolute(path))
    }

    /// What was worked out from the files so far, one value of each type. It lives as long as the tree: within one run
    /// the files are taken not to change.
    pub fn derived<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let value = derived.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // The key is the value's type, so the cast never fails.
        Arc::clone(value).downcast().unwrap_or_default()
    }

    /// What stands at a path, a link being a link; `None` where there is nothing. The folder it stands in is listed.
    pub fn kind(&self, path: &Utf8Path) -> Result<Option<Kind>> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Some(Kind::Folder)) };
        Ok(kind_of(&self.entries(folder)?, name))
    }

    /// Whether a folder has a file of this name, links followed.
    pub fn has_file(&self, folder: &Utf8Path, name: &str) -> Result<bool> {
        Ok(matches!(kind_of(&self.entries(folder)?, name), Some(Kind::File | Kind::LinkToFile)))
    }

    /// Whether a file stands at a path, links followed. The folder it stands in is listed.
    pub fn holds_file(&self, path: &Utf8Path) -> Result<bool> {
        Ok(matches!(self.kind(path)?, Some(Kind::File | Kind::LinkToFile)))
    }

    /// Whether a link stands on the way to a folder, or in its place.
    pub fn passes_link(&self, dir: &Utf8Path) -> Result<bool> {
        let known = || self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(above) = dir.parent() else { return Ok(false) };
        if let Some(passes_link) = known().get(dir.as_str()) {
            return Ok(*passes_link);
        }
        let passes_link = self.kind(dir)? == Some(Kind::LinkToFolder) || self.passes_link(above)?;
        known().insert(dir.to_string(), passes_link);
        Ok(passes_link)
    }

    /// The links on the way to a file, and the file at their end; just the file where there are none. `None` where
    /// they lead outside the tree, or in a circle.
    pub fn follow(&self, path: &Utf8Path) -> Result<Option<Vec<Utf8PathBuf>>> {
        let mut steps = Vec::new();
        let mut reached = Utf8PathBuf::new();
        let mut waiting: Vec<String> = path.components().rev().map(|part| part.to_string()).collect();
        while let Some(part) = waiting.pop() {
            if part == ".." {
                if !reached.pop() {
                    return Ok(None);
                }
                continue;
            }
            let next = reached.join(&part);
            if !matches!(self.kind(&next)?, Some(Kind::LinkToFile | Kind::LinkToFolder)) {
                reached = next;
                continue;
            }
            let target = super::link_target(&self.absolute(&next))?;
            steps.push(next);
            let target = if target.is_absolute() {
                let Ok(inside) = target.strip_prefix(&self.root) else { return Ok(None) };
                reached = Utf8PathBuf::new();
                inside.to_owned()
            } else {
                target
            };
            if steps.len() > LONGEST_CHAIN {
                return Ok(None);
            }
            let parts = target.components().rev().filter(|part| part.as_str() != ".");
            waiting.extend(parts.map(|part| part.to_string()));
        }
        steps.push(reached);
        Ok(Some(steps))
    }

    /// When what stands at a path last changed, in nanoseconds since 1970, where its modification time does not tell:
    /// it was moved there, or got an old time back. Such a change can't be hidden: nobody can set this time.
    #[cfg(unix)]
    pub fn hidden_change(&self, path: &Utf8Path) -> Option<i128> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = self.absolute(path).symlink_metadata().ok()?;
        let time = |seconds, nanoseconds| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        let changed = time(metadata.ctime(), metadata.ctime_nsec());
        (changed != time(metadata.mtime(), metadata.mtime_nsec())).then_some(changed)
    }

    /// Other systems have no such time.
    #[cfg(not(unix))]
    pub fn hidden_change(&self, _: &Utf8Path) -> Option<i128> {
        None
    }

    /// The bytes of a file, or `None` where there is no such file.
    pub fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        super::read_if_exists(&self.absolute(path))
    }

    /// The text of a file, or `None` where there is no such file.
    pub fn read_text(&self, path: &Utf8Path) -> Result<Option<String>> {
        super::read_text_if_exists(&self.absolute(path))
    }

    /// The entries of a folder, sorted by name; none where there is no such folder, or none that
    /// may be read. Names that are not UTF-8 are left
    /// out: neither Go nor Cargo builds from them.
    pub fn entries(&self, dir: &Utf8Path) -> Result<Arc<[Entry]>> {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = listed().get(dir.as_str()) {
            return Ok(Arc::clone(entries));
        }
        let entries: Arc<[Entry]> = list(&self.absolute(dir))?.into();
        listed().insert(dir.to_string(), Arc::clone(&entries));
        Ok(entries)
    }

    /// Every folder that may hold sources, the root first, sorted: hidden folders and what tools made are left out.
    pub fn folders(&self) -> Result<Arc<[Utf8PathBuf]>> {
        let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folders) = &*known {
            return Ok(Arc::clone(folders));
        }
        let mut folders = Vec::new();
        let mut level = vec![Utf8PathBuf::new()];
        while !level.is_empty() {
            let below = parallel::map(&level, parallel::SMALL, |dir| self.sources_below(dir));
            folders.append(&mut level);
            for below in below {
                level.append(&mut below?);
            }
        }
        folders.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(Arc::clone(known.insert(folders.into())))
    }

    fn sources_below(&self, dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
        let entries = self.entries(dir)?;
        // A folder `target` is Cargo's beside a manifest; elsewhere it may be anyone's.
        let is_made = |name: &str| {
            name == "node_modules" || name == "target" && entries.iter().any(|entry| entry.name == "Cargo.toml")
        };
        let folders = entries.iter().filter(|entry| entry.is_folder());
        let of_sources = folders.filter(|entry| !entry.name.starts_with('.') && !is_made(&entry.name));
        Ok(of_sources.map(|entry| dir.below(&entry.name)).collect())
    }
}

/// What the entry of this name is.
fn kind_of(entries: &[Entry], name: &str) -> Option<Kind> {
    let found = entries.binary_search_by(|entry| entry.name.as_str().cmp(name));
    found.ok().map(|at| entries[at].kind)
}

fn list(folder: &Utf8Path) -> Result<Vec<Entry>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // What its user may not look into, as a database's files, holds nothing that they could build.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot list {folder}")),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {folder}"))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_file() => Kind::File,
            Ok(kind) if kind.is_dir() => Kind::Folder,
            Ok(kind) if kind.is_symlink() => link_kind(&folder.join(&name)),
            _ => Kind::Other,
        };
        found.push(Entry { name, kind });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn link_kind(link: &Utf8Path) -> Kind {
    match link.metadata() {
        Ok(metadata) if metadata.is_file() => Kind::LinkToFile,
        Ok(metadata) if metadata.is_dir() => Kind::LinkToFolder,
        _ => Kind::Other,
    }
}
