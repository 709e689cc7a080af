//! Sources by their contents: Cargo goes by file times, and a file that was put back with its old time looks unchanged.
//!
//! So what a service was compiled from is kept as a hash beside what came of it. Where that is not known to be the same,
//! Cargo forgets the service's packages first; and as services share packages, nothing is known of the others then.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::Target;
use crate::files;
use crate::files::tree::{Below as _, Tree};
use crate::plan::ContextRule;
use crate::quote::literal_path;

/// What the names of the kept hashes begin with.
const KEPT: &str = ".sources-";

/// A hash of all that a Rust service may be compiled from.
///
/// # Errors
/// A source cannot be read.
fn sources(root: &Utf8Path, target: &Target) -> Result<String> {
    let tree = Tree::new(root.to_owned());
    let mut hashes = BTreeMap::new();
    for rule in &target.image.context {
        if let ContextRule::Include(pattern) = rule {
            let plain = Utf8Path::new(pattern).ancestors().find_map(|path| literal_path(path.as_str()));
            add(&tree, Utf8Path::new(&plain.unwrap_or_default()), &mut hashes)?;
        }
    }
    let text: String = hashes.iter().map(|(path, hash)| format!("{path} {hash}\n")).collect();
    Ok(crate::oci::digest(text.as_bytes()))
}

fn add(tree: &Tree, path: &Utf8Path, hashes: &mut BTreeMap<Utf8PathBuf, String>) -> Result<()> {
    if hashes.contains_key(path) {
        return Ok(());
    }
    if !tree.is_folder(path) {
        if let Some(bytes) = files::read_if_exists(&tree.absolute(path))? {
            hashes.insert(path.to_owned(), format!("{:x}", Sha256::digest(&bytes)));
        }
        return Ok(());
    }
    let entries = tree.entries(path)?;
    let is_package = entries.iter().any(|entry| entry.name == "Cargo.toml");
    let holds_none = |name: &str| matches!(name, ".git" | "node_modules") || name == "target" && is_package;
    for entry in entries.iter() {
        if entry.is_file() || entry.is_folder() && !holds_none(&entry.name) {
            add(tree, &path.below(&entry.name), hashes)?;
        }
    }
    Ok(())
}

/// What the services of a step are about to be compiled from, each with the place where that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources(Vec<(Utf8PathBuf, String)>);

impl Sources {
    /// Reads the sources. `output` is the folder of the binaries.
    ///
    /// # Errors
    /// A source cannot be read.
    pub(super) fn read(root: &Utf8Path, targets: &[&Target], output: &Utf8Path) -> Result<Self> {
        let place = |target: &Target| output.join(format!("{KEPT}{}", target.image.name));
        let read = targets.iter().map(|target| Ok((place(target), sources(root, target)?)));
        Ok(Self(read.collect::<Result<_>>()?))
    }

    /// Whether what was compiled last is known to be of these.
    ///
    /// # Errors
    /// What is kept cannot be read.
    pub(super) fn are_known(&self) -> Result<bool> {
        for (place, hash) in &self.0 {
            if files::read_if_exists(place)?.as_deref() != Some(hash.as_bytes()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps what was compiled.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn keep(&self) -> Result<()> {
        self.0.iter().try_for_each(|(place, hash)| files::write(place, hash.as_bytes()))
    }
}

/// Forgets what all services whose binaries are in this folder were compiled from.
///
/// # Errors
/// It cannot be removed.
pub(super) fn forget_all(output: &Utf8Path) -> Result<()> {
    let kept = files::file_names(output)?.into_iter().filter(|name| name.starts_with(KEPT));
    kept.into_iter().try_for_each(|name| files::remove(&output.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_may_be_called_like_the_folder_that_cargo_makes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        for file in ["a/Cargo.toml", "a/src/target/mod.rs", "a/target/debug/made.rs", "a/node_modules/x.js"] {
            std::fs::create_dir_all(root.join(file).parent().expect("is in a folder")).expect("creates");
            std::fs::write(root.join(file), "").expect("writes");
        }
        let mut hashes = BTreeMap::new();
        add(&Tree::new(root), Utf8Path::new("a"), &mut hashes).expect("reads");
        assert_eq!(hashes.into_keys().collect::<Vec<_>>(), ["a/Cargo.toml", "a/src/target/mod.rs"]);
    }
}
