//! Files on their way to their names, and what is left of them where a run was killed.

#![expect(clippy::disallowed_methods, reason = "it is a part of the module")]

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// The end of the name of a file that is not whole.
const PART: &str = ".xtask-part";

/// The place, in the same folder, where a file is written before it gets its name. Each process has its own.
pub fn beside(path: &Utf8Path) -> Utf8PathBuf {
    path.with_file_name(format!(".{}.{}{PART}", path.file_name().unwrap_or_default(), std::process::id()))
}

/// Whether a file of this name is on its way to another.
pub fn is_part(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(PART)
}

/// Removes the files of a folder that did not come to their names, and those of the folders in it to some depth.
pub fn remove_parts(folder: &Utf8Path, depth: usize) -> Result<()> {
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {folder}")),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {folder}"))?;
        let kind = entry.file_type().with_context(|| format!("cannot read {}", entry.path()))?;
        if kind.is_dir() && depth > 0 {
            remove_parts(entry.path(), depth - 1)?;
        } else if kind.is_file() && is_part(entry.file_name()) {
            super::remove(entry.path())?;
        }
    }
    Ok(())
}

/// The names of what is in a folder, sorted; none where there is no such folder.
pub fn entry_names(folder: &Utf8Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {folder}")),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {folder}"))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}
