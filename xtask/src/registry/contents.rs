//! What there is to push of an image.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;

use super::Image;
use crate::files;
use crate::oci::document::{Descriptor, INDEX, Index, Manifest};

/// The blobs and manifests of an image.
pub(super) struct Contents<'a> {
    pub(super) image: &'a Image,
    /// The sizes of its layers and configurations by their digests.
    blobs: BTreeMap<String, u64>,
    /// Its manifests: what one names comes before it, and the image itself last.
    pub(super) manifests: Vec<Document>,
}

/// A manifest or an index.
pub(super) struct Document {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) bytes: Vec<u8>,
}

/// A blob on its way to one repository.
pub(super) struct Blob<'a> {
    pub(super) image: &'a Image,
    pub(super) digest: &'a str,
    pub(super) size: u64,
    /// A repository of the same registry that has it by now.
    pub(super) mount_from: Option<&'a str>,
}

impl<'a> Contents<'a> {
    /// Reads what a layout says of an image.
    pub(super) fn read(image: &'a Image) -> Result<Self> {
        let mut contents = Self { image, blobs: BTreeMap::new(), manifests: Vec::new() };
        contents.add(&image.layout.descriptor(&image.digest)?)?;
        Ok(contents)
    }

    fn add(&mut self, descriptor: &Descriptor) -> Result<()> {
        let path = self.image.layout.blob(&descriptor.digest);
        let bytes = files::read_if_exists(&path)?.with_context(|| format!("the layout lacks {path}"))?;
        let unreadable = || format!("{path} does not parse");
        if descriptor.media_type == INDEX {
            let index: Index = serde_json::from_slice(&bytes).with_context(unreadable)?;
            index.manifests.iter().try_for_each(|inner| self.add(inner))?;
        } else {
            let manifest: Manifest = serde_json::from_slice(&bytes).with_context(unreadable)?;
            let blobs = manifest.layers.into_iter().chain([manifest.config]);
            self.blobs.extend(blobs.map(|blob| (blob.digest, blob.size)));
        }
        let (media_type, digest) = (descriptor.media_type.clone(), descriptor.digest.clone());
        self.manifests.push(Document { media_type, digest, bytes });
        Ok(())
    }

    /// The image itself.
    pub(super) fn root(&self) -> &Document {
        // Reading ends with it.
        &self.manifests[self.manifests.len() - 1]
    }
}

impl Blob<'_> {
    pub(super) fn path(&self) -> Utf8PathBuf {
        self.image.layout.blob(self.digest)
    }
}

/// All blobs of all images: each for the first repository of its registry, and then, when it is there, for the others.
pub(super) fn in_two_rounds<'a>(images: &'a [Contents<'a>]) -> [Vec<Blob<'a>>; 2] {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut rounds = [Vec::new(), Vec::new()];
    for Contents { image, blobs, .. } in images {
        let (registry, repository) = (image.repository.registry.as_str(), image.repository.repository.as_str());
        for (digest, size) in blobs {
            if !seen.insert((registry, repository, digest)) {
                continue;
            }
            let mount_from = first.get(&(registry, digest.as_str())).copied();
            first.entry((registry, digest)).or_insert(repository);
            rounds[usize::from(mount_from.is_some())].push(Blob { image, digest, size: *size, mount_from });
        }
    }
    rounds
}
