//! Images to parts: base and own layers, files, and what the files are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{BuildInfo, Explanation, How, Kind, Part, Remark, split};
use crate::measure::manifest::{Config, Descriptor, Document};
use crate::oci::compression::uncompressed;

/// Documents are small; whatever is larger is a layer.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// The files of an archive of `docker image save`, or of an OCI layout.
#[derive(Debug, Default)]
pub struct Store {
    /// Binaries with symbols, as those of [`super::binary`].
    copies: Vec<Vec<u8>>,
    documents: BTreeMap<String, Vec<u8>>,
    layers: BTreeMap<String, Layer>,
}

/// What is in a layer.
#[derive(Debug, Default)]
struct Layer {
    unpacked: u64,
    files: BTreeMap<String, Explanation>,
}

/// The image in an archive's `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    layers: Vec<String>,
}

impl Store {
    /// A store whose binaries are explained by the symbols of copies, as [`super::binary`] says.
    pub fn with_copies(copies: &[Vec<u8>]) -> Self {
        Self { copies: copies.to_vec(), ..Self::default() }
    }

    /// Reads an archive to its end, into this store.
    ///
    /// # Errors
    /// It ends early, or holds a layer that does.
    pub fn read_archive(mut self, archive: impl Read) -> Result<Self> {
        for entry in tar::Archive::new(archive).entries().context("the archive is broken")? {
            let entry = entry.context("the archive is broken")?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            if entry.header().entry_type().is_file() {
                let size = entry.size();
                self.add(&path, size, entry)?;
            }
        }
        Ok(self)
    }

    /// Adds a file by its path in the layout or archive.
    ///
    /// # Errors
    /// It cannot be read, or is a layer that ends early.
    pub fn add(&mut self, path: &str, size: u64, mut file: impl Read) -> Result<()> {
        if size > LARGEST_DOCUMENT {
            let layer = Layer::read(file, &self.copies).with_context(|| format!("cannot read the layer {path}"))?;
            self.layers.insert(path.to_owned(), layer);
            return Ok(());
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
        if matches!(bytes.first(), Some(b'{' | b'[')) {
            self.documents.insert(path.to_owned(), bytes);
        } else if let Ok(layer) = Layer::read(bytes.as_slice(), &self.copies) {
            // Old engines add small files of other kinds, such as VERSION.
            self.layers.insert(path.to_owned(), layer);
        }
        Ok(())
    }

    fn parse<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let bytes = self.documents.get(path).with_context(|| format!("there is no {path}"))?;
        serde_json::from_slice(bytes).with_context(|| format!("{path} does not parse"))
    }

    fn layer(&self, path: &str) -> Result<&Layer> {
        self.layers.get(path).with_context(|| format!("the layer {path} is missing"))
    }

    /// The images that an index names, each with the paths of its layers.
    fn collect(&self, descriptors: &[Descriptor], images: &mut Vec<(Config, Vec<String>)>) -> Result<()> {
        for descriptor in descriptors.iter().filter(|descriptor| !descriptor.is_attestation()) {
            let document: Document = self.parse(&blob(&descriptor.digest))?;
            if let Some(manifests) = document.manifests {
                self.collect(&manifests, images)?;
                continue;
            }
            let config = document.config.context("a manifest without a configuration")?;
            let layers = document.layers.iter().map(|layer| blob(&layer.digest)).collect();
            images.push((self.parse(&blob(&config.digest))?, layers));
        }
        Ok(())
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// Explains the images in a store, one for each platform, sorted by it.
///
/// # Errors
/// A document or a layer is missing.
pub fn images(name: &str, store: &Store) -> Result<Vec<Explanation>> {
    let mut found = Vec::new();
    if store.documents.contains_key("manifest.json") {
        for image in store.parse::<Vec<SavedImage>>("manifest.json")? {
            found.push((store.parse(&image.config)?, image.layers));
        }
    } else {
        let index: Document = store.parse("index.json").context("neither a saved image nor an OCI layout")?;
        store.collect(&index.manifests.unwrap_or_default(), &mut found)?;
    }
    found.sort_by_key(|(config, _)| config.platform());
    found.dedup_by(|a, b| a.0.platform() == b.0.platform() && a.0.rootfs.diff_ids == b.0.rootfs.diff_ids);
    found.iter().map(|(config, layers)| image(name, config, layers, store)).collect()
}

fn image(name: &str, config: &Config, layers: &[String], store: &Store) -> Result<Explanation> {
    let history: Vec<_> = config.history.iter().collect();
    // The final stage of a generated Dockerfile begins with this label.
    let begin = history.iter().position(|entry| entry.created_by.contains("org.opencontainers.image.title="));
    let created_by: Vec<_> = history
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.empty_layer)
        .map(|(at, entry)| (at, entry.created_by.as_str()))
        .collect();
    let mut explained = Explained::default();
    let (mut base, mut own) = (Vec::new(), Vec::new());
    for (number, path) in layers.iter().enumerate() {
        let (at, instruction) = created_by.get(number).copied().unwrap_or((0, ""));
        let layer = store.layer(path)?;
        let part = explained.layer(number, instruction, layer);
        if begin.is_some_and(|begin| at < begin) {
            base.push(part);
            continue;
        }
        own.push(part);
        // What a base's binaries are like is for those who make it.
        for file in layer.files.values() {
            explained.remarks.extend(file.remarks.iter().cloned());
            explained.nameless.extend(file.nameless.clone());
            explained.compilers.extend(file.compilers.clone());
        }
    }
    let mut parts = Vec::new();
    for (kind, name, layers) in [(Kind::Base, "base", base), (Kind::Own, "own", own)] {
        if !layers.is_empty() {
            parts.push(Part::sum(kind, name, How::Exact, layers));
        }
    }
    let whole = Part::sum(Kind::Image, format!("{name} {}", config.platform()), How::Exact, parts);
    let Explained { builds, remarks, nameless, compilers, .. } = explained;
    let toolchain = split::toolchain(&whole, &nameless);
    Ok(Explanation { whole, builds, remarks, nameless, compilers, toolchain })
}

/// What the layers that were looked at say.
#[derive(Default)]
struct Explained {
    seen: BTreeSet<String>,
    builds: BTreeMap<String, BuildInfo>,
    remarks: Vec<Remark>,
    nameless: BTreeMap<String, u64>,
    compilers: BTreeSet<String>,
}

impl Explained {
    fn layer(&mut self, number: usize, instruction: &str, layer: &Layer) -> Part {
        let mut parts = Vec::new();
        for (path, file) in &layer.files {
            if !self.seen.insert(path.clone()) && file.whole.bytes > 0 {
                let text = format!("{path} was in an earlier layer too, where its bytes remain");
                self.remarks.push(Remark { bytes: file.whole.bytes, text });
            }
            self.builds.extend(file.builds.clone());
            parts.push(file.whole.clone());
        }
        let contents: u64 = parts.iter().map(|part| part.bytes).sum();
        let archive = layer.unpacked.saturating_sub(contents);
        parts.push(Part::leaf(Kind::Archive, "headers and padding of the archive", archive, How::Exact));
        let instruction = instruction.trim_end_matches("# buildkit").trim_end();
        let name = if instruction.is_empty() { format!("layer {}", number + 1) } else { instruction.to_owned() };
        Part::sum(Kind::Layer, name, How::Exact, parts)
    }
}

impl Layer {
    fn read(layer: impl Read, copies: &[Vec<u8>]) -> Result<Self> {
        let mut counted = Counted { inner: uncompressed(layer)?, bytes: 0 };
        let mut files = BTreeMap::new();
        let mut archive = tar::Archive::new(&mut counted);
        for entry in archive.entries().context("cannot read the layer")? {
            let mut entry = entry.context("the layer's archive is broken")?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            let path = format!("/{}", path.trim_start_matches('/'));
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).context("the layer's archive is broken")?;
            files.insert(path.clone(), super::file(&path, &bytes, copies));
        }
        // What stands behind the archive's end mark counts too.
        io::copy(&mut counted, &mut io::sink()).context("cannot read the layer")?;
        Ok(Self { unpacked: counted.bytes, files })
    }
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}
