//! What the tags of bases lead to. Every run that builds on one asks anew: a tag may move.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8PathBuf;

use super::{Bases, cannot_open, is_on_disk, reference};
use crate::error::{Error, with_hint};
use crate::files;
use crate::oci::document::Platform;
use crate::oci::layout::Layout;
use crate::oci::reference::Reference;
use crate::plan::{EMBEDDED_BASE, ImagePlan};
use crate::registry::{self, Tag, Unresolved};

/// The file, beside the bases that are kept, of the tags and what they led to.
const FILE: &str = "tags.json";

/// A base that is named by a tag.
struct Tagged<'a> {
    name: Reference,
    /// The first image that stands on it.
    image: &'a ImagePlan,
    platforms: BTreeSet<&'a Platform>,
}

impl Bases<'_> {
    /// Finds out what the tags of bases lead to: all are asked for at once, each once. Where no registry answers, the image
    /// that was fetched last is taken, but for a release.
    ///
    /// # Errors
    /// A registry refuses; or does not answer, and there is nothing to take.
    pub fn look_up(&mut self, targets: &[(&ImagePlan, Platform)], is_release: bool) -> Result<()> {
        let last = self.last_tags();
        let Some(session) = &self.session else {
            self.tags = last;
            return Ok(());
        };
        let tagged = tagged(targets)?;
        let stand_ins: Vec<_> = tagged.iter().map(|base| self.stand_in(base, &last)).collect();
        let tags = tagged.iter().zip(&stand_ins).map(|(base, stand_in)| Tag {
            reference: base.name.clone(),
            has_stand_in: stand_in.is_some() && !is_release,
        });
        let found = registry::resolve(&tags.collect::<Vec<_>>(), session);
        for ((base, stand_in), found) in tagged.iter().zip(stand_ins).zip(found) {
            let digest = match (found, stand_in) {
                (Ok(digest), _) => digest,
                (Err(Unresolved { error, is_silence: true }), Some(last)) if !is_release => {
                    (session.say)(&format!("{}: {error:#}; the image fetched last is taken, {last}", base.name));
                    self.old_tags.insert(base.name.to_string());
                    last
                }
                (Err(unresolved), stand_in) => return Err(base.refuse(unresolved, stand_in.is_some())),
            };
            self.tags.insert(base.name.to_string(), digest);
        }
        Ok(())
    }

    /// Whether the base of an image may be out of date, since no registry answered.
    pub fn is_old(&self, image: &ImagePlan) -> bool {
        tag(&image.native_base).is_ok_and(|tag| tag.is_some_and(|tag| self.old_tags.contains(&tag.to_string())))
    }

    /// Keeps what tags led to, now that those images are there, for a run that no registry answers; and no image that none
    /// leads to any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_tags(&self) -> Result<()> {
        let before = self.last_tags();
        let mut tags = before.clone();
        tags.extend(self.tags.clone());
        if tags == before {
            return Ok(());
        }
        files::write(&self.file(), &serde_json::to_vec(&tags)?)?;
        let left: BTreeSet<_> = tags.values().collect();
        before
            .values()
            .filter(|digest| !left.contains(digest))
            .try_for_each(|digest| files::remove_folder(&self.of(digest)))
    }

    /// What tags led to in earlier runs. What cannot be read is missed, and no more.
    fn last_tags(&self) -> BTreeMap<String, String> {
        let bytes = files::read_if_exists(&self.file()).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn file(&self) -> Utf8PathBuf {
        self.kept.join(FILE)
    }

    /// The image that a tag led to last, where it is kept for every platform.
    fn stand_in(&self, base: &Tagged, last: &BTreeMap<String, String>) -> Option<String> {
        let digest = last.get(&base.name.to_string())?;
        let is_kept = |platform: &&Platform| Layout::new(self.folder(digest, platform)).is_whole();
        base.platforms.iter().all(is_kept).then(|| digest.clone())
    }
}

impl Tagged<'_> {
    /// Why nothing stands on it.
    fn refuse(&self, Unresolved { error, is_silence }: Unresolved, has_stand_in: bool) -> anyhow::Error {
        let error = error.context(cannot_open(self.image));
        if !is_silence || !has_stand_in {
            return error;
        }
        with_hint(&error, "a run without --push takes the image that was fetched last")
    }
}

/// The bases that are named by a tag, each once; sorted.
fn tagged<'a>(targets: &'a [(&ImagePlan, Platform)]) -> Result<Vec<Tagged<'a>>> {
    let mut found: BTreeMap<Reference, Tagged> = BTreeMap::new();
    for (image, platform) in targets {
        let Some(name) = tag(&image.native_base)? else { continue };
        let base = found.entry(name.clone()).or_insert_with(|| Tagged { name, image, platforms: BTreeSet::new() });
        base.platforms.insert(platform);
    }
    Ok(found.into_values().collect())
}

/// The tag that a base is named by, in full.
fn tag(base: &str) -> Result<Option<Reference>, Error> {
    if base == EMBEDDED_BASE || is_on_disk(base) {
        return Ok(None);
    }
    Ok(Some(reference(base)?).filter(|reference| reference.digest.is_none()))
}
