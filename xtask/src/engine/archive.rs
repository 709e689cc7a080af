//! Built images as one file, which `docker load` takes.

use std::io::BufWriter;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::{Shell, cmd};

use super::{BuiltImage, Destination};
use crate::files;
use crate::oci::archive::{Packed, docker_archive};
use crate::oci::layout::Layout;
use crate::process::Command;

/// Writes images, from where they are, into one archive. What an engine holds, the engine writes.
///
/// # Errors
/// The archive cannot be written, or the engine does not answer.
pub fn save(built: &[BuiltImage], destination: &Destination, path: &Utf8Path) -> Result<()> {
    if let Destination::Layouts(folder) = destination {
        return write(built, folder, path);
    }
    files::create_folder(path.parent().unwrap_or(Utf8Path::new(".")))?;
    let references: Vec<_> = built.iter().flat_map(|image| &image.references).collect();
    let shell = Shell::new()?;
    Command::from(cmd!(shell, "docker image save --output {path} {references...}")).run().map(drop)
}

/// Writes images, each of which is in a layout of its name in a folder, into one archive. The same images give the same
/// bytes.
///
/// # Errors
/// A layout is broken, an image is one of several platforms, or the file cannot be written.
pub(super) fn write(built: &[BuiltImage], folder: &Utf8Path, path: &Utf8Path) -> Result<()> {
    let packed = built.iter().map(|image| Packed {
        layout: Layout::new(folder.join(&image.name)),
        digest: &image.digest,
        references: &image.references,
    });
    let archive = docker_archive(&packed.collect::<Vec<_>>())?;
    let beside = files::beside(path);
    files::write_through(&beside, |file| archive.write(BufWriter::new(file)))?;
    files::rename(&beside, path)
}

/// Loads images, each of which is in a layout of its name in a folder, into the Docker engine, by an archive below `work`.
///
/// # Errors
/// The archive cannot be written, or the engine does not answer.
pub(super) fn load(built: &[BuiltImage], folder: &Utf8Path, work: &Utf8Path) -> Result<()> {
    let path = work.join(format!("load.{}.tar", std::process::id()));
    write(built, folder, &path)?;
    let shell = Shell::new()?;
    let loaded = Command::from(cmd!(shell, "docker image load --quiet --input {path}")).run();
    files::remove(&path)?;
    loaded.context("cannot load the images into the Docker engine").map(drop)
}
