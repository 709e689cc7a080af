//! Images as one archive that every Docker engine loads: an OCI layout for the newer ones, and beside it the index that
//! the older ones look for.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::document::Index;
use super::layer::{Entry, Kind, Layer};
use super::layout::{Image, Layout};
use crate::files;

/// An entry of the older index.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage<'a> {
    config: String,
    repo_tags: &'a [String],
    layers: Vec<String>,
}

/// The archive of the images in these layouts, one for each, with their references.
///
/// # Errors
/// A layout is broken, or holds several images.
pub fn docker_archive(layouts: &[(Layout, Vec<String>)]) -> Result<Layer> {
    let mut entries = BTreeMap::new();
    let (mut saved, mut index) = (Vec::new(), Index::new(Vec::new()));
    for (layout, references) in layouts {
        let images = layout.images()?;
        let [image] = images.as_slice() else { anyhow::bail!("a layout with several images is no Docker archive") };
        for name in layout.blobs()? {
            let path = layout.blob(&format!("sha256:{name}"));
            let length = files::length(&path).with_context(|| format!("the layout lost {path}"))?;
            let inside = format!("blobs/sha256/{name}");
            entries.insert(inside.clone(), Entry::new(inside, Kind::File(path, length), 0o644));
        }
        index.manifests.extend(layout.index()?.manifests);
        saved.push(saved_image(image, references));
    }
    for folder in ["blobs", "blobs/sha256"] {
        entries.insert(folder.to_owned(), Entry::folder(folder));
    }
    for (path, bytes) in [
        ("index.json", serde_json::to_vec(&index)?),
        ("manifest.json", serde_json::to_vec(&saved)?),
        ("oci-layout", super::layout::MARKER.to_vec()),
    ] {
        entries.insert(path.to_owned(), Entry::new(path, Kind::Bytes(bytes), 0o644));
    }
    Ok(Layer::new(entries.into_values().collect()))
}

fn saved_image<'a>(image: &Image, references: &'a [String]) -> SavedImage<'a> {
    let path = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
    let layers = image.layers.iter().map(|layer| path(&layer.digest)).collect();
    SavedImage { config: path(&image.config_digest), repo_tags: references, layers }
}
