//! What an image stands on.

mod embedded;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use flate2::read::MultiGzDecoder;

use crate::error::Error;
use crate::files;
use crate::oci::document::{Descriptor, ImageConfig, Platform};
use crate::oci::layer::{Layer, folders_above, inside};
use crate::oci::layout::{Image, Layout, Writer};
use crate::plan::EMBEDDED_BASE;

/// What stands before the folder of an OCI layout, from the repository's root.
const LAYOUT: &str = "oci-layout:";

/// An image that others stand on, for one platform.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its configuration.
    pub config: ImageConfig,
    /// Every path in it, without a slash at either end.
    pub paths: BTreeSet<String>,
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
        let paths = layer.entries().iter().map(|entry| entry.path.clone()).collect();
        Ok(Self { config, paths, source: Source::Embedded(layer, diff_id) })
    }

    fn of_layout(layout: Layout, image: &Image) -> Result<Self> {
        let mut paths = BTreeSet::new();
        for layer in &image.layers {
            let path = layout.blob(&layer.digest);
            read_paths(files::open(&path)?, &layer.media_type, &mut paths)
                .with_context(|| format!("cannot read the layer {path}"))?;
        }
        Ok(Self { config: image.config.clone(), paths, source: Source::Layout(layout, image.layers.clone()) })
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

    /// Whether a dynamically linked program finds a loader here.
    pub fn has_loader(&self) -> bool {
        self.paths.iter().any(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.starts_with("ld-linux") || name.starts_with("ld-musl")
        })
    }
}

/// Adds the paths of a layer, and takes away those that it deletes.
fn read_paths(blob: impl Read, media_type: &str, paths: &mut BTreeSet<String>) -> Result<()> {
    let plain: Box<dyn Read> = match media_type.rsplit(['+', '.']).next() {
        Some("gzip") => Box::new(MultiGzDecoder::new(blob)),
        Some("tar") => Box::new(blob),
        _ => anyhow::bail!("layers of the type {media_type} cannot be read: expected gzip or plain tar"),
    };
    let mut archive = tar::Archive::new(plain);
    for entry in archive.entries()? {
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = inside(Utf8Path::new(&path));
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        match name.strip_prefix(".wh.") {
            Some(".wh..opq") => paths.retain(|other| !is_below(other, folder)),
            Some(gone) => {
                let gone = if folder.is_empty() { gone.to_owned() } else { format!("{folder}/{gone}") };
                paths.retain(|other| *other != gone && !is_below(other, &gone));
            }
            None => drop(paths.insert(path)),
        }
    }
    Ok(())
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
}

/// The folders above a path that are neither in the base nor `made` by a layer, the outermost first.
pub(super) fn missing_folders(base: &Base, made: &BTreeSet<String>, path: &str) -> Vec<String> {
    let above = folders_above(path);
    above.filter(|folder| !base.paths.contains(*folder) && !made.contains(*folder)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::layer::{Entry, Kind};

    #[test]
    fn what_a_layer_deletes_is_gone() {
        let layers: [&[&str]; 3] = [&["etc/a", "etc/b", "usr/x/y"], &["etc/.wh.a"], &["usr/x/.wh..wh..opq", "usr/x/z"]];
        let mut paths = BTreeSet::new();
        for files in layers {
            let entries = files.iter().map(|path| Entry::new(*path, Kind::Bytes(Vec::new()), 0o644));
            let mut archive = Vec::new();
            Layer::new(entries.collect()).write(&mut archive).expect("writes");
            read_paths(archive.as_slice(), "application/vnd.oci.image.layer.v1.tar", &mut paths).expect("reads");
        }
        assert_eq!(paths.iter().map(String::as_str).collect::<Vec<_>>(), ["etc/b", "usr/x/z"]);
    }

    #[test]
    fn the_embedded_base_has_no_loader() {
        let base = Base::embedded(&Platform::parse("linux/arm64")).expect("is made");
        assert!(!base.has_loader());
        assert_eq!(base.config.platform().to_string(), "linux/arm64");
    }

    #[test]
    fn a_base_in_a_registry_is_refused_by_its_key() {
        let error = check_name("gcr.io/distroless/cc-debian13:nonroot").expect_err("is refused");
        assert!(error.to_string().starts_with("`base = \"gcr.io/distroless/cc-debian13:nonroot\"` is in a registry"));
    }
}
