//! A layer: files to be, and the archive that holds them.
//!
//! Headers are byte for byte those of Go's archive/tar, which BuildKit writes layers with: so a layer of the same files
//! has the same digest, whoever made it.

use std::io::{self, Read, Write};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::hex_digest;
use crate::files;
use crate::measure::{FileSize, Layer as Measured, remembered};

/// The size of a header, and what contents are padded to.
const BLOCK: u64 = 512;

/// What an image gains by one layer, in the order of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    entries: Vec<Entry>,
}

/// A file, folder or link of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the image's root, without a slash at either end.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permissions, as `0o755`.
    pub mode: u32,
    /// The number of its owner and group.
    pub owner: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A file with the bytes of this one, which has this length.
    File(Utf8PathBuf, u64),
    /// The same file as an earlier one, by its path in the image.
    HardLink(String),
    /// A symbolic link.
    Link(String),
}

impl Entry {
    /// A file of root's.
    pub fn new(path: impl Into<String>, kind: Kind, mode: u32) -> Self {
        Self { path: path.into(), kind, mode, owner: 0 }
    }

    /// A folder of root's that all may list.
    pub fn folder(path: impl Into<String>) -> Self {
        Self::new(path, Kind::Folder, 0o755)
    }

    /// The bytes of its contents.
    pub fn length(&self) -> u64 {
        match &self.kind {
            Kind::Bytes(bytes) => bytes.len() as u64,
            Kind::File(_, length) => *length,
            Kind::Folder | Kind::HardLink(_) | Kind::Link(_) => 0,
        }
    }

    fn header(&self) -> Result<tar::Header> {
        let mut header = tar::Header::new_ustar();
        let (kind, target) = match &self.kind {
            Kind::Folder => (tar::EntryType::Directory, None),
            Kind::Bytes(_) | Kind::File(..) => (tar::EntryType::Regular, None),
            Kind::HardLink(target) => (tar::EntryType::Link, Some(target)),
            Kind::Link(target) => (tar::EntryType::Symlink, Some(target)),
        };
        let slash = if self.kind == Kind::Folder { "/" } else { "" };
        header.set_entry_type(kind);
        header.set_path(format!("{}{slash}", self.path)).with_context(|| too_long(&self.path))?;
        if let Some(target) = target {
            header.set_link_name(target).with_context(|| too_long(target))?;
        }
        header.set_mode(self.mode);
        header.set_uid(self.owner.into());
        header.set_gid(self.owner.into());
        header.set_size(self.length());
        header.set_mtime(0);
        header.set_device_major(0).and_then(|()| header.set_device_minor(0)).context("is a ustar header")?;
        header.set_cksum();
        // Six digits, a zero and a space: so the format has it, and so Go does.
        let sum = header.cksum().context("was just set")?;
        header.as_mut_bytes()[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        Ok(header)
    }
}

fn too_long(path: &str) -> String {
    format!("the path {path} does not fit into a layer")
}

impl Layer {
    /// A layer of these entries, in this order.
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Its entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// A file cannot be read, has changed its length, or the archive cannot be written.
    pub fn write(&self, mut to: impl Write) -> Result<()> {
        for entry in &self.entries {
            to.write_all(entry.header()?.as_bytes())?;
            let length = entry.length();
            let copied = match &entry.kind {
                Kind::Bytes(bytes) => io::copy(&mut bytes.as_slice(), &mut to)?,
                Kind::File(path, _) => io::copy(&mut files::open(path)?.take(length), &mut to)
                    .with_context(|| format!("cannot put {path} into a layer"))?,
                Kind::Folder | Kind::HardLink(_) | Kind::Link(_) => 0,
            };
            if copied < length {
                anyhow::bail!("/{} became shorter while it was read", entry.path);
            }
            let padding = length.next_multiple_of(BLOCK) - length;
            to.write_all(&[0; BLOCK as usize][..padding as usize])?;
        }
        to.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(to.flush()?)
    }

    /// The digest of the archive.
    ///
    /// # Errors
    /// Those of [`Layer::write`].
    pub fn diff_id(&self) -> Result<String> {
        let mut hash = Hashing(Sha256::new());
        self.write(io::BufWriter::with_capacity(64 * 1024, &mut hash))?;
        Ok(hex_digest(hash.0))
    }

    /// What is in it, as the measuring stage would read it from an archive that has `compressed` bytes as a blob.
    pub fn measured(&self, compressed: u64) -> Measured {
        let blocks = self.entries.iter().map(|entry| BLOCK + entry.length().next_multiple_of(BLOCK)).sum::<u64>();
        let is_file = |entry: &&Entry| matches!(entry.kind, Kind::Bytes(_) | Kind::File(..));
        let files = self.entries.iter().filter(is_file);
        let files = files.map(|entry| FileSize { bytes: entry.length(), path: format!("/{}", entry.path) });
        Measured { unpacked: blocks + 2 * BLOCK, compressed, largest_files: remembered(files.collect()) }
    }
}

/// The folders above a path, the outermost first.
pub fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// The path of a place in an image, given as an absolute path, without a slash at either end.
pub fn inside(path: &Utf8Path) -> String {
    let parts = path.as_str().split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.collect::<Vec<_>>().join("/")
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(layer: &Layer) -> Vec<u8> {
        let mut bytes = Vec::new();
        layer.write(&mut bytes).expect("writes");
        bytes
    }

    #[test]
    fn a_header_is_the_one_that_buildkit_writes() {
        let layer = Layer::new(vec![Entry::new("worker", Kind::Bytes(b"x".repeat(7_356_578)), 0o755)]);
        let mut expected = [0; 512];
        expected[..6].copy_from_slice(b"worker");
        expected[100..156].copy_from_slice(b"0000755\x000000000\x000000000\x0000034040242\x0000000000000\x00010455\0 ");
        expected[156] = b'0';
        expected[257..265].copy_from_slice(b"ustar\x0000");
        expected[329..345].copy_from_slice(b"0000000\x000000000\0");
        assert_eq!(archive(&layer)[..512], expected);
    }

    #[test]
    fn what_is_measured_is_what_an_archive_reads_as() {
        let layer = Layer::new(vec![
            Entry::folder("etc"),
            Entry::new("etc/large", Kind::Bytes(vec![b'x'; 5_000]), 0o644),
            Entry::new("etc/same", Kind::HardLink("etc/large".into()), 0o644),
            Entry::new("etc/empty", Kind::Bytes(Vec::new()), 0o644),
        ]);
        let bytes = archive(&layer);
        let measured = layer.measured(77);
        assert_eq!(measured.unpacked, bytes.len() as u64);
        let paths: Vec<_> = measured.largest_files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["/etc/large", "/etc/empty"]);
        assert_eq!(layer.diff_id().expect("reads"), super::super::digest(&bytes));
        let mut read = tar::Archive::new(bytes.as_slice());
        let read = read
            .entries()
            .expect("reads")
            .map(|entry| entry.expect("is whole").path().expect("is a path").into_owned());
        let read: Vec<_> = read.map(|path| path.display().to_string()).collect();
        assert_eq!(read, ["etc/", "etc/large", "etc/same", "etc/empty"]);
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let path = Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let layer = Layer::new(vec![Entry::new("x", Kind::File(path, 1 << 30), 0o644)]);
        let error = layer.diff_id().expect_err("is short");
        assert_eq!(error.to_string(), "/x became shorter while it was read");
    }

    #[test]
    fn places_in_an_image() {
        assert_eq!(inside(Utf8Path::new("//etc/./app/")), "etc/app");
        assert_eq!(folders_above("usr/share/doc").collect::<Vec<_>>(), ["usr", "usr/share"]);
    }
}
