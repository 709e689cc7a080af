//! Writing an OCI layout: blobs first, the index last and at once, and only then away with what it no longer names.
//!
//! So a layout is whole at every moment, with the images before or with those after; and a blob that is there already is
//! neither compressed nor written again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Read as _, Write};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::compression::{Compression, uncompressed, zstd};
use super::document::{CONFIG, Descriptor, INDEX, ImageConfig, Index, MANIFEST, Manifest};
use super::layer::Layer;
use super::reference::Reference;
use super::{digest, hex_digest};
use crate::error::Error;
use crate::files;

/// What says that a folder is a layout.
pub(crate) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A layout, to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    folder: Utf8PathBuf,
}

/// An image of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What names its manifest.
    pub manifest: Descriptor,
    /// Its configuration.
    pub config: ImageConfig,
    /// The digest of that.
    pub config_digest: String,
    /// Its layers, the lowest first.
    pub layers: Vec<Descriptor>,
}

impl Layout {
    /// The layout in a folder.
    pub fn new(folder: impl Into<Utf8PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its images, one for each platform; none where there is no layout.
    ///
    /// # Errors
    /// A document is missing or does not parse.
    pub fn images(&self) -> Result<Vec<Image>> {
        let mut images = Vec::new();
        for descriptor in &self.index()?.manifests {
            self.collect(descriptor, &mut images)?;
        }
        Ok(images)
    }

    /// The images that a digest in the index stands for, one for each platform.
    ///
    /// # Errors
    /// The index does not name it, or a document is missing or does not parse.
    pub fn images_of(&self, digest: &str) -> Result<Vec<Image>> {
        let mut images = Vec::new();
        self.collect(&self.descriptor(digest)?, &mut images)?;
        Ok(images)
    }

    /// What the index says of the image of that digest.
    ///
    /// # Errors
    /// It does not name it, or does not parse.
    pub fn descriptor(&self, digest: &str) -> Result<Descriptor> {
        let named = self.index()?.manifests.into_iter().find(|descriptor| descriptor.digest == digest);
        named.ok_or_else(|| {
            Error::failure("its layout holds another image by now: another run has written it")
                .hint("repeat the command, or give one of the runs another --output")
                .into()
        })
    }

    /// Forgets every other image than the one of that digest, which builders leave in the index by their other names.
    ///
    /// # Errors
    /// The index does not parse, or cannot be written.
    pub fn forget_others(&self, digest: &str) -> Result<()> {
        let mut index = self.index()?;
        let (own, others): (Vec<_>, Vec<_>) =
            index.manifests.into_iter().partition(|descriptor| descriptor.digest == digest);
        if own.is_empty() || others.is_empty() {
            return Ok(());
        }
        index.manifests = own;
        files::write(&self.folder.join("index.json"), &serde_json::to_vec(&index)?)
    }

    /// Its index, as far as images go: an empty one where there is no layout.
    ///
    /// # Errors
    /// It does not parse.
    pub fn index(&self) -> Result<Index> {
        let path = self.folder.join("index.json");
        let bytes = files::read_if_exists(&path)?;
        bytes.map_or_else(|| Ok(Index::new(Vec::new())), |bytes| parse(&path, &bytes))
    }

    /// Whether every image in it has all of its blobs, by their lengths, and there is one.
    pub fn is_whole(&self) -> bool {
        let has = |layer: &Descriptor| files::length(&self.blob(&layer.digest)) == Some(layer.size);
        self.images().is_ok_and(|images| !images.is_empty() && images.iter().all(|image| image.layers.iter().all(has)))
    }

    /// The names of its blobs, sorted.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn blobs(&self) -> Result<Vec<String>> {
        let names = files::file_names(&self.folder.join("blobs/sha256"))?;
        Ok(names.into_iter().filter(|name| !files::is_part(name)).collect())
    }

    fn collect(&self, descriptor: &Descriptor, images: &mut Vec<Image>) -> Result<()> {
        if descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown") {
            return Ok(());
        }
        if descriptor.media_type.contains("index") || descriptor.media_type.contains("manifest.list") {
            let index: Index = self.read(&descriptor.digest)?;
            return index.manifests.iter().try_for_each(|inner| self.collect(inner, images));
        }
        let manifest: Manifest = self.read(&descriptor.digest)?;
        let (config, config_digest) = (self.read::<ImageConfig>(&manifest.config.digest)?, manifest.config.digest);
        let platform = Some(config.platform());
        // By however many names the index has it, it is one image.
        let manifest_itself = Descriptor { annotations: BTreeMap::new(), platform, ..descriptor.clone() };
        let image = Image { manifest: manifest_itself, config, config_digest, layers: manifest.layers };
        if !images.contains(&image) {
            images.push(image);
        }
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, digest: &str) -> Result<T> {
        let path = self.blob(digest);
        let bytes = files::read_if_exists(&path)?.with_context(|| format!("the layout lacks {path}"))?;
        parse(&path, &bytes)
    }

    /// The bytes of a blob, which have to be what its name says.
    fn checked(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let (path, mut bytes) = (self.blob(&descriptor.digest), Vec::new());
        files::open(&path)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
        if digest(&bytes) != descriptor.digest {
            anyhow::bail!("{path} does not hold what its name says");
        }
        Ok(bytes)
    }

    /// The path of a blob.
    pub fn blob(&self, digest: &str) -> Utf8PathBuf {
        self.folder.join("blobs").join(digest.replace(':', "/"))
    }
}

fn parse<T: DeserializeOwned>(path: &Utf8Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).with_context(|| format!("{path} does not parse"))
}

/// A layout in the making.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    /// How all layers are to be compressed; without it those of a base stay as they are.
    compression: Option<Compression>,
    /// The layers that are there, by the digest of their uncompressed archive.
    known: BTreeMap<String, Descriptor>,
    used: BTreeSet<String>,
}

impl Writer {
    /// Begins to write the layout in a folder, over what may be there.
    pub fn new(folder: &Utf8Path, compression: Option<Compression>) -> Self {
        let layout = Layout::new(folder);
        // What cannot be read is written anew.
        let images = layout.images().unwrap_or_default();
        let layers = images.into_iter().flat_map(|image| image.config.rootfs.diff_ids.into_iter().zip(image.layers));
        let is_there =
            |(_, layer): &(String, Descriptor)| files::length(&layout.blob(&layer.digest)) == Some(layer.size);
        let media_type = compression.unwrap_or_default().layer_type();
        let known = layers.filter(|(_, layer)| layer.media_type == media_type).filter(is_there).collect();
        Self { layout, compression, known, used: BTreeSet::new() }
    }

    /// Adds a layer, compressed unless it is there already. Returns what names it; `diff_id` is its digest.
    ///
    /// # Errors
    /// A file of the layer cannot be read, or the blob cannot be written.
    pub fn layer(&mut self, layer: &Layer, diff_id: &str) -> Result<Descriptor> {
        self.known_or_compressed(diff_id, |file| layer.write(file))
    }

    /// Adds a layer of another layout, as it is unless it is compressed in another way than all are to be. Returns what
    /// names it here; `diff_id` is the digest of its archive.
    ///
    /// # Errors
    /// It cannot be read, or is not what its name says.
    pub fn copy(&mut self, descriptor: &Descriptor, diff_id: &str, from: &Layout) -> Result<Descriptor> {
        let is_as_asked = self.compression.is_none_or(|compression| descriptor.media_type == compression.layer_type());
        if !is_as_asked {
            let bytes = from.checked(descriptor)?;
            return self.known_or_compressed(diff_id, |file| {
                io::copy(&mut uncompressed(bytes.as_slice())?, file).context("cannot compress a layer")?;
                Ok(())
            });
        }
        let target = self.layout.blob(&descriptor.digest);
        if files::length(&target) != Some(descriptor.size) {
            files::write(&target, &from.checked(descriptor)?)?;
        }
        self.used.insert(descriptor.digest.clone());
        Ok(descriptor.clone())
    }

    fn known_or_compressed(
        &mut self,
        diff_id: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<Descriptor> {
        let descriptor = match self.known.get(diff_id) {
            Some(known) => known.clone(),
            None => self.compress(write)?,
        };
        self.known.insert(diff_id.to_owned(), descriptor.clone());
        self.used.insert(descriptor.digest.clone());
        Ok(descriptor)
    }

    fn compress(&self, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Descriptor> {
        let beside = files::beside(&self.layout.folder.join("blobs/sha256/layer"));
        let compression = self.compression.unwrap_or_default();
        let (size, digest) = match compression {
            Compression::Gzip => files::write_through(&beside, |file| {
                // The header holds neither name nor time, so the same bytes give the same blob.
                let counted = Counted::new(BufWriter::new(file));
                let mut gzip = GzEncoder::new(counted, flate2::Compression::default());
                let mut buffered = BufWriter::with_capacity(64 * 1024, &mut gzip);
                write(&mut buffered)?;
                buffered.flush()?;
                drop(buffered);
                gzip.finish()?.finish()
            })?,
            Compression::Zstd => {
                let plain = files::beside(&self.layout.folder.join("blobs/sha256/layer.tar"));
                files::write_through(&plain, |file| {
                    let mut file = BufWriter::new(file);
                    write(&mut file)?;
                    Ok(file.flush()?)
                })?;
                let compressed = zstd(&plain, &beside);
                files::remove(&plain)?;
                compressed?;
                let mut counted = Counted::new(io::sink());
                io::copy(&mut files::open(&beside)?, &mut counted).with_context(|| format!("cannot read {beside}"))?;
                counted.finish()?
            }
        };
        files::rename(&beside, &self.layout.blob(&digest))?;
        Ok(Descriptor::new(compression.layer_type(), digest, size))
    }

    /// Adds an image. Returns what names it, and the digest of its configuration.
    ///
    /// # Errors
    /// A document cannot be written.
    pub fn image(&mut self, config: &ImageConfig, layers: Vec<Descriptor>) -> Result<(Descriptor, String)> {
        let platform = config.platform();
        let config = self.document(CONFIG, config)?;
        let config_digest = config.digest.clone();
        let manifest = self.document(MANIFEST, &Manifest::new(config, layers))?;
        Ok((Descriptor { platform: Some(platform), ..manifest }, config_digest))
    }

    /// Adds an index of several images.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn index(&mut self, images: Vec<Descriptor>) -> Result<Descriptor> {
        self.document(INDEX, &Index::new(images))
    }

    fn document(&mut self, media_type: &str, document: &impl Serialize) -> Result<Descriptor> {
        let bytes = serde_json::to_vec(document)?;
        let descriptor = Descriptor::of(media_type, &bytes);
        let path = self.layout.blob(&descriptor.digest);
        if files::length(&path) != Some(descriptor.size) {
            files::write(&path, &bytes)?;
        }
        self.used.insert(descriptor.digest.clone());
        Ok(descriptor)
    }

    /// Ends with an index that names `image` by each reference, and removes the blobs that nothing names any more.
    ///
    /// # Errors
    /// The index cannot be written.
    pub fn finish(self, image: &Descriptor, references: &[String]) -> Result<()> {
        let index = serde_json::to_vec(&Index::new(named(image, references).collect()))?;
        write_if_changed(&self.layout.folder.join("oci-layout"), MARKER)?;
        write_if_changed(&self.layout.folder.join("index.json"), &index)?;
        for name in self.layout.blobs()? {
            let digest = format!("sha256:{name}");
            if !self.used.contains(&digest) {
                files::remove(&self.layout.blob(&digest))?;
            }
        }
        Ok(())
    }
}

/// An image by each of its references, as engines look for them in an index.
pub(super) fn named(image: &Descriptor, references: &[String]) -> impl Iterator<Item = Descriptor> {
    references.iter().map(|reference| {
        let tag = reference.rsplit_once(':').map_or(reference.as_str(), |(_, tag)| tag);
        let full_name = reference.parse::<Reference>().map_or_else(|_| reference.clone(), |full| full.to_string());
        let annotations =
            [("io.containerd.image.name", full_name), ("org.opencontainers.image.ref.name", tag.to_owned())];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value)).into();
        Descriptor { annotations, ..image.clone() }
    })
}

fn write_if_changed(path: &Utf8Path, bytes: &[u8]) -> Result<()> {
    if files::read_if_exists(path)?.is_none_or(|old| old != bytes) {
        files::write(path, bytes)?;
    }
    Ok(())
}

/// Counts and hashes what is written through it.
struct Counted<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Counted<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    /// How much was written, and its digest.
    fn finish(mut self) -> Result<(u64, String)> {
        self.inner.flush()?;
        Ok((self.size, hex_digest(self.hash)))
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.hash.update(&bytes[..length]);
        self.size += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use super::super::document::Platform;
    use super::super::layer::{Entry, Kind};
    use super::*;
    use crate::measure::{LayerCache, oci_layout};

    /// Writes an image of two layers, and returns its digest.
    pub(crate) fn write(folder: &Utf8Path, text: &str) -> String {
        let mut writer = Writer::new(folder, None);
        let mut config = ImageConfig::empty(&Platform::parse("linux/amd64"));
        let mut layers = Vec::new();
        for (path, bytes) in [("base", "base"), ("app", text)] {
            let layer = Layer::new(vec![Entry::new(path, Kind::Bytes(bytes.as_bytes().to_vec()), 0o755)]);
            let diff_id = layer.diff_id().expect("reads");
            layers.push(writer.layer(&layer, &diff_id).expect("writes"));
            config.push_layer(diff_id, path);
        }
        let (image, _) = writer.image(&config, layers).expect("writes");
        writer.finish(&image, &["team/app:v1".to_owned(), "team/app:latest".to_owned()]).expect("writes");
        image.digest
    }

    fn blobs(folder: &Utf8Path) -> BTreeMap<String, SystemTime> {
        let names = files::file_names(&folder.join("blobs/sha256")).expect("lists").into_iter();
        let time = |name: &String| {
            folder.join("blobs/sha256").join(name).metadata().and_then(|is| is.modified()).expect("has a time")
        };
        names.map(|name| (name.clone(), time(&name))).collect()
    }

    #[test]
    fn a_layout_is_measured_as_it_was_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        let digest = write(folder, "first");
        let sizes = oci_layout("app", folder, 1, &mut LayerCache::default()).expect("reads");
        assert_eq!(sizes.len(), 1);
        assert_eq!(sizes[0].digest.as_deref(), Some(digest.as_str()));
        assert_eq!((sizes[0].unpacked.bytes, sizes[0].own.bytes), (2 * 2_048, 2_048));
        assert_eq!(sizes[0].layers[1].created_by, "app");
    }

    #[test]
    fn what_is_there_is_not_written_again_and_what_is_not_named_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        let first = write(folder, "first");
        let before = blobs(folder);
        assert_eq!(write(folder, "first"), first);
        assert_eq!(blobs(folder), before);
        assert_ne!(write(folder, "second"), first);
        let after = blobs(folder);
        let kept: Vec<_> = before.iter().filter(|(name, time)| after.get(*name) == Some(time)).collect();
        assert_eq!(
            (after.len(), kept.len()),
            (4, 1),
            "the base's layer is kept; layer, configuration and manifest are new"
        );
    }

    #[test]
    fn a_layout_with_a_broken_blob_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        let digest = write(folder, "first");
        for name in blobs(folder).keys() {
            files::write(&folder.join("blobs/sha256").join(name), b"").expect("writes");
            assert_eq!(write(folder, "first"), digest);
            assert_eq!(oci_layout("app", folder, 1, &mut LayerCache::default()).expect("reads").len(), 1, "{name}");
        }
    }
}
