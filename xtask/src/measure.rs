//! Images to bytes: what they hold, what they cost to send, what the service adds to its base.
//!
//! Nothing here trusts a size that an engine states: each store means something else by it. The layers themselves are
//! read, as a stream, once: a layer is known by its digest from then on.

mod archive;
mod layer;
mod layout;
pub(crate) mod manifest;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fit::{Contents, LayerContents};
use crate::oci;

pub use archive::docker_archive;
pub use layout::oci_layout;
pub use manifest::registry_transfer;

/// The sizes of one image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// The image's name.
    pub name: String,
    /// Its platform, as `linux/amd64`.
    pub platform: String,
    /// The digest of its manifest, where it has one yet.
    pub digest: Option<String>,
    /// The digest of its configuration: the same for the same image in every store.
    pub config_digest: String,
    /// The sum of the layers' uncompressed archives.
    pub unpacked: Measured,
    /// The bytes that a registry sends for it: layers, configuration and manifest.
    pub transfer: Measured,
    /// What compressed the layers, as `gzip`, where a manifest states it.
    #[serde(default)]
    pub compressor: Option<String>,
    /// The unpacked bytes of the layers that are not the base's.
    pub own: Measured,
    /// The layers, the base's first.
    pub layers: Vec<ImageLayer>,
}

impl ImageSize {
    /// The OCI chain ID of the base's layers: the same where the base is. Empty for a base without layers.
    pub fn base_chain_id(&self) -> String {
        let base = self.layers.iter().filter(|layer| !layer.own);
        base.fold(String::new(), |chain, layer| {
            if chain.is_empty() {
                return layer.diff_id.clone();
            }
            oci::digest(format!("{chain} {}", layer.diff_id).as_bytes())
        })
    }

    /// The bytes of a file, by its path from the root: of the last layer that has it. Nothing where none does, or where
    /// it lies below the root and is not among the largest of its layer.
    pub fn file(&self, path: &str) -> Option<u64> {
        let files = self.layers.iter().rev().flat_map(|layer| &layer.contents.largest_files);
        files.into_iter().find(|file| file.path == path).map(|file| file.bytes)
    }
}

/// A number of bytes, and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The bytes.
    pub bytes: u64,
    /// How they are known.
    pub how: How,
}

/// How a size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Every layer of the engine's export was read.
    Layers,
    /// The files of an OCI layout were counted, or its layers read.
    Layout,
    /// The registry's manifest states it.
    Registry,
    /// The engine's store has the layers as a registry sends them.
    Store,
    /// Parts of the layers were compressed here; a registry's compressor may do better or worse.
    Compressed,
}

impl How {
    /// Whether the number is the exact one.
    pub fn is_exact(self) -> bool {
        self != Self::Compressed
    }
}

impl fmt::Display for How {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Layers => "exact: the engine's layers",
            Self::Layout => "exact: the OCI layout",
            Self::Registry => "exact: the registry's manifest",
            Self::Store => "exact: the engine's compressed layers",
            Self::Compressed => "estimated: parts of the layers, compressed",
        })
    }
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayer {
    /// The digest of its uncompressed archive.
    pub diff_id: String,
    /// The instruction that made it.
    pub created_by: String,
    /// Whether the service's own stage added it.
    pub own: bool,
    /// What is in it.
    pub contents: Layer,
}

/// What is in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The bytes of its uncompressed archive.
    pub unpacked: u64,
    /// Its bytes as a blob: those that it has, or an estimate where no blob was made of it.
    pub compressed: u64,
    /// Its largest files, and those in the root folder, where binaries are; the largest first.
    pub largest_files: Vec<FileSize>,
}

/// A file in a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileSize {
    /// Its bytes.
    pub bytes: u64,
    /// Its path, from the image's root.
    pub path: String,
}

/// A layer that was read before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownLayer {
    /// What reports say of it.
    pub layer: Layer,
    /// What starting a program depends on; of a layer that this tool made itself, nothing yet.
    pub contents: Option<LayerContents>,
}

/// How many files of a layer are remembered, beside those in the root folder.
const LARGEST: usize = 10;

/// Those of a layer's files that are remembered, the largest first.
pub(crate) fn remembered(mut files: Vec<FileSize>) -> Vec<FileSize> {
    files.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    let is_in_root = |file: &FileSize| file.path.rfind('/') == Some(0);
    let mut place = 0;
    files.retain(|file| {
        place += 1;
        place <= LARGEST || is_in_root(file)
    });
    files
}

/// Layers that were read before, by the digest of their uncompressed archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerCache(pub BTreeMap<String, KnownLayer>);

impl LayerCache {
    /// Forgets layers of which it is not known what starting a program depends on: measuring reads them.
    pub fn forget_unread(&mut self) {
        self.0.retain(|_, known| known.contents.is_some());
    }

    /// What starting a program in an image depends on. Layers that are not known add nothing.
    pub fn contents(&self, image: &ImageSize) -> Contents {
        let mut contents = Contents::default();
        let known = image.layers.iter().filter_map(|layer| self.0.get(&layer.diff_id)?.contents.as_ref());
        known.for_each(|layer| contents.add(layer));
        contents
    }
}

/// Puts together what is known of an image. `own_layers` is how many the service's stage added.
fn assemble(
    name: &str,
    config: &manifest::Config,
    config_digest: String,
    own_layers: usize,
    layers: Vec<Layer>,
) -> ImageSize {
    let history = config.history.iter().filter(|entry| !entry.empty_layer);
    let created_by = history.map(|entry| entry.created_by.as_str()).chain(std::iter::repeat(""));
    let base_layers = layers.len().saturating_sub(own_layers);
    let layers: Vec<_> = config
        .rootfs
        .diff_ids
        .iter()
        .zip(layers)
        .zip(created_by)
        .enumerate()
        .map(|(index, ((diff_id, contents), created_by))| ImageLayer {
            diff_id: diff_id.clone(),
            created_by: created_by.to_owned(),
            own: index >= base_layers,
            contents,
        })
        .collect();
    let sum = |own_only: bool| {
        layers.iter().filter(|layer| layer.own || !own_only).map(|layer| layer.contents.unpacked).sum()
    };
    let compressed: u64 = layers.iter().map(|layer| layer.contents.compressed).sum();
    ImageSize {
        name: name.to_owned(),
        platform: config.platform(),
        digest: None,
        config_digest,
        unpacked: Measured { bytes: sum(false), how: How::Layers },
        transfer: Measured { bytes: compressed, how: How::Compressed },
        compressor: None,
        own: Measured { bytes: sum(true), how: How::Layers },
        layers,
    }
}
