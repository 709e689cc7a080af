//! Runs side by side in one checkout, and what a killed one leaves behind.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::files;

/// How deep below the folder of runs files are written: a base has `bases/DIGEST/PLATFORM/blobs/sha256`.
const DEPTH: usize = 5;

/// A run that leaves something on the disk, as long as it lives. What killed ones left, the first that finds itself alone
/// removes: the mark of a run that ended in peace is gone.
pub(super) struct Running {
    mark: Utf8PathBuf,
    _together: files::Lock,
}

impl Running {
    /// Begins a run that works in the folder `work`, and writes into the folders `places` too.
    ///
    /// # Errors
    /// The folder cannot be written, or what is left there not removed.
    pub(super) fn begin(work: &Utf8Path, places: &[&Utf8Path]) -> Result<Self> {
        let together = files::lock_together(&work.join("running.lock"), || remove_leftovers(work, places))?;
        // A repository without Cargo does not ignore `target`; the folder then ignores itself.
        files::write(&work.join(".gitignore"), b"*\n")?;
        let mark = work.join(format!("running.{}", std::process::id()));
        let places: BTreeSet<_> = places.iter().map(|place| place.as_str()).collect();
        files::write(&mark, (places.into_iter().collect::<Vec<_>>().join("\n") + "\n").as_bytes())?;
        Ok(Self { mark, _together: together })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // If it stays, the next run looks for leftovers, and finds none.
        let _ = files::remove(&self.mark);
    }
}

/// Removes what runs left that were killed, here and in the places that they, or this one, write to.
fn remove_leftovers(work: &Utf8Path, places: &[&Utf8Path]) -> Result<()> {
    let names = files::entry_names(work)?;
    let is_mark = |name: &&String| name.starts_with("running.") && *name != "running.lock";
    let marks: Vec<_> = names.iter().filter(is_mark).collect();
    if marks.is_empty() {
        return Ok(());
    }
    let mut all: BTreeSet<Utf8PathBuf> = places.iter().map(|place| (*place).to_owned()).collect();
    for mark in &marks {
        let text = files::read_if_exists(&work.join(mark))?.unwrap_or_default();
        all.extend(String::from_utf8_lossy(&text).lines().map(Utf8PathBuf::from).filter(|place| place.is_absolute()));
    }
    for name in &names {
        let path = work.join(name);
        if ["contexts.", "fetched."].iter().any(|start| name.starts_with(start)) {
            files::remove_folder(&path)?;
        } else if ["bake-metadata.", "load."].iter().any(|start| name.starts_with(start)) {
            files::remove(&path)?;
        }
    }
    let layouts = files::entry_names(&work.join("layouts"))?;
    let layouts = layouts.iter().map(|name| work.join("layouts").join(name));
    let elsewhere = all.iter().flat_map(|place| {
        let names = files::entry_names(place).unwrap_or_default();
        names.into_iter().map(|name| place.join(name))
    });
    // What buildx was about to write into a layout.
    for layout in layouts.chain(elsewhere).filter(|folder| files::is_folder(&folder.join("blobs"))) {
        files::remove_folder(&layout.join("ingest"))?;
    }
    files::remove_parts(work, DEPTH)?;
    // Those of a layout are in `NAME/blobs/sha256`.
    all.iter().try_for_each(|place| files::remove_parts(place, 3))?;
    marks.iter().try_for_each(|mark| files::remove(&work.join(mark)))
}
