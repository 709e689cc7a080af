//! The documents of an image: index, manifest, configuration.

use std::collections::BTreeMap;

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

/// The exact bytes that a registry sends for an image, from its manifest: each digest once.
///
/// # Errors
/// The bytes are no manifest of a single image.
pub fn registry_transfer(manifest: &[u8]) -> Result<u64> {
    let document: Document = serde_json::from_slice(manifest).context("the registry's manifest does not parse")?;
    transfer(&document, manifest.len())
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
        assert_eq!(registry_transfer(manifest).expect("parses"), 117 + length);
    }

    #[test]
    fn an_index_is_not_one_image() {
        let error = registry_transfer(br#"{"manifests":[]}"#).expect_err("is an index");
        assert_eq!(error.to_string(), "expected the manifest of one image, found an index");
    }
}
