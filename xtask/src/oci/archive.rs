//! Images as one archive that every Docker engine loads: an OCI layout for the newer ones, and beside it the index that
//! the older ones look for. A blob of several images is in it once.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::document::Index;
use super::layer::{Entry, Kind, Layer};
use super::layout::{Image, Layout, MARKER, named};
use crate::error::Error;
use crate::files;

/// An image on its way into an archive.
#[derive(Debug)]
pub struct Packed<'a> {
    /// The layout that it is in.
    pub layout: Layout,
    /// Its digest there.
    pub digest: &'a str,
    /// What it is called.
    pub references: &'a [String],
}

/// An entry of the older index.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage<'a> {
    config: String,
    repo_tags: &'a [String],
    layers: Vec<String>,
}

/// The archive of these images.
///
/// # Errors
/// A layout is broken, or an image is one of several platforms.
pub fn docker_archive(packed: &[Packed]) -> Result<Layer> {
    let mut entries = BTreeMap::new();
    let (mut saved, mut index) = (Vec::new(), Index::new(Vec::new()));
    for Packed { layout, digest, references } in packed {
        let images = layout.images_of(digest)?;
        let [image] = images.as_slice() else { return Err(holds_one_platform().into()) };
        let blobs = [&image.manifest.digest, &image.config_digest].into_iter();
        for digest in blobs.chain(image.layers.iter().map(|layer| &layer.digest)) {
            let (path, inside) = (layout.blob(digest), inside(digest));
            let length = files::length(&path).with_context(|| format!("the layout lost {path}"))?;
            entries.insert(inside.clone(), Entry::new(inside, Kind::File(path, length), 0o644));
        }
        index.manifests.extend(named(&image.manifest, references));
        saved.push(saved_image(image, references));
    }
    for folder in ["blobs", "blobs/sha256"] {
        entries.insert(folder.to_owned(), Entry::folder(folder));
    }
    for (path, bytes) in [
        ("index.json", serde_json::to_vec(&index)?),
        ("manifest.json", serde_json::to_vec(&saved)?),
        ("oci-layout", MARKER.to_vec()),
    ] {
        entries.insert(path.to_owned(), Entry::new(path, Kind::Bytes(bytes), 0o644));
    }
    Ok(Layer::new(entries.into_values().collect()))
}

/// What is wrong with an image of several platforms.
pub fn holds_one_platform() -> Error {
    Error::usage("an archive for Docker holds images of one platform")
        .hint("one --platform at a time, or --output DIR for all")
}

fn saved_image<'a>(image: &Image, references: &'a [String]) -> SavedImage<'a> {
    let layers = image.layers.iter().map(|layer| inside(&layer.digest)).collect();
    SavedImage { config: inside(&image.config_digest), repo_tags: references, layers }
}

/// Where a blob is in the archive.
fn inside(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}
