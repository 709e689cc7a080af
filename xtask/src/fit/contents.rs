//! What is in an image, as far as starting a program depends on it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use anyhow::Result;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::elf::{Program, parse};
use crate::oci::compression::uncompressed;
use crate::oci::layer::inside;

/// What the name of a file begins with that a layer takes away from those below.
const DELETED: &str = ".wh.";

/// More links than this in a row are a circle.
const LONGEST_CHAIN: usize = 40;

/// Folders that loaders look into.
const LIBRARY_FOLDERS: [&str; 10] = [
    "lib",
    "lib64",
    "usr/lib",
    "usr/lib64",
    "usr/local/lib",
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/local/lib64",
];

/// The files of an image. Paths have no slash at either end.
#[derive(Debug, Clone, Default)]
pub struct Contents(BTreeMap<String, Node>);

/// What one layer adds and takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerContents(Vec<(String, Node)>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Node {
    Folder,
    File,
    /// A file that may be started or loaded, with what is known of it.
    Program(Box<Program>),
    Link(String),
}

impl LayerContents {
    /// Reads a layer, compressed or not.
    ///
    /// # Errors
    /// The archive is broken.
    pub fn read(layer: impl Read) -> Result<Self> {
        let mut contents = Self::default();
        for entry in tar::Archive::new(uncompressed(layer)?).entries()? {
            contents.note(&mut entry?)?;
        }
        Ok(contents)
    }

    /// Adds an entry of the layer's archive.
    ///
    /// # Errors
    /// The archive ends before the entry does.
    pub fn note(&mut self, entry: &mut tar::Entry<impl Read>) -> io::Result<()> {
        let path = inside(Utf8Path::new(&String::from_utf8_lossy(&entry.path_bytes())));
        let link = entry.link_name_bytes().map(|target| String::from_utf8_lossy(&target).into_owned());
        let node = match link {
            Some(target) if entry.header().entry_type().is_symlink() => Node::Link(target),
            // A hard link's target starts at the root, as an absolute link's does.
            Some(target) => Node::Link(format!("/{}", inside(Utf8Path::new(&target)))),
            None if !entry.header().entry_type().is_file() => Node::Folder,
            None if is_loaded(&path) => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                // Of what cannot be read nothing is known, and nothing is held against it.
                Node::Program(Box::new(parse(&bytes).ok().flatten().unwrap_or_default()))
            }
            None => Node::File,
        };
        self.0.push((path, node));
        Ok(())
    }

    /// What is left of it where only the starting of programs matters.
    #[must_use]
    pub fn for_starting(mut self) -> Self {
        self.0.retain(|(path, node)| *node != Node::File || super::file_name(path).starts_with(DELETED));
        self
    }
}

/// Whether a file at a path may be started or loaded: the services' binaries are at the root.
fn is_loaded(path: &str) -> bool {
    let name = super::file_name(path);
    let is_library =
        (name.starts_with("lib") || name.starts_with("ld")) && (name.ends_with(".so") || name.contains(".so."));
    is_library || !path.contains('/')
}

impl Contents {
    /// Lays a layer above those before.
    pub fn add(&mut self, layer: &LayerContents) {
        for (path, node) in &layer.0 {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            match name.strip_prefix(DELETED) {
                Some(".wh..opq") => self.0.retain(|other, _| !is_below(other, folder)),
                Some(gone) => {
                    let gone = if folder.is_empty() { gone.to_owned() } else { format!("{folder}/{gone}") };
                    self.0.retain(|other, _| *other != gone && !is_below(other, &gone));
                }
                None => drop(self.0.insert(path.clone(), node.clone())),
            }
        }
    }

    /// Whether anything is at a path, links not followed.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Whether a dynamically linked program finds a loader here.
    pub fn has_loader(&self) -> bool {
        self.0
            .keys()
            .any(|path| ["ld-linux", "ld-musl"].iter().any(|loader| super::file_name(path).starts_with(loader)))
    }

    /// What is at an absolute path, links followed.
    pub fn find(&self, path: &str) -> Option<&Program> {
        let mut path = inside(Utf8Path::new(path));
        for _ in 0..LONGEST_CHAIN {
            let (link, target) = match self.first_link(&path) {
                Some(found) => found,
                None => {
                    return match self.0.get(&path)? {
                        Node::Program(program) => Some(program),
                        Node::Folder | Node::File | Node::Link(_) => None,
                    };
                }
            };
            let rest = &path[link.len()..];
            let folder = link.rsplit_once('/').map_or("", |(folder, _)| folder);
            let joined =
                if target.starts_with('/') { format!("{target}{rest}") } else { format!("{folder}/{target}{rest}") };
            path = without_dots(&joined);
        }
        None
    }

    /// The outermost link on the way to a path, and what it says.
    fn first_link(&self, path: &str) -> Option<(String, &str)> {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            if let Some(Node::Link(target)) = self.0.get(&path[..end]) {
                return Some((path[..end].to_owned(), target));
            }
        }
        None
    }

    /// A library where a loader finds it: in `search`, or in the usual folders.
    pub fn find_library(&self, name: &str, search: &[String]) -> Option<&Program> {
        if name.contains('/') {
            return self.find(name);
        }
        let own = search.iter().map(|folder| folder.replace("$ORIGIN", "").replace("${ORIGIN}", ""));
        let folders = own.chain(LIBRARY_FOLDERS.map(str::to_owned));
        folders.into_iter().find_map(|folder| self.find(&format!("{folder}/{name}")))
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
}

fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::layer::{Entry, Kind, Layer};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn layer(entries: Vec<Entry>) -> LayerContents {
        let mut archive = Vec::new();
        Layer::new(entries).write(&mut archive).expect("writes");
        LayerContents::read(archive.as_slice()).expect("reads")
    }

    fn file(path: &str) -> Entry {
        Entry::new(path, Kind::Bytes(Vec::new()), 0o644)
    }

    #[test]
    fn what_a_layer_deletes_is_gone() {
        let mut contents = Contents::default();
        contents.add(&layer(vec![file("etc/a"), file("etc/b"), file("usr/x/y")]));
        contents.add(&layer(vec![file("etc/.wh.a")]));
        contents.add(&layer(vec![file("usr/x/.wh..wh..opq"), file("usr/x/z")]));
        assert_eq!(contents.0.keys().map(String::as_str).collect::<Vec<_>>(), ["etc/b", "usr/x/z"]);
    }

    #[test]
    fn a_layer_may_be_compressed_with_zstd() {
        let mut archive = Vec::new();
        Layer::new(vec![file("etc/a")]).write(&mut archive).expect("writes");
        let zstd = compress_to_vec(archive.as_slice(), CompressionLevel::Fastest);
        let mut contents = Contents::default();
        contents.add(&LayerContents::read(zstd.as_slice()).expect("reads"));
        assert!(contents.has("etc/a"));
    }

    #[test]
    fn links_are_followed_and_circles_end() {
        let link = |path: &str, target: &str| Entry::new(path, Kind::Link(target.to_owned()), 0o777);
        let mut contents = Contents::default();
        contents.add(&layer(vec![
            link("lib", "usr/lib"),
            link("lib64", "/usr/lib64"),
            file("usr/lib64/ld.so"),
            file("usr/lib/x86_64-linux-gnu/libz.so.1.3"),
            link("usr/lib/x86_64-linux-gnu/libz.so.1", "../x86_64-linux-gnu/libz.so.1.3"),
            link("a", "b"),
            link("b", "a"),
            Entry::new("opt/libq.so", Kind::HardLink("usr/lib64/ld.so".to_owned()), 0o644),
        ]));
        assert!(contents.find("/lib64/ld.so").is_some());
        assert!(contents.find_library("libz.so.1", &[]).is_some());
        assert!(contents.find("/a").is_none() && contents.find("/lib/ld.so").is_none());
        assert!(contents.find_library("libq.so", &[]).is_none());
        assert!(contents.find_library("libq.so", &["$ORIGIN/opt".to_owned()]).is_some());
        assert!(!contents.has_loader());
    }
}
