//! The documents of an image: index, manifest, configuration.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// An image's configuration, as far as sizes need it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default)]
    pub(crate) variant: String,
    #[serde(default)]
    pub(crate) rootfs: RootFs,
    #[serde(default)]
    pub(crate) history: Vec<History>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RootFs {
    #[serde(default)]
    pub(crate) diff_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct History {
    #[serde(default)]
    pub(crate) created_by: String,
    #[serde(default)]
    pub(crate) empty_layer: bool,
}

/// An index or a manifest: which of the two it is, its lists tell.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) manifests: Option<Vec<Descriptor>>,
    pub(crate) config: Option<Descriptor>,
    #[serde(default)]
    pub(crate) layers: Vec<Descriptor>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) media_type: String,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Platform {
    pub(crate) os: String,
}

impl Config {
    pub(crate) fn platform(&self) -> String {
        let variant = if self.variant.is_empty() { String::new() } else { format!("/{}", self.variant) };
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

impl Descriptor {
    /// Attestations are listed beside the images, for a platform that does not exist.
    pub(crate) fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
    }
}

/// The exact bytes that a registry sends for an image, from its manifest: each digest once; and what compressed its
/// layers.
///
/// # Errors
/// The bytes are no manifest of a single image.
pub fn registry_transfer(manifest: &[u8]) -> Result<(u64, Option<String>)> {
    let document: Document = serde_json::from_slice(manifest).context("the registry's manifest does not parse")?;
    Ok((transfer(&document, manifest.len())?, compressor(&document)))
}

/// What compressed the layers, by their media types: `gzip`, `zstd`, `none`; several as `gzip, zstd`. Nothing where a
/// layer does not say.
pub(crate) fn compressor(manifest: &Document) -> Option<String> {
    let of = |layer: &Descriptor| match layer.media_type.rsplit(['.', '+']).next()? {
        gzip_or_zstd @ ("gzip" | "zstd") => Some(gzip_or_zstd.to_owned()),
        "tar" => Some("none".to_owned()),
        _ => None,
    };
    let all: BTreeSet<String> = manifest.layers.iter().map(of).collect::<Option<_>>()?;
    (!all.is_empty()).then(|| Vec::from_iter(all).join(", "))
}

/// The bytes of a manifest of `length` bytes and of all that it names.
pub(crate) fn transfer(manifest: &Document, length: usize) -> Result<u64> {
    let Some(config) = &manifest.config else { bail!("expected the manifest of one image, found an index") };
    let blobs: BTreeMap<&str, u64> =
        manifest.layers.iter().chain([config]).map(|blob| (blob.digest.as_str(), blob.size)).collect();
    let length = u64::try_from(length).context("a manifest of that size")?;
    Ok(blobs.values().sum::<u64>() + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digest_is_sent_once() {
        let manifest = br#"{"config":{"digest":"sha256:c","size":10},
            "layers":[{"digest":"sha256:a","size":100},{"digest":"sha256:a","size":100},{"digest":"sha256:b","size":7}]}"#;
        let length = u64::try_from(manifest.len()).expect("is small");
        assert_eq!(registry_transfer(manifest).expect("parses"), (117 + length, None));
    }

    #[test]
    fn the_media_types_of_the_layers_name_the_compressor() {
        let layers = |types: &[&str]| {
            let layers: Vec<_> =
                types.iter().map(|of| serde_json::json!({ "digest": "sha256:a", "mediaType": of })).collect();
            let manifest = serde_json::json!({ "config": { "digest": "sha256:c", "size": 1 }, "layers": layers });
            registry_transfer(manifest.to_string().as_bytes()).expect("parses").1
        };
        let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        let oci = |ending: &str| format!("application/vnd.oci.image.layer.v1.tar{ending}");
        assert_eq!(layers(&[docker, &oci("+gzip")]).as_deref(), Some("gzip"));
        assert_eq!(layers(&[&oci("+zstd"), docker]).as_deref(), Some("gzip, zstd"));
        assert_eq!(layers(&[&oci("")]).as_deref(), Some("none"));
        for unknown in [&[][..], &["application/x-lz4"], &["", docker]] {
            assert_eq!(layers(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn an_index_is_not_one_image() {
        let error = registry_transfer(br#"{"manifests":[]}"#).expect_err("is an index");
        assert_eq!(error.to_string(), "expected the manifest of one image, found an index");
    }
}
