//! What an image stands on.

mod embedded;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use crate::error::Error;
use crate::files;
use crate::fit::{Contents, LayerContents};
use crate::oci::document::{Descriptor, ImageConfig, Platform};
use crate::oci::layer::{Layer, folders_above};
use crate::oci::layout::{Image, Layout, Writer};
use crate::plan::EMBEDDED_BASE;

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
#[derive(Debug, Default)]
pub struct Bases(BTreeMap<(String, Platform), Base>);

impl Bases {
    /// The base of that name for a platform. `root` is the repository's.
    ///
    /// # Errors
    /// No such base, or not for this platform.
    pub fn open(&mut self, root: &Utf8Path, name: &str, platform: &Platform) -> Result<&Base> {
        let key = (name.to_owned(), platform.clone());
        if !self.0.contains_key(&key) {
            let base = open(root, name, platform).with_context(|| format!("cannot open the base `{name}`"))?;
            self.0.insert(key.clone(), base);
        }
        self.0.get(&key).context("was just opened")
    }

    /// A base that was opened before.
    pub fn get(&self, name: &str, platform: &Platform) -> Option<&Base> {
        self.0.get(&(name.to_owned(), platform.clone()))
    }
}

/// Checks, before anything is compiled, that the native engine knows bases of this kind.
///
/// # Errors
/// It would have to be fetched from a registry.
pub fn check_name(name: &str) -> Result<(), Error> {
    if name == EMBEDDED_BASE || name.starts_with(LAYOUT) {
        return Ok(());
    }
    Err(Error::usage(format!("`base = \"{name}\"` is in a registry, which the native engine does not read"))
        .hint(format!("base = \"{EMBEDDED_BASE}\", or \"{LAYOUT}path/of/a/layout\"; or --engine bake")))
}

fn open(root: &Utf8Path, name: &str, platform: &Platform) -> Result<Base> {
    check_name(name)?;
    let Some(folder) = name.strip_prefix(LAYOUT) else { return Base::embedded(platform) };
    let layout = Layout::new(root.join(folder));
    let images = layout.images()?;
    let found = images.iter().find(|image| image.config.platform() == *platform);
    let Some(image) = found else {
        let known: Vec<_> = images.iter().map(|image| image.config.platform().to_string()).collect();
        let problem = if known.is_empty() {
            format!("there is no OCI layout in {folder}")
        } else {
            format!("it is for {}, not for {platform}", known.join(", "))
        };
        let hint = "`skopeo copy --all docker://IMAGE oci:FOLDER` makes a layout of an image for every platform";
        return Err(Error::usage(problem).hint(hint).into());
    };
    Base::of_layout(layout, image)
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
                layers.iter().try_for_each(|layer| writer.copy(layer, layout))?;
                Ok(layers.clone())
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
    fn a_base_in_a_registry_is_refused_by_its_key() {
        let error = check_name("gcr.io/distroless/cc-debian13:nonroot").expect_err("is refused");
        assert!(error.to_string().starts_with("`base = \"gcr.io/distroless/cc-debian13:nonroot\"` is in a registry"));
    }
}
