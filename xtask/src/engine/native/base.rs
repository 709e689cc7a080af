//! What an image stands on.

mod archive;
mod embedded;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use self::archive::ARCHIVE;
use crate::error::Error;
use crate::files;
use crate::fit::{Contents, LayerContents};
use crate::oci;
use crate::oci::document::{DOCKER_LAYER, Descriptor, ImageConfig, LAYER, Platform};
use crate::oci::layer::{Layer, folders_above};
use crate::oci::layout::{Image, Layout, Writer};
use crate::oci::reference::Reference;
use crate::plan::{EMBEDDED_BASE, ImagePlan};
use crate::registry::{self, Session};

/// What stands before the folder of an OCI layout, from the repository's root.
const LAYOUT: &str = "oci-layout:";

/// An image that others stand on, for one platform.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its configuration.
    pub config: ImageConfig,
    /// What is in it.
    pub contents: Contents,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// The layer, and the digest of its archive.
    Embedded(Layer, String),
    /// Layers of a layout.
    Layout(Layout, Vec<Descriptor>),
}

/// Bases by name and platform, each opened once.
pub struct Bases<'a> {
    opened: BTreeMap<(String, Platform), Base>,
    /// The folder where those of registries are kept.
    kept: &'a Utf8Path,
    /// What fetches them; without it, only those that are kept are there.
    session: Option<Session<'a>>,
    /// The digests that tags lead to, by their names in full; and those of archives on the disk.
    tags: BTreeMap<String, String>,
    /// The tags that no registry could be asked for.
    old_tags: BTreeSet<String>,
}

impl<'a> Bases<'a> {
    /// None yet.
    pub fn new(kept: &'a Utf8Path, session: Option<Session<'a>>) -> Self {
        Self { opened: BTreeMap::new(), kept, session, tags: BTreeMap::new(), old_tags: BTreeSet::new() }
    }

    /// The base of an image for a platform, whose tag was looked up. `root` is the repository's.
    ///
    /// # Errors
    /// No such base, or not for this platform.
    pub fn open(&mut self, root: &Utf8Path, image: &ImagePlan, platform: &Platform) -> Result<&Base> {
        let key = (image.native_base.clone(), platform.clone());
        if !self.opened.contains_key(&key) {
            let base = self.read(root, &image.native_base, platform).with_context(|| cannot_open(image))?;
            self.opened.insert(key.clone(), base);
        }
        self.opened.get(&key).context("was just opened")
    }

    /// A base that was opened before.
    pub fn get(&self, name: &str, platform: &Platform) -> Option<&Base> {
        self.opened.get(&(name.to_owned(), platform.clone()))
    }

    fn read(&mut self, root: &Utf8Path, name: &str, platform: &Platform) -> Result<Base> {
        if name == EMBEDDED_BASE {
            return Base::embedded(platform);
        }
        let mut hint = "take another base, or another --platform";
        let layout = if let Some(folder) = name.strip_prefix(LAYOUT) {
            hint = "`skopeo copy --all docker://IMAGE oci:FOLDER` makes a layout of an image for every platform";
            Layout::new(root.join(folder))
        } else if let Some(file) = name.strip_prefix(ARCHIVE) {
            self.unpacked(name, &root.join(file))?
        } else {
            self.fetch(reference(name)?, platform)?
        };
        let images = layout.images()?;
        if let Some(image) = images.iter().find(|image| image.config.platform().is(platform)) {
            return Base::of_layout(layout, image);
        }
        let known: Vec<_> = images.iter().map(|image| image.config.platform().to_string()).collect();
        let problem = if known.is_empty() {
            format!("there is no OCI layout in {}", name.trim_start_matches(LAYOUT))
        } else {
            format!("it is for {}, not for {platform}", known.join(", "))
        };
        Err(Error::usage(problem).hint(hint).into())
    }

    /// The layout of an image in a registry: asked for once, since what has a digest never changes.
    fn fetch(&self, mut reference: Reference, platform: &Platform) -> Result<Layout> {
        if reference.digest.is_none() {
            reference.digest = self.tags.get(&reference.to_string()).cloned();
        }
        let folder = reference.digest.as_ref().map(|digest| self.folder(digest, platform));
        // One that is broken is fetched again.
        if let Some(layout) = folder.clone().map(Layout::new).filter(Layout::is_whole) {
            return Ok(layout);
        }
        let (Some(session), Some(folder)) = (&self.session, folder) else {
            let problem = "it is in a registry, and was not fetched yet";
            return Err(Error::usage(problem).hint("a run without --dry-run fetches it").into());
        };
        registry::pull(&reference, platform, &folder, session)?;
        Ok(Layout::new(folder))
    }

    /// Where the layout of an image in a registry is kept.
    fn folder(&self, digest: &str, platform: &Platform) -> Utf8PathBuf {
        self.of(digest).join(platform.to_string().replace('/', "-"))
    }

    /// Where those for all platforms are.
    fn of(&self, digest: &str) -> Utf8PathBuf {
        self.kept.join(digest.replace(':', "-"))
    }
}

/// Platforms that builders have, whichever is the own one of the builder at hand.
const USUAL: [&str; 9] = [
    "linux/386",
    "linux/amd64",
    "linux/arm/v5",
    "linux/arm/v6",
    "linux/arm/v7",
    "linux/arm64",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
];

/// Writes the embedded base as a layout, for a builder to take: an image for every usual platform and for each of those
/// that are `asked` for.
///
/// # Errors
/// The layout cannot be written.
pub fn write_embedded<'a>(folder: &Utf8Path, asked: impl Iterator<Item = &'a str>) -> Result<()> {
    let platforms: BTreeSet<_> = USUAL.into_iter().chain(asked).map(Platform::parse).collect();
    let mut writer = Writer::new(folder, None);
    let base = Base::embedded(&Platform::default())?;
    let layers = base.add_layers(&mut writer)?;
    let mut images = Vec::new();
    for platform in platforms {
        let Platform { architecture, os, variant } = platform;
        let config = ImageConfig { architecture, os, variant, ..base.config.clone() };
        images.push(writer.image(&config, layers.clone())?.0);
    }
    let index = writer.index(images)?;
    writer.finish(&index, &[format!("{EMBEDDED_BASE}:latest")])
}

/// What tells the embedded base for a platform from that of another release of this tool: the digest of its configuration.
///
/// # Errors
/// It cannot be put together.
pub fn embedded_digest(platform: &Platform) -> Result<String> {
    Ok(oci::digest(&serde_json::to_vec(&Base::embedded(platform)?.config)?))
}

/// Writes the embedded base for one platform as a layout. Returns the digest of its manifest.
///
/// # Errors
/// The layout cannot be written.
pub fn write_embedded_for(folder: &Utf8Path, platform: &Platform) -> Result<String> {
    let base = Base::embedded(platform)?;
    let mut writer = Writer::new(folder, None);
    let layers = base.add_layers(&mut writer)?;
    let (image, _) = writer.image(&base.config, layers)?;
    writer.finish(&image, &[format!("{EMBEDDED_BASE}:latest")])?;
    Ok(image.digest)
}

/// Checks, before anything is compiled, that the name of a base is one.
///
/// # Errors
/// It names no image.
pub fn check_name(name: &str) -> Result<(), Error> {
    if name == EMBEDDED_BASE || is_on_disk(name) {
        return Ok(());
    }
    reference(name).map(drop)
}

/// Whether a base is on the disk, where anybody may write over it.
pub fn is_on_disk(name: &str) -> bool {
    [LAYOUT, ARCHIVE].iter().any(|start| name.starts_with(start))
}

/// The name of a base in a registry, in full.
fn reference(name: &str) -> Result<Reference, Error> {
    let on_disk = format!("\"{LAYOUT}path/of/a/folder\" or \"{ARCHIVE}path/of/a/file\"");
    let hint = format!("base = \"host/path:tag\", \"{EMBEDDED_BASE}\", {on_disk}");
    let reference = name.parse::<Reference>().map_err(|problem| Error::usage(problem).hint(hint))?;
    Ok(reference.with_tag())
}

fn cannot_open(image: &ImagePlan) -> String {
    format!("cannot open the base `{}` of {}", image.native_base, image.name)
}

impl Base {
    fn embedded(platform: &Platform) -> Result<Self> {
        let (layer, labels) = embedded::layer();
        let diff_id = layer.diff_id()?;
        let mut config = ImageConfig::empty(platform);
        config.config.env = embedded::ENV.map(str::to_owned).into();
        config.config.working_dir = "/home/nonroot".to_owned();
        config.config.labels = labels;
        config.push_layer(diff_id.clone(), "the embedded base: certificates, time zones, users");
        let mut archive = Vec::new();
        layer.write(&mut archive)?;
        let mut contents = Contents::default();
        contents.add(&LayerContents::read(archive.as_slice())?);
        Ok(Self { config, contents, source: Source::Embedded(layer, diff_id) })
    }

    fn of_layout(layout: Layout, image: &Image) -> Result<Self> {
        let mut contents = Contents::default();
        for layer in &image.layers {
            let path = layout.blob(&layer.digest);
            let layer = LayerContents::read(files::open(&path)?);
            contents.add(
                &layer.with_context(|| format!("cannot read the layer {path}: expected gzip, zstd or plain tar"))?,
            );
        }
        Ok(Self { config: image.config.clone(), contents, source: Source::Layout(layout, image.layers.clone()) })
    }

    /// Adds its layers to a layout.
    ///
    /// # Errors
    /// A layer cannot be read or written.
    pub fn add_layers(&self, writer: &mut Writer) -> Result<Vec<Descriptor>> {
        match &self.source {
            Source::Embedded(layer, diff_id) => Ok(vec![writer.layer(layer, diff_id)?]),
            Source::Layout(layout, layers) => {
                let by_its_oci_name = |layer: &Descriptor| match layer.media_type.as_str() {
                    DOCKER_LAYER => Descriptor { media_type: LAYER.to_owned(), ..layer.clone() },
                    _ => layer.clone(),
                };
                let layers = layers.iter().map(by_its_oci_name).zip(&self.config.rootfs.diff_ids);
                layers.map(|(layer, diff_id)| writer.copy(&layer, diff_id, layout)).collect()
            }
        }
    }
}

/// The folders above a path that are neither in the base nor `made` by a layer, the outermost first.
pub(super) fn missing_folders(base: &Base, made: &BTreeSet<String>, path: &str) -> Vec<String> {
    let above = folders_above(path);
    above.filter(|folder| !base.contents.has(folder) && !made.contains(*folder)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_base_has_no_loader() {
        let base = Base::embedded(&Platform::parse("linux/arm64")).expect("is made");
        assert!(!base.contents.has_loader());
        assert_eq!(base.config.platform().to_string(), "linux/arm64");
    }

    #[test]
    fn a_builder_takes_the_embedded_base_for_every_platform() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        write_embedded(folder, ["linux/loong64", "linux/amd64"].into_iter()).expect("writes");
        let index = Layout::new(folder).index().expect("reads");
        assert_eq!(index.manifests.len(), 1);
        assert_eq!(index.manifests[0].annotations["org.opencontainers.image.ref.name"], "latest");
        let images = Layout::new(folder).images().expect("reads");
        assert_eq!(images.len(), USUAL.len() + 1);
        for platform in ["linux/amd64", "linux/arm/v7", "linux/loong64"].map(Platform::parse) {
            let own = Base::embedded(&platform).expect("is made");
            assert!(images.iter().any(|image| image.config == own.config), "{platform}");
        }
    }

    #[test]
    fn a_base_in_a_registry_has_a_digest_or_a_tag() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (name, expected) in [
            ("gcr.io/distroless/cc-debian13:nonroot", "gcr.io/distroless/cc-debian13:nonroot"),
            ("busybox", "docker.io/library/busybox:latest"),
            (&format!("busybox@{digest}"), &format!("docker.io/library/busybox@{digest}")),
        ] {
            assert_eq!(reference(name).expect("is a name").to_string(), expected);
        }
        check_name("Nonsense").expect_err("is no name");
        check_name("embedded").expect("is one");
        check_name("oci-layout:Any Folder").expect("is one");
        check_name("oci-archive:Any File.tar").expect("is one");
    }
}
