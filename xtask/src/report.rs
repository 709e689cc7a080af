//! What a run found, for people and for programs. Pure.

mod budget;
mod explanation;
mod growth;
mod history;
mod html;
mod json;
mod markdown;
mod rebuilds;
mod text;

use std::collections::BTreeMap;

use crate::budget::lock::{Comparison, GrowthVerdict};
use crate::budget::release::Drift;
use crate::budget::{ByteSize, Judged, JudgedNode, Verdict};
use crate::engine::BuildFailure;
use crate::explain::Denied;
use crate::measure::ImageSize;
use crate::rebuild::Rebuild;
use crate::registry::TagState;

pub use explanation::{changes, explanation, imports, in_the_large};
pub use history::{history, history_json};
pub use html::{Difference, Page, html};
pub use json::{NotBuilt, json};
pub use markdown::{MARKER, Place, markdown};
pub use text::text;

/// What a run found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The images that were built, sorted by name and platform.
    pub images: Vec<ImageReport>,
    /// The services that could not be planned, or that what builds cannot build.
    pub refused: Vec<BuildFailure>,
    /// The images that were not.
    pub failures: Vec<BuildFailure>,
    /// The images that are of no use, since their binaries would not start.
    pub misfits: Vec<BuildFailure>,
    /// The nodes with a budget that hold any of the images, sorted by name and platform.
    pub nodes: Vec<JudgedNode>,
    /// Whether what was not checked is a no.
    pub is_release: bool,
    /// The images that were built and should have been pushed, and were not.
    pub unpushed: Vec<BuildFailure>,
    /// What the registry says of the tags of images whose push failed, by their references.
    pub tags: BTreeMap<String, TagState>,
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
    /// What it may weigh, and whether it does.
    pub budgets: Vec<Judged>,
    /// Whether it keeps its budgets.
    pub verdict: Verdict,
    /// The base that it stands on.
    pub base: String,
    /// The base that it would stand on if the engine that the settings name had built it.
    pub set_base: String,
    /// Whether it was to be pushed, and another engine built it than the one that the settings name; where they name none,
    /// whether it has a limit and stands on another base than a builder's.
    pub is_kept_back: bool,
    /// The unpacked bytes of the run before, where there was one on this machine.
    pub previous: Option<u64>,
    /// The image against the lock file.
    pub growth: Comparison,
    /// The image against the last release, where the settings limit its growth since.
    pub drift: Option<Drift>,
    /// What must not be in the image, and is.
    pub denied: Denied,
}

impl Report {
    /// The images that are a no, sorted.
    pub fn failed(&self) -> impl Iterator<Item = &ImageReport> {
        self.images.iter().filter(|image| image.has_failed(self.is_release))
    }

    /// Whether an image or a node is a no.
    pub fn has_failed(&self) -> bool {
        self.failed().next().is_some() || self.node_complaints().next().is_some()
    }

    /// The images that there are none of: the services that cannot be planned, then those that failed to build.
    pub fn not_built(&self) -> impl Iterator<Item = &BuildFailure> {
        self.refused.iter().chain(&self.failures)
    }

    /// The images that would start, sorted.
    pub fn sound(&self) -> impl Iterator<Item = &ImageReport> {
        let is_misfit =
            |image: &&ImageReport| self.misfits.iter().any(|misfit| misfit.names.contains(&image.size.name));
        self.images.iter().filter(move |image| !is_misfit(image))
    }

    /// A line for each tag of images whose push failed, with what the registry says of it.
    pub fn tag_lines(&self) -> impl Iterator<Item = String> {
        self.tags.iter().map(|(reference, state)| match state {
            TagState::Pushed => format!("{reference}: pushed"),
            TagState::OtherImage => format!("{reference}: in the registry, but another image"),
            TagState::Absent => format!("{reference}: not in the registry"),
            TagState::Unknown(reason) => format!("{reference}: not known whether it was pushed: {reason}"),
        })
    }

    /// One line: how many images were built, and what is wrong with them.
    pub fn summary(&self) -> String {
        let mut parts = vec![counted(self.images.len(), "image")];
        let verdict = |verdict| self.images.iter().filter(|image| image.verdict == verdict).count();
        let over_nodes = self.nodes.iter().filter(|node| node.verdict == Verdict::Over).count();
        let growth = |verdict| self.images.iter().filter(|image| image.growth.verdict == verdict).count();
        let drifts = || self.images.iter().filter_map(|image| image.drift.as_ref());
        let drift = |is_so: &dyn Fn(&Drift) -> bool| drifts().filter(|drift| is_so(drift)).count();
        let denied = self.images.iter().filter(|image| image.denied.has_failed()).count();
        let count = |failures: &[BuildFailure]| failures.iter().map(|failure| failure.names.len()).sum();
        for (count, words) in [
            (self.not_built().map(|failure| failure.names.len()).sum(), "not built"),
            (count(&self.misfits), "that would not start"),
            (count(&self.unpushed), "not pushed"),
            (verdict(Verdict::Over), "over budget"),
            (over_nodes, if over_nodes == 1 { "node over budget" } else { "nodes over budget" }),
            (verdict(Verdict::NotThere), "without a binary that has a budget"),
            (self.not_checked(), "not checked"),
            (growth(GrowthVerdict::Over), "grown by more than allowed"),
            (growth(GrowthVerdict::NotLocked), "not in the lock file"),
            (growth(GrowthVerdict::OtherEngine), "not compared with the lock file"),
            (drift(&Drift::is_over), "grown by more than allowed since the last release"),
            (drift(&Drift::is_unknown), "not compared with the last release"),
            (denied, "with what must not be inside"),
            (verdict(Verdict::MissingBudget), "without the budget that is required"),
            (self.kept_back().count(), "built by another engine than the one to push"),
            (verdict(Verdict::NoBudget), "without a budget"),
            (self.verdicts().filter(|verdict| *verdict == Verdict::Close).count(), "close to the budget"),
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

    /// The images that are not pushed since the settings push what another engine builds.
    pub fn kept_back(&self) -> impl Iterator<Item = &ImageReport> {
        self.images.iter().filter(|image| image.is_kept_back)
    }

    /// How many images and nodes have a budget that was not compared, since the size is not known exactly.
    fn not_checked(&self) -> usize {
        let images =
            self.images.iter().filter(|image| image.budgets.iter().any(|judged| judged.verdict == Verdict::NotChecked));
        images.count() + self.nodes.iter().filter(|node| node.verdict == Verdict::NotChecked).count()
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

    /// The sentences for an image that is a no.
    fn complaints(&self, is_release: bool) -> Vec<String> {
        let budgets = self.budget_complaints(is_release);
        let growth = self.growth_complaint(is_release).into_iter().chain(self.drift_complaint(is_release));
        budgets.chain(growth).chain(self.denied_complaints()).collect()
    }

    /// What else there is to say of it.
    fn notes(&self, is_release: bool) -> impl Iterator<Item = String> {
        self.budget_notes(is_release).chain(self.growth_notes(is_release)).chain(self.drift_note(is_release))
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
}

/// A document as a program reads it and a person still can, with a final line end.
pub fn to_json(document: &impl serde::Serialize) -> String {
    // Of our own documents, made of strings and numbers, none can fail to serialise.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

/// A difference with its sign, as `+1.20 kB`.
fn signed(difference: i128) -> String {
    let bytes = ByteSize(u64::try_from(difference.unsigned_abs()).unwrap_or(u64::MAX));
    match difference {
        0 => bytes.to_string(),
        1.. => format!("+{bytes}"),
        _ => format!("-{bytes}"),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::lock::{LockedImage, SizesLock, compare};
    use crate::budget::{Growth, Limits, Node, judge, judge_nodes, verdict};
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
        let size = ImageSize {
            name: name.into(),
            platform: "linux/amd64".into(),
            digest: None,
            config_digest: "sha256:c0".into(),
            unpacked: Measured { bytes: unpacked, how: How::Layers },
            transfer: Measured { bytes: unpacked / 2, how: How::Compressed },
            compressor: None,
            own: Measured { bytes: own, how: How::Layers },
            layers: vec![
                layer("sha256:a", "distroless", false, 1_000_000, "/etc/ssl/certs/ca-certificates.crt"),
                layer("sha256:b", "COPY /out/ / # buildkit", true, own, "/worker"),
            ],
        };
        let limits = Limits { unpacked: budget.map(ByteSize), ..Limits::default() };
        let budgets = judge(&size, &["worker".to_owned()], limits, None);
        ImageReport {
            size,
            references: vec![format!("{name}:latest")],
            pushed: false,
            verdict: verdict(&budgets, false),
            budgets,
            base: "distroless".into(),
            set_base: "distroless".into(),
            is_kept_back: false,
            previous,
            growth,
            drift: None,
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
            compressor: None,
            base: "distroless".into(),
            base_layers: "sha256:a".into(),
            toolchain: "golang:1.26-trixie".into(),
            compiler: None,
            toolchain_bytes: None,
            flags: Some("-trimpath".into()),
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
        insta::assert_snapshot!(markdown(&report(), Place::Comment));
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
        insta::assert_snapshot!("the_lock_as_markdown", markdown(&report, Place::Summary));
        let json: serde_json::Value = serde_json::from_str(&json(&report)).expect("parses");
        let growth: Vec<_> =
            json["images"].as_array().expect("is a list").iter().map(|image| &image["growth"]).collect();
        insta::assert_snapshot!("the_lock_as_json", to_json(&growth));
    }

    /// An image for each thing that budgets of several measures can say, and the nodes that hold them.
    fn report_with_budgets(is_release: bool) -> Report {
        let size = |bytes| Some(ByteSize(bytes));
        let none = Limits::default();
        let limits = [
            ("binary", Limits { unpacked: size(9_000_000), binary: size(1_999_487), ..none }),
            ("close", Limits { own: size(2_000_001), unpacked: size(9_000_000), ..none }),
            ("gone", Limits { binary: size(2_000_000), ..none }),
            ("transfer", Limits { transfer: size(1_500_000), unpacked: size(3_000_000), ..none }),
        ];
        let images = limits.map(|(name, limits)| {
            let mut image = image(name, 2_000_000, None, None);
            let bin = if name == "gone" { "gone" } else { "worker" };
            image.budgets = judge(&image.size, &[bin.to_owned()], limits, "95%".parse().ok());
            ImageReport { verdict: verdict(&image.budgets, false), ..image }
        });
        let node = |names: &[&str], budget| Node {
            images: names.iter().map(|name| (*name).to_owned()).collect(),
            budget: ByteSize(budget),
        };
        let nodes = [
            ("edge", node(&["binary", "close", "elsewhere"], 9_000_000)),
            ("hub", node(&["binary", "close", "gone"], 2_999_999)),
        ];
        let nodes = nodes.map(|(name, node)| (name.to_owned(), node)).into();
        let sizes: Vec<_> = images.iter().map(|image| &image.size).collect();
        let nodes = judge_nodes(&nodes, &sizes, None);
        Report { images: images.into(), nodes, is_release, ..Report::default() }
    }

    #[test]
    fn budgets_of_every_measure_in_every_form() {
        let report = report_with_budgets(false);
        let failed = |report: &Report| report.failed().map(|image| image.size.name.clone()).collect::<Vec<_>>();
        assert_eq!(failed(&report), ["binary", "gone"]);
        assert_eq!(failed(&report_with_budgets(true)), ["binary", "gone", "transfer"]);
        insta::assert_snapshot!("budgets_as_text", text(&report));
        insta::assert_snapshot!("budgets_as_text_of_a_release", text(&report_with_budgets(true)));
        insta::assert_snapshot!("budgets_as_markdown", markdown(&report, Place::Summary));
        let json: serde_json::Value = serde_json::from_str(&json(&report)).expect("parses");
        let images = json["images"].as_array().expect("is a list").iter();
        let budgets: Vec<_> = images.map(|image| (&image["verdict"], &image["budgets"])).collect();
        insta::assert_snapshot!("budgets_as_json", to_json(&(budgets, &json["nodes"])));
    }

    #[test]
    fn what_github_would_not_take_is_cut_behind_the_failures() {
        let mut report = report();
        report.failures[0].text = format!("first\n{}last", "ä".repeat(100_000));
        let passing = (0..2_000).map(|number| image(&format!("image-{number:04}"), 9_000_000, Some(12_000_000), None));
        report.images.extend(passing);
        let text = markdown(&report, Place::Comment);
        assert!(text.len() <= 65_536, "{}", text.len());
        assert!(text.contains("| ❌ | `worker` |") && text.contains("last\n```\n") && !text.contains("first"));
        assert!(text.contains("`image-0000`") && !text.contains("`image-1999`"));
        assert!(text.ends_with(" more lines, which the command's own output has\n"), "{}", &text[text.len() - 200..]);
        report.images.iter_mut().for_each(|image| image.verdict = Verdict::MissingBudget);
        let failed = image("image-9999", 9_000_000, Some(12_000_000), None);
        report.images.push(failed);
        for text in [text, markdown(&report, Place::Comment)] {
            assert!(text.len() <= 65_536 && text.starts_with(MARKER));
            assert_eq!((text.matches("<details>").count(), text.matches("</details>").count()), (1, 1));
        }
    }

    #[test]
    fn a_summary_may_be_longer_than_a_comment() {
        let mut report = report();
        report.images =
            (0..2_000).map(|number| image(&format!("image-{number:04}"), 9_000_000, Some(12_000_000), None)).collect();
        let text = markdown(&report, Place::Summary);
        assert!(text.starts_with("### Images: ") && text.contains("`image-1999`"));
        report.images = report.images.iter().cycle().take(20_000).cloned().collect();
        let text = markdown(&report, Place::Summary);
        assert!((1_040_000..=1_048_576).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn what_a_build_wrote_cannot_end_its_fence() {
        let mut report = report();
        report.failures[0].text = "```\n````\n# mine".into();
        let text = markdown(&report, Place::Comment);
        assert!(text.contains("\n`````text\n```\n````\n# mine\n`````\n"), "{text}");
    }

    #[test]
    fn a_clean_run_says_so() {
        let report = Report { images: vec![image("server", 9_000_000, Some(12_000_000), None)], ..Report::default() };
        assert_eq!(report.summary(), "1 image, all within budget");
    }
}
