//! Reading what `docker image save` writes: an archive of layers and documents, the index last.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::manifest::{Config, Descriptor, Document, compressor, transfer};
use super::{How, ImageSize, KnownLayer, Layer, LayerCache, Measured, assemble, layer};

/// Documents are small; whatever is larger is a layer.
const LARGEST_DOCUMENT: u64 = 1 << 20;

/// An entry of the archive's `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    layers: Vec<String>,
}

/// Measures the image in an archive of `docker image save`. `own_layers` is how many its final stage added.
///
/// Layers found in `cache` are passed over; the others are added to it. The transfer size is an estimate where the engine's
/// store has the layers unpacked; the store of containerd has them compressed, and an exact size.
///
/// # Errors
/// The archive ends early, lacks a document or a layer, or holds a layer that cannot be read.
pub fn docker_archive(name: &str, archive: impl Read, own_layers: usize, cache: &mut LayerCache) -> Result<ImageSize> {
    let parts = Parts::read(archive, cache).with_context(|| format!("cannot read the saved image of {name}"))?;
    let document =
        |path: &str| parts.documents.get(path).with_context(|| format!("the saved image of {name} has no {path}"));
    let saved: Vec<SavedImage> = serde_json::from_slice(document("manifest.json")?)
        .with_context(|| format!("cannot read manifest.json in the saved image of {name}"))?;
    let image = saved.first().with_context(|| format!("the archive of {name} holds no image"))?;
    let config: Config = serde_json::from_slice(document(&image.config)?)
        .with_context(|| format!("cannot read the configuration in the saved image of {name}"))?;
    let layers = image.layers.iter().zip(&config.rootfs.diff_ids).map(|(path, diff_id)| {
        let known = parts.layers.get(path).or_else(|| cache.0.get(diff_id).map(|known| &known.layer)).cloned();
        known.with_context(|| format!("the saved image of {name} lacks the layer {path}"))
    });
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let config_digest =
        format!("sha256:{}", image.config.trim_start_matches("blobs/sha256/").trim_end_matches(".json"));
    let mut size = assemble(name, &config, config_digest, own_layers, layers);
    if let Some((bytes, compressor)) = parts.transfer(image, &size.config_digest) {
        size.transfer = Measured { bytes, how: How::Store };
        size.compressor = Some(compressor);
    }
    Ok(size)
}

/// What passed by in the archive.
#[derive(Default)]
struct Parts {
    documents: BTreeMap<String, Vec<u8>>,
    layers: BTreeMap<String, Layer>,
    /// The lengths of all files.
    sizes: BTreeMap<String, u64>,
}

impl Parts {
    /// What a registry sends for an image, and what compressed it, where its layers are here as they are sent.
    fn transfer(&self, image: &SavedImage, config_digest: &str) -> Option<(u64, String)> {
        let path = |blob: &Descriptor| format!("blobs/{}", blob.digest.replace(':', "/"));
        self.documents.values().find_map(|bytes| {
            let manifest: Document = serde_json::from_slice(bytes).ok()?;
            let is_it = manifest.config.as_ref()?.digest == config_digest
                && manifest.layers.iter().map(path).eq(image.layers.iter().cloned())
                && manifest.layers.iter().all(|layer| self.sizes.get(&path(layer)) == Some(&layer.size));
            // The other store names its unpacked layers by a manifest as well.
            let compressor = compressor(&manifest).filter(|compressor| is_it && compressor != "none")?;
            Some((transfer(&manifest, bytes.len()).ok()?, compressor))
        })
    }

    fn read(archive: impl Read, cache: &mut LayerCache) -> Result<Self> {
        let mut parts = Self::default();
        let mut archive = tar::Archive::new(archive);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if !entry.header().entry_type().is_file() {
                continue;
            }
            parts.sizes.insert(path.clone(), entry.size());
            // In the engine's own store a layer's file is named by its digest.
            if let Some(known) = path.rsplit('/').next().and_then(|digest| cache.0.get(&format!("sha256:{digest}"))) {
                parts.layers.insert(path, known.layer.clone());
                continue;
            }
            if entry.size() <= LARGEST_DOCUMENT {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                if matches!(bytes.first(), Some(b'{' | b'[')) {
                    parts.documents.insert(path, bytes);
                } else if let Ok(layer) = layer::read(bytes.as_slice(), None) {
                    // Old engines add small files of other kinds, such as VERSION.
                    parts.keep_layer(path, layer, cache);
                }
            } else {
                parts.keep_layer(path, layer::read(entry, None)?, cache);
            }
        }
        Ok(parts)
    }

    fn keep_layer(&mut self, path: String, (diff_id, known): (String, KnownLayer), cache: &mut LayerCache) {
        self.layers.insert(path, known.layer.clone());
        cache.0.insert(diff_id, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            archive.append_data(&mut header, path, *bytes).expect("appends");
        }
        archive.into_inner().expect("ends")
    }

    /// An image of a base layer and one of its own.
    fn saved_image() -> (Vec<u8>, u64, u64) {
        let base = tar_of(&[("etc/passwd", b"nonroot")]);
        let own = tar_of(&[("worker", &[7; 3_000])]);
        let diff_id = |bytes: &[u8]| layer::read(bytes, None).expect("reads").0;
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": {"diff_ids": [diff_id(&base), diff_id(&own)]},
            "history": [{"created_by": "base"}, {"created_by": "USER", "empty_layer": true}, {"created_by": "COPY"}],
        });
        let manifest =
            serde_json::json!([{"Config": "blobs/sha256/c0", "Layers": ["blobs/sha256/a", "blobs/sha256/b"]}]);
        let archive = tar_of(&[
            ("blobs/sha256/a", &base),
            ("blobs/sha256/b", &own),
            ("blobs/sha256/c0", config.to_string().as_bytes()),
            ("manifest.json", manifest.to_string().as_bytes()),
        ]);
        (archive, base.len() as u64, own.len() as u64)
    }

    #[test]
    fn layers_add_up_and_the_last_are_its_own() {
        let (archive, base, own) = saved_image();
        let mut cache = LayerCache::default();
        let image = docker_archive("worker", archive.as_slice(), 1, &mut cache).expect("reads");
        assert_eq!((image.unpacked.bytes, image.own.bytes), (base + own, own));
        assert_eq!(image.platform, "linux/amd64");
        assert_eq!(image.config_digest, "sha256:c0");
        assert_eq!(image.transfer.how, How::Compressed);
        assert_eq!(image.layers[1].created_by, "COPY");
        assert_eq!(cache.0.len(), 2);
        // A second look takes the layers from the cache.
        assert_eq!(docker_archive("worker", archive.as_slice(), 1, &mut cache).expect("reads"), image);
    }

    #[test]
    fn a_store_that_has_the_layers_compressed_tells_what_a_registry_sends() {
        let (archive, ..) = saved_image();
        let parts = Parts::read(archive.as_slice(), &mut LayerCache::default()).expect("reads");
        let size = |path: &str| parts.sizes[path];
        let manifest = |media_type: &str, added: u64| {
            let layer = |name: &str| {
                let size = size(&format!("blobs/sha256/{name}")) + added;
                serde_json::json!({ "digest": format!("sha256:{name}"), "mediaType": media_type, "size": size })
            };
            let config = serde_json::json!({ "digest": "sha256:c0", "size": size("blobs/sha256/c0") });
            serde_json::json!({ "config": config, "layers": [layer("a"), layer("b")] }).to_string()
        };
        let measured = |manifest: &str| {
            // An archive ends with two blocks of zeros.
            let whole =
                [&archive[..archive.len() - 1_024], &tar_of(&[("blobs/sha256/m", manifest.as_bytes())])].concat();
            let size = docker_archive("worker", whole.as_slice(), 1, &mut LayerCache::default()).expect("reads");
            (size.transfer, size.compressor)
        };
        let gzip = manifest("application/vnd.oci.image.layer.v1.tar+gzip", 0);
        let blobs = ["a", "b", "c0"].map(|name| size(&format!("blobs/sha256/{name}")));
        let bytes = blobs.iter().sum::<u64>() + gzip.len() as u64;
        assert_eq!(measured(&gzip), (Measured { bytes, how: How::Store }, Some("gzip".to_owned())));
        for other in [
            manifest("application/vnd.oci.image.layer.v1.tar", 0),
            manifest("application/vnd.oci.image.layer.v1.tar+gzip", 1),
            manifest("application/vnd.oci.image.layer.v1.tar+gzip", 0).replace("sha256:c0", "sha256:c1"),
        ] {
            assert_eq!(measured(&other).0.how, How::Compressed, "{other}");
        }
    }

    #[test]
    fn on_scratch_every_layer_is_its_own() {
        let (archive, base, own) = saved_image();
        let image = docker_archive("worker", archive.as_slice(), 2, &mut LayerCache::default()).expect("reads");
        assert_eq!(image.own.bytes, base + own);
    }

    #[test]
    fn an_archive_that_ends_early_names_the_image() {
        let (archive, ..) = saved_image();
        let error = docker_archive("worker", &archive[..2_000], 1, &mut LayerCache::default()).expect_err("is cut");
        assert!(format!("{error:#}").contains("worker"), "{error:#}");
    }
}
