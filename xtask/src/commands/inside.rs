//! What is in images: looked at where their service has `deny`, or the toolchain's part has to be known.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::explain::{Denied, Explanation, Inside};
use crate::plan::ImagePlan;
use crate::report::ImageReport;

/// What is in images: by the keys of their sizes, then by platform.
pub(super) type SeenImages = BTreeMap<String, BTreeMap<String, Inside>>;

/// An image that can be looked into: what an earlier run saw in the image with this key, else what `explain` says.
pub(super) struct Look<'a, Explain> {
    pub(super) image: &'a ImagePlan,
    pub(super) key: String,
    pub(super) explain: Explain,
}

impl<Explain: Fn() -> Result<Vec<Explanation>>> Look<'_, Explain> {
    /// What is in the image for a platform. It is kept in `seen`.
    pub(super) fn inside<'seen>(&self, platform: &str, seen: &'seen mut SeenImages) -> Result<&'seen Inside> {
        if !seen.contains_key(&self.key) {
            let bins = &self.image.container.bins;
            let inside = |explanation: &Explanation| (explanation.platform().to_owned(), Inside::of(explanation, bins));
            seen.insert(self.key.clone(), (self.explain)()?.iter().map(inside).collect());
        }
        let inside = seen.get(&self.key).and_then(|by_platform| by_platform.get(platform));
        inside.with_context(|| format!("the image of {} for {platform} is gone", self.image.name))
    }

    /// Judges the image for a platform, with all that has to be known of what is inside.
    pub(super) fn judge(
        &self,
        platform: &str,
        seen: &mut SeenImages,
        judge: impl Fn(Option<&Inside>) -> Result<ImageReport>,
    ) -> Result<ImageReport> {
        let mut report = judge(None)?;
        if report.needs_toolchain() {
            report = judge(Some(self.inside(platform, seen)?))?;
        }
        let deny = &self.image.deny;
        let denied = if deny.is_empty() { Denied::default() } else { self.inside(platform, seen)?.denied(deny) };
        Ok(ImageReport { denied, ..report })
    }
}
