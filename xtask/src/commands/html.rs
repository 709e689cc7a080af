//! Reports as HTML pages.

use anyhow::Result;
use camino::Utf8Path;

use super::repository::Repository;
use super::sizes::history::{Revisions, of_image};
use super::{Console, write_file};
use crate::budget::history::History;
use crate::budget::lock::LOCK_FILE;
use crate::files;
use crate::plan::ImagePlan;
use crate::report::{self, Page};

/// Writes a page into a file, where one was asked for, as [`write_file`] does.
pub(super) fn write_if_asked(file: Option<&Utf8Path>, page: &Page, console: &mut Console) -> Result<()> {
    file.map_or(Ok(()), |file| write(file, page, console))
}

/// Writes a page into a file, as [`write_file`] does.
pub(super) fn write(file: &Utf8Path, page: &Page, console: &mut Console) -> Result<()> {
    write_file(file, &report::html(page), console)
}

/// The histories of images; none without a lock file, or where git cannot tell.
pub(super) fn histories_of(repository: &Repository, images: &[ImagePlan], console: &mut Console) -> Vec<History> {
    if !files::exists(&repository.root().join(LOCK_FILE)) {
        return Vec::new();
    }
    match Revisions::read(repository.root()) {
        Ok(found) => images.iter().flat_map(|image| of_image(&image.name, &found, images)).collect(),
        Err(error) => {
            console.say(format_args!("warning: no history of {LOCK_FILE} in the page: {error:#}"));
            Vec::new()
        }
    }
}
