//! Reading an OCI layout, a folder as `buildx --output type=oci,tar=false` writes it.

use std::io::Read;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use serde::de::DeserializeOwned;

use super::manifest::{Config, Descriptor, Document, compressor, transfer};
use super::{How, ImageSize, Layer, LayerCache, Measured, assemble, layer};
use crate::files;

/// Measures every image of a layout, one for each platform. `own_layers` is how many the final stage added.
///
/// # Errors
/// A blob is missing or cannot be read.
pub fn oci_layout(name: &str, folder: &Utf8Path, own_layers: usize, cache: &mut LayerCache) -> Result<Vec<ImageSize>> {
    let index: Document = parse(&folder.join("index.json"), &read(&folder.join("index.json"))?)?;
    let mut images = Vec::new();
    for descriptor in index.manifests.unwrap_or_default() {
        collect(name, folder, &descriptor, own_layers, cache, &mut images)?;
    }
    images.sort_by(|a, b| a.platform.cmp(&b.platform));
    images.dedup_by(|a, b| a.digest == b.digest);
    Ok(images)
}

/// Measures what a descriptor names: an image, or an index of several.
fn collect(
    name: &str,
    folder: &Utf8Path,
    descriptor: &Descriptor,
    own_layers: usize,
    cache: &mut LayerCache,
    images: &mut Vec<ImageSize>,
) -> Result<()> {
    if descriptor.is_attestation() {
        return Ok(());
    }
    let path = blob(folder, &descriptor.digest);
    let bytes = read(&path)?;
    let document: Document = parse(&path, &bytes)?;
    if let Some(manifests) = document.manifests {
        return manifests.iter().try_for_each(|inner| collect(name, folder, inner, own_layers, cache, images));
    }
    let config_digest = document.config.as_ref().map(|config| config.digest.clone()).unwrap_or_default();
    let config: Config = parse(&path, &read(&blob(folder, &config_digest))?)?;
    let layers = document.layers.iter().zip(&config.rootfs.diff_ids);
    let layers = layers.map(|(layer, diff_id)| known_layer(folder, layer, diff_id, cache));
    let mut image = assemble(name, &config, config_digest, own_layers, layers.collect::<Result<_>>()?);
    image.digest = Some(descriptor.digest.clone());
    (image.unpacked.how, image.own.how) = (How::Layout, How::Layout);
    image.transfer = Measured { bytes: transfer(&document, bytes.len())?, how: How::Layout };
    image.compressor = compressor(&document);
    images.push(image);
    Ok(())
}

fn known_layer(folder: &Utf8Path, layer: &Descriptor, diff_id: &str, cache: &mut LayerCache) -> Result<Layer> {
    if let Some(known) = cache.0.get(diff_id) {
        return Ok(known.layer.clone());
    }
    let path = blob(folder, &layer.digest);
    let (_, known) = layer::read(files::open(&path)?, Some(layer.size).filter(|size| *size > 0))
        .with_context(|| format!("cannot read the layer {path}"))?;
    let layer = known.layer.clone();
    cache.0.insert(diff_id.to_owned(), known);
    Ok(layer)
}

fn blob(folder: &Utf8Path, digest: &str) -> camino::Utf8PathBuf {
    folder.join("blobs").join(digest.replace(':', "/"))
}

fn read(path: &Utf8Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files::open(path)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(path: &Utf8Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).with_context(|| format!("{path} does not parse"))
}
