//! Reports as HTML pages.

use anyhow::Result;
use camino::Utf8Path;

use super::repository::Repository;
use super::sizes::history::{Revisions, of_image};
use super::{Console, write_file};
use crate::budget::history::History;
use crate::budget::lock::LOCK_FILE;
use crate::explain::Explanation;
use crate::files;
use crate::plan::ImagePlan;
use crate::report::{self, Page, Report};

/// Writes a page into a file, where one was asked for, as [`write_file`] does.
pub(super) fn write_if_asked(file: Option<&Utf8Path>, page: &Page, console: &mut Console) -> Result<()> {
    file.map_or(Ok(()), |file| write(file, page, console))
}

/// Writes the page of a report, with what its images are made of and how they came to it, as [`write_file`] does.
pub(super) fn write_report(
    file: &Utf8Path,
    repository: &Repository,
    images: &[ImagePlan],
    report: &Report,
    explanations: &[Explanation],
    console: &mut Console,
) -> Result<()> {
    let histories = histories_of(repository, images, console);
    let page = Page { report: Some(report), explanations, histories: &histories, ..Page::default() };
    write(file, &page, console)
}

fn write(file: &Utf8Path, page: &Page, console: &mut Console) -> Result<()> {
    write_file(file, &report::html(page), console)
}

/// The histories of images; none without a lock file, or where git cannot tell.
fn histories_of(repository: &Repository, images: &[ImagePlan], console: &mut Console) -> Vec<History> {
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
