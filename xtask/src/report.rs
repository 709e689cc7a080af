//! What a run found, for people and for programs. Pure.

mod explanation;
mod growth;
mod json;
mod markdown;
mod rebuilds;
mod text;

use crate::budget::lock::{Comparison, GrowthVerdict};
use crate::budget::{ByteSize, Verdict, pair};
use crate::engine::BuildFailure;
use crate::explain::Denied;
use crate::measure::ImageSize;
use crate::rebuild::Rebuild;

pub use explanation::{changes, explanation};
pub use json::json;
pub use markdown::markdown;
pub use text::text;

/// What a run found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The images that were built, sorted by name and platform.
    pub images: Vec<ImageReport>,
    /// The images that were not.
    pub failures: Vec<BuildFailure>,
    /// The images that are of no use, since their binaries would not start.
    pub misfits: Vec<BuildFailure>,
    /// The images that were built and should have been pushed, and were not.
    pub unpushed: Vec<BuildFailure>,
    /// What was built again, and why, where that was asked for; sorted by image.
    pub rebuilds: Option<Vec<Rebuild>>,
}

/// What a run found of one image for one platform.
#[derive(Debug, Clone)]
pub struct ImageReport {
    /// Its sizes.
    pub size: ImageSize,
    /// Its references.
    pub references: Vec<String>,
    /// Whether the references are in their registry.
    pub pushed: bool,
    /// Its budget, of unpacked bytes.
    pub budget: Option<ByteSize>,
    /// Whether it keeps its budget.
    pub verdict: Verdict,
    /// The base that it stands on.
    pub base: String,
    /// The unpacked bytes of the run before, where there was one on this machine.
    pub previous: Option<u64>,
    /// The image against the lock file.
    pub growth: Comparison,
    /// What must not be in the image, and is.
    pub denied: Denied,
}

impl Report {
    /// The images that stop a release, sorted.
    pub fn failed(&self) -> impl Iterator<Item = &ImageReport> {
        self.images.iter().filter(|image| image.has_failed())
    }

    /// The images that would start, sorted.
    pub fn sound(&self) -> impl Iterator<Item = &ImageReport> {
        let is_misfit =
            |image: &&ImageReport| self.misfits.iter().any(|misfit| misfit.names.contains(&image.size.name));
        self.images.iter().filter(move |image| !is_misfit(image))
    }

    /// One line: how many images were built, and what is wrong with them.
    pub fn summary(&self) -> String {
        let mut parts = vec![counted(self.images.len(), "image")];
        let over = self.images.iter().filter(|image| image.verdict == Verdict::Over).count();
        let missing = self.images.iter().filter(|image| image.verdict == Verdict::MissingBudget).count();
        let other_base = self.images.iter().filter(|image| image.verdict == Verdict::OtherBase).count();
        let growth = |verdict| self.images.iter().filter(|image| image.growth.verdict == verdict).count();
        let denied = self.images.iter().filter(|image| image.denied.has_failed()).count();
        let unbudgeted = self.images.iter().filter(|image| image.verdict == Verdict::NoBudget).count();
        let count = |failures: &[BuildFailure]| failures.iter().map(|failure| failure.names.len()).sum();
        for (count, words) in [
            (count(&self.failures), "not built"),
            (count(&self.misfits), "that would not start"),
            (count(&self.unpushed), "not pushed"),
            (over, "over budget"),
            (growth(GrowthVerdict::Over), "grown by more than allowed"),
            (growth(GrowthVerdict::NotLocked), "not in the lock file"),
            (growth(GrowthVerdict::OtherEngine), "not compared with the lock file"),
            (denied, "with what must not be inside"),
            (missing, "without the budget that is required"),
            (other_base, "on another base than its budget is for"),
            (unbudgeted, "without a budget"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {words}"));
            }
        }
        if parts.len() == 1 && !self.images.is_empty() {
            parts.push("all within budget".to_owned());
        }
        parts.join(", ")
    }

    /// The images that no budget was compared with since it is for another base, and their bases.
    pub fn on_other_bases(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.images.iter().filter(|image| image.verdict == Verdict::OtherBase);
        others.map(|image| (image.size.name.as_str(), image.base.as_str()))
    }

    /// Whether the lock file knows any of the images.
    fn has_lock(&self) -> bool {
        self.images.iter().any(|image| image.growth.locked.is_some())
    }

    fn has_several_platforms(&self) -> bool {
        self.images.windows(2).any(|pair| pair[0].size.platform != pair[1].size.platform)
    }
}

impl ImageReport {
    /// Whether it stops a release.
    fn has_failed(&self) -> bool {
        self.verdict.has_failed() || self.growth.verdict.has_failed() || self.denied.has_failed()
    }

    /// What is left of the budget, or how much is too much: `3.2 MB`, `-1.1 MB`.
    fn headroom(&self) -> String {
        let unpacked = self.size.unpacked.bytes;
        match self.budget.filter(|_| self.verdict != Verdict::OtherBase) {
            Some(budget) if unpacked <= budget.0 => ByteSize(budget.0 - unpacked).to_string(),
            Some(budget) => format!("-{}", ByteSize(unpacked - budget.0)),
            None => "-".to_owned(),
        }
    }

    /// The change since the run before: `+1.2 kB`, `0 B`, or nothing where it is not known.
    fn change(&self) -> String {
        let now = self.size.unpacked.bytes;
        match self.previous {
            Some(before) if now > before => format!("+{}", ByteSize(now - before)),
            Some(before) if now < before => format!("-{}", ByteSize(before - now)),
            Some(_) => "0 B".to_owned(),
            None => "-".to_owned(),
        }
    }

    /// The unpacked size and the budget, told apart where they differ: `8.0001 MB`, `8.0000 MB`.
    fn size_and_budget(&self) -> (String, String) {
        let unpacked = ByteSize(self.size.unpacked.bytes);
        self.budget.map_or_else(|| (unpacked.to_string(), "none".to_owned()), |budget| pair(unpacked, budget))
    }

    /// The sentences for an image that stops a release.
    fn complaints(&self) -> Vec<String> {
        self.budget_complaint().into_iter().chain(self.growth_complaint()).chain(self.denied_complaints()).collect()
    }

    fn denied_complaints(&self) -> impl Iterator<Item = String> {
        let name = &self.size.name;
        let found = self.denied.found.iter();
        let found = found.map(move |what| format!("{name} holds {what}, which its `deny` names"));
        let unreadable = self.denied.unreadable.iter();
        let unreadable = unreadable
            .map(move |path| format!("{name} may hold what its `deny` names: {path} does not tell what it is made of"));
        found.chain(unreadable)
    }

    fn budget_complaint(&self) -> Option<String> {
        let name = &self.size.name;
        match (self.verdict, self.budget) {
            (Verdict::Over, Some(budget)) => {
                let unpacked = ByteSize(self.size.unpacked.bytes);
                let (is, may_be) = self.size_and_budget();
                let by = ByteSize(unpacked.0 - budget.0);
                Some(format!("{name} is over its budget by {by}: {is} unpacked, {may_be} allowed"))
            }
            (Verdict::MissingBudget, _) => Some(format!("{name} has no budget, and `require-budget` is set")),
            _ => None,
        }
    }
}

/// A document as a program reads it and a person still can, with a final line end.
pub fn to_json(document: &impl serde::Serialize) -> String {
    // Of our own documents, made of strings and numbers, none can fail to serialise.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::lock::{LockedImage, SizesLock, compare};
    use crate::budget::{Growth, judge};
    use crate::measure::{FileSize, How, ImageLayer, Layer, Measured};

    fn image(name: &str, own: u64, budget: Option<u64>, previous: Option<u64>) -> ImageReport {
        let layer = |diff_id: &str, created_by: &str, own: bool, unpacked: u64, file: &str| ImageLayer {
            diff_id: diff_id.into(),
            created_by: created_by.into(),
            own,
            contents: Layer {
                unpacked,
                compressed: unpacked / 2,
                largest_files: vec![FileSize { bytes: unpacked - 512, path: file.into() }],
            },
        };
        let unpacked = own + 1_000_000;
        let growth = compare(locked(name, own), &SizesLock::default(), None, true);
        let budget = budget.map(ByteSize);
        ImageReport {
            size: ImageSize {
                name: name.into(),
                platform: "linux/amd64".into(),
                digest: None,
                config_digest: "sha256:c0".into(),
                unpacked: Measured { bytes: unpacked, how: How::Layers },
                transfer: Measured { bytes: unpacked / 2, how: How::Compressed },
                own: Measured { bytes: own, how: How::Layers },
                layers: vec![
                    layer("sha256:a", "distroless", false, 1_000_000, "/etc/ssl/certs/ca-certificates.crt"),
                    layer("sha256:b", "COPY /out/ / # buildkit", true, own, "/worker"),
                ],
            },
            references: vec![format!("{name}:latest")],
            pushed: false,
            budget,
            verdict: judge(unpacked, budget, false),
            base: "distroless".into(),
            previous,
            growth,
            denied: Denied::default(),
        }
    }

    fn locked(name: &str, own: u64) -> LockedImage {
        LockedImage {
            name: name.into(),
            platform: "linux/amd64".into(),
            unpacked: own + 1_000_000,
            own,
            transfer: None,
            base: "distroless".into(),
            base_layers: "sha256:a".into(),
            toolchain: "golang:1.26-trixie".into(),
        }
    }

    /// One image for each thing that the lock file can say; they may grow by 1 kB.
    fn report_with_lock() -> Report {
        let growth = Growth { bytes: Some(ByteSize(1_000)), percent_millionths: None };
        let on_smaller_base = LockedImage {
            base_layers: "sha256:0".into(),
            unpacked: 1_500_000,
            toolchain: "golang:1.25-trixie".into(),
            ..locked("on-larger-base", 700_000)
        };
        let lock = SizesLock::new(vec![
            locked("as-before", 2_000_000),
            locked("grown", 3_000_000),
            locked("shrunk", 4_000_000),
            on_smaller_base,
        ]);
        let images = [
            ("as-before", 2_000_000),
            ("grown", 3_001_001),
            ("new", 100_000),
            ("on-larger-base", 700_512),
            ("shrunk", 3_000_000),
        ];
        let images = images.map(|(name, own)| ImageReport {
            growth: compare(locked(name, own), &lock, Some(growth), true),
            ..image(name, own, Some(6_000_000), None)
        });
        Report { images: images.into(), ..Report::default() }
    }

    fn report() -> Report {
        Report {
            images: vec![
                image("server", 9_000_000, Some(12_000_000), Some(9_990_000)),
                image("tool", 500_000, None, None),
                image("worker", 7_000_123, Some(8_000_000), Some(8_000_123)),
            ],
            failures: vec![BuildFailure {
                names: vec!["gateway".into()],
                text: "gateway failed at build\n  its log:".into(),
                hint: "mend it".into(),
            }],
            ..Report::default()
        }
    }

    #[test]
    fn the_report_as_text() {
        insta::assert_snapshot!(text(&report()));
    }

    #[test]
    fn the_report_as_markdown() {
        insta::assert_snapshot!(markdown(&report()));
    }

    #[test]
    fn the_report_as_json() {
        insta::assert_snapshot!(json(&report()));
    }

    #[test]
    fn the_lock_file_in_every_form() {
        let report = report_with_lock();
        assert_eq!(report.summary(), "5 images, 1 grown by more than allowed, 1 not in the lock file");
        let failed: Vec<_> = report.failed().map(|image| image.size.name.as_str()).collect();
        assert_eq!(failed, ["grown", "new"]);
        insta::assert_snapshot!("the_lock_as_text", text(&report));
        insta::assert_snapshot!("the_lock_as_markdown", markdown(&report));
        let json: serde_json::Value = serde_json::from_str(&json(&report)).expect("parses");
        let growth: Vec<_> =
            json["images"].as_array().expect("is a list").iter().map(|image| &image["growth"]).collect();
        insta::assert_snapshot!("the_lock_as_json", to_json(&growth));
    }

    #[test]
    fn a_clean_run_says_so() {
        let report = Report { images: vec![image("server", 9_000_000, Some(12_000_000), None)], ..Report::default() };
        assert_eq!(report.summary(), "1 image, all within budget");
    }
}
