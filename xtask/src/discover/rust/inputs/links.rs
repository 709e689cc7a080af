//! Symbolic links between a path and the file that it leads to.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::Why;
use crate::files::tree::Below as _;
use crate::files::{self, tree::Tree};

/// The same files as git names them: a path through a linked folder becomes the link and the path of the file itself,
/// a linked file the link and the file.
pub(super) fn follow(tree: &Tree, files: BTreeMap<Utf8PathBuf, Why>) -> Result<BTreeMap<Utf8PathBuf, Why>> {
    let mut follower = Follower { tree, folders: HashMap::new(), links: BTreeMap::new() };
    let mut followed = BTreeMap::new();
    for (file, why) in files {
        for path in follower.follow(&file)? {
            followed.entry(path).or_insert_with(|| why.clone());
        }
    }
    for (link, why) in follower.links {
        followed.entry(link).or_insert(why);
    }
    Ok(followed)
}

struct Follower<'a> {
    tree: &'a Tree,
    /// Where folders are, by their path.
    folders: HashMap<Utf8PathBuf, Utf8PathBuf>,
    links: BTreeMap<Utf8PathBuf, Why>,
}

impl Follower<'_> {
    fn follow(&mut self, file: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
        let folder = self.folder(file.parent().unwrap_or(Utf8Path::new("")))?;
        let path = folder.below(file.file_name().unwrap_or_default());
        let behind = self.behind(&path)?;
        Ok([Some(path), behind].into_iter().flatten().collect())
    }

    /// Where a folder is.
    fn folder(&mut self, folder: &Utf8Path) -> Result<Utf8PathBuf> {
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(folder.to_owned()) };
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.clone());
        }
        let path = self.folder(parent)?.below(name);
        let place = match self.behind(&path)? {
            Some(behind) => {
                self.links.insert(path, Why::Link);
                behind
            }
            None => path,
        };
        self.folders.insert(folder.to_owned(), place.clone());
        Ok(place)
    }

    /// Where a link leads in the repository.
    fn behind(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>> {
        let parent = path.parent().unwrap_or(Utf8Path::new(""));
        let entries = self.tree.entries(parent)?;
        let name = path.file_name().unwrap_or_default();
        let entry = entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).map(|index| &entries[index]);
        if !entry.is_ok_and(|entry| entry.is_link()) {
            return Ok(None);
        }
        let behind = files::canonical(&self.tree.absolute(path))?;
        Ok(behind.strip_prefix(self.tree.root()).ok().map(Utf8Path::to_owned))
    }
}
