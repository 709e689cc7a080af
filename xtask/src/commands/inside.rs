//! What is in images whose service has `deny`; others are not read for it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::explain::{Denied, Explanation, Inside};
use crate::plan::ImagePlan;

/// What is in images: by the keys of their sizes, then by platform.
pub(super) type SeenImages = BTreeMap<String, BTreeMap<String, Inside>>;

/// What `deny` says of an image, by platform.
pub(super) struct Denials<'a> {
    image: &'a ImagePlan,
    by_platform: BTreeMap<String, Inside>,
}

impl<'a> Denials<'a> {
    /// Looks into an image: what an earlier run saw in the image with this key, else what `explain` says. What is
    /// seen is kept in `seen`.
    pub(super) fn read(
        image: &'a ImagePlan,
        key: &str,
        seen: &mut SeenImages,
        explain: impl FnOnce() -> Result<Vec<Explanation>>,
    ) -> Result<Self> {
        if image.deny.is_empty() {
            return Ok(Self { image, by_platform: BTreeMap::new() });
        }
        if let Some(known) = seen.get(key) {
            return Ok(Self { image, by_platform: known.clone() });
        }
        let bins = &image.container.bins;
        let explanations = explain()?;
        let inside = |explanation: &Explanation| (explanation.platform().to_owned(), Inside::of(explanation, bins));
        let by_platform: BTreeMap<_, _> = explanations.iter().map(inside).collect();
        seen.insert(key.to_owned(), by_platform.clone());
        Ok(Self { image, by_platform })
    }

    /// What must not be in the image for a platform, and is or may be.
    pub(super) fn of(&self, platform: &str) -> Result<Denied> {
        if self.image.deny.is_empty() {
            return Ok(Denied::default());
        }
        let inside = self.by_platform.get(platform);
        let inside = inside.with_context(|| format!("the image of {} for {platform} is gone", self.image.name))?;
        Ok(inside.denied(&self.image.deny))
    }
}
