//! What one run leaves for the next: layers that were read, sizes that were measured. All of it can be lost.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Console;
use super::inside::SeenImages;
use crate::budget::lock::LockedImage;
use crate::engine::BuildRequest;
use crate::engine::builder::{Builder, Question};
use crate::error::Error;
use crate::files;
use crate::measure::{ImageSize, LayerCache};
use crate::process;

/// What earlier runs measured.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Layers by their digest.
    pub(super) layers: LayerCache,
    /// Sizes by the digest that the builder stated, and the number of own layers.
    pub(super) sizes: BTreeMap<String, Vec<ImageSize>>,
    /// What is in images whose service has `deny`.
    pub(super) inside: SeenImages,
    /// What the last run measured, as the lock file would have it; sorted by name and platform.
    pub(super) measured: Vec<LockedImage>,
    /// Unpacked bytes of the last run, by image, platform and base.
    pub(super) last: BTreeMap<String, u64>,
    /// How images were built, by their names.
    pub(super) recipes: BTreeMap<String, Recipe>,
    /// Builders by what they were asked for, each with what chose it.
    builders: BTreeMap<String, (String, Builder)>,
}

/// How an image was built.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// Whether this machine's compilers built it.
    pub(super) is_native: bool,
    /// What was asked for.
    pub(super) request: BuildRequest,
}

/// An image that an earlier run measured.
pub(super) struct MeasuredImage {
    /// Its key in `sizes`.
    pub(super) key: String,
    /// The digest that the builder stated.
    pub(super) digest: String,
    /// Whether it went into the Docker engine.
    pub(super) in_engine: bool,
}

/// The folder for what a run leaves behind.
pub(super) fn work_folder(root: &Utf8Path) -> Utf8PathBuf {
    root.join("target/images")
}

/// Waits until no other run in this checkout writes layouts, compiles in the folders that the native engine compiles in, or
/// builds copies with symbols: what the one has compiled must not end up in the images of the other.
pub(super) fn lock(root: &Utf8Path, console: &mut Console) -> Result<files::Lock> {
    let path = work_folder(root).join("lock");
    process::wait_for(|| files::try_lock(&path), || console.say("waiting for another run in this checkout"))
}

impl State {
    /// What the last run left; nothing where that cannot be read.
    pub(super) fn load(root: &Utf8Path) -> Self {
        let bytes = files::read_if_exists(&path(root)).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The image of this name that the last run measured.
    pub(super) fn measured(&self, name: &str) -> Option<MeasuredImage> {
        self.sizes.keys().find_map(|key| {
            let mut words = key.split(' ');
            let (store, digest, _own_layers) = (words.next()?, words.next()?, words.next()?);
            (words.next() == Some(name)).then(|| MeasuredImage {
                key: key.clone(),
                digest: digest.to_owned(),
                in_engine: store == "engine",
            })
        })
    }

    /// How the image of this name was built.
    ///
    /// # Errors
    /// An older release of this tool built it.
    pub(super) fn recipe(&self, name: &str) -> Result<&Recipe> {
        let unknown = || {
            Error::usage(format!("it is not known how the image of {name} was built"))
                .hint(format!("run `cargo xtask image {name}` again"))
        };
        Ok(self.recipes.get(name).ok_or_else(unknown)?)
    }

    /// The builder as an earlier run found it, where it is chosen by the same. It may have gone since.
    pub(super) fn builder(&self, question: &Question, choice: &str) -> Option<Builder> {
        let (chosen_by, builder) = self.builders.get(&question.key())?;
        (chosen_by == choice).then(|| builder.clone())
    }

    /// Keeps what the builder said of itself.
    pub(super) fn remember(&mut self, question: &Question, choice: &str, builder: &Builder) {
        self.builders.insert(question.key(), (choice.to_owned(), builder.clone()));
    }

    /// Keeps what belongs to the images of this run, of which `used` are the keys in `sizes`, and to images that are
    /// another's.
    pub(super) fn save(self, root: &Utf8Path, used: &[String], is_anothers: impl Fn(&str) -> bool) -> Result<()> {
        let held = work_folder(root).join("measured.lock");
        let _lock = process::wait_for(|| files::try_lock(&held), || ())?;
        // Another run may have kept something of its images since.
        let mut all = Self::load(root);
        let used: BTreeSet<_> = used.iter().collect();
        let is_kept = |key: &String| key.rsplit(' ').next().is_some_and(&is_anothers);
        all.sizes.retain(|key, _| is_kept(key));
        all.sizes.extend(self.sizes.into_iter().filter(|(key, _)| used.contains(key)));
        all.inside.retain(|key, _| is_kept(key));
        all.inside.extend(self.inside.into_iter().filter(|(key, _)| used.contains(key)));
        let names: BTreeSet<_> = all.sizes.keys().filter_map(|key| key.rsplit(' ').next()).collect();
        all.recipes.extend(self.recipes.into_iter().filter(|(name, _)| !is_anothers(name)));
        all.recipes.retain(|name, _| names.contains(name.as_str()));
        all.layers.0.extend(self.layers.0);
        let layers = all.sizes.values().flatten().flat_map(|size| &size.layers);
        let in_use: BTreeSet<_> = layers.map(|layer| &layer.diff_id).collect();
        all.layers.0.retain(|diff_id, _| in_use.contains(diff_id));
        all.measured = self.measured;
        let is_own = |key: &String| key.split(' ').next().is_some_and(|name| !is_anothers(name));
        all.last.extend(self.last.into_iter().filter(|(key, _)| is_own(key)));
        all.builders.extend(self.builders);
        files::write(&path(root), &serde_json::to_vec(&all)?)
    }
}

fn path(root: &Utf8Path) -> Utf8PathBuf {
    work_folder(root).join("measured.json")
}
