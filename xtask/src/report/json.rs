//! The report for programs. Numbers are exact bytes.

use serde::Serialize;

use super::{ImageReport, Report, to_json};
use crate::budget::lock::{Comparison, GrowthVerdict};
use crate::budget::release::Drift;
use crate::budget::{Judged, JudgedNode, Measure, Verdict};
use crate::engine::BuildFailure;
use crate::rebuild::Rebuild;
use crate::registry::TagState;

/// The form of the document; a key that changes its meaning raises it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    images: Vec<Image<'a>>,
    nodes: Vec<Node<'a>>,
    failures: Vec<NotBuilt<'a>>,
    /// Only after a push that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilds: Option<&'a [Rebuild]>,
}

#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    platform: &'a str,
    digest: Option<&'a str>,
    unpacked_bytes: u64,
    transfer_bytes: u64,
    own_bytes: u64,
    budget_bytes: Option<u64>,
    budgets: Vec<Budget<'a>>,
    verdict: Verdict,
    base: &'a str,
    previous_bytes: Option<u64>,
    growth: Option<Growth>,
    since_release: Option<SinceRelease<'a>>,
    denied: &'a [String],
    unreadable: &'a [String],
    unpacked_how: String,
    transfer_how: String,
    own_how: String,
    config_digest: &'a str,
    references: &'a [String],
    pushed: bool,
}

/// One of the budgets of an image.
#[derive(Serialize)]
struct Budget<'a> {
    #[serde(flatten)]
    measure: &'a Measure,
    bytes: Option<u64>,
    budget_bytes: u64,
    warn_from_bytes: Option<u64>,
    verdict: Verdict,
}

/// The images of a node, layers that several of them have counted once.
#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    platform: &'a str,
    images: &'a [String],
    missing: &'a [String],
    unpacked_bytes: u64,
    shared_bytes: u64,
    budget_bytes: u64,
    warn_from_bytes: Option<u64>,
    verdict: Verdict,
}

/// Against the lock file; no such object where it says nothing of the image, and nothing asks for it.
#[derive(Serialize)]
struct Growth {
    verdict: GrowthVerdict,
    locked_unpacked_bytes: Option<u64>,
    locked_own_bytes: Option<u64>,
    own_limit_bytes: Option<u64>,
    toolchain_difference: Option<i128>,
    other_grounds: Vec<String>,
}

/// Against the lock file at the last release, where the settings limit the growth since.
#[derive(Serialize)]
struct SinceRelease<'a> {
    /// That of `growth`, or `new` where no release has the image, or `not-checked`.
    verdict: serde_json::Value,
    tag: Option<&'a str>,
    released_own_bytes: Option<u64>,
    own_limit_bytes: Option<u64>,
    toolchain_difference: Option<i128>,
    other_grounds: Vec<String>,
    reason: Option<&'a str>,
}

/// A tag of an image whose push failed, as the registry has it.
#[derive(Serialize)]
struct Tag<'a> {
    reference: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Images that were not built, and why.
#[derive(Debug, Serialize)]
pub struct NotBuilt<'a> {
    names: &'a [String],
    text: &'a str,
    hint: &'a str,
}

impl<'a> NotBuilt<'a> {
    /// The failure, for a program.
    pub fn of(failure: &'a BuildFailure) -> Self {
        Self { names: &failure.names, text: &failure.text, hint: &failure.hint }
    }
}

/// `{"version", "images": […], "nodes": […], "failures": […]}`, where it was asked for with `"rebuilds": […]`, and with a
/// final line end.
pub fn json(report: &Report) -> String {
    let document = Document {
        version: VERSION,
        images: report.images.iter().map(image).collect(),
        nodes: report.nodes.iter().map(node).collect(),
        failures: report.not_built().chain(&report.misfits).chain(&report.unpushed).map(NotBuilt::of).collect(),
        tags: report.tags.iter().map(|(reference, state)| tag(reference, state)).collect(),
        rebuilds: report.rebuilds.as_deref(),
    };
    to_json(&document)
}

fn tag<'a>(reference: &'a str, state: &'a TagState) -> Tag<'a> {
    let (state, reason) = match state {
        TagState::Pushed => ("pushed", None),
        TagState::OtherImage => ("other-image", None),
        TagState::Absent => ("absent", None),
        TagState::Unknown(reason) => ("unknown", Some(reason.as_str())),
    };
    Tag { reference, state, reason }
}

fn image(report: &ImageReport) -> Image<'_> {
    let size = &report.size;
    Image {
        name: &size.name,
        platform: &size.platform,
        digest: size.digest.as_deref(),
        unpacked_bytes: size.unpacked.bytes,
        transfer_bytes: size.transfer.bytes,
        own_bytes: size.own.bytes,
        budget_bytes: report
            .budgets
            .iter()
            .find(|judged| judged.measure == Measure::Unpacked)
            .map(|judged| judged.budget.0),
        budgets: report.budgets.iter().map(budget).collect(),
        verdict: report.verdict,
        base: &report.base,
        previous_bytes: report.previous,
        growth: growth(&report.growth),
        since_release: report.drift.as_ref().map(since_release),
        denied: &report.denied.found,
        unreadable: &report.denied.unreadable,
        unpacked_how: size.unpacked.how.to_string(),
        transfer_how: size.transfer.how.to_string(),
        own_how: size.own.how.to_string(),
        config_digest: &size.config_digest,
        references: &report.references,
        pushed: report.pushed,
    }
}

fn budget(judged: &Judged) -> Budget<'_> {
    Budget {
        measure: &judged.measure,
        bytes: judged.bytes.map(|(bytes, _)| bytes),
        budget_bytes: judged.budget.0,
        warn_from_bytes: judged.warn_from,
        verdict: judged.verdict,
    }
}

fn node(node: &JudgedNode) -> Node<'_> {
    Node {
        name: &node.name,
        platform: &node.platform,
        images: &node.images,
        missing: &node.missing,
        unpacked_bytes: node.bytes,
        shared_bytes: node.bytes_apart - node.bytes,
        budget_bytes: node.budget.0,
        warn_from_bytes: node.warn_from,
        verdict: node.verdict,
    }
}

fn since_release(drift: &Drift) -> SinceRelease<'_> {
    let none = SinceRelease {
        verdict: "new".into(),
        tag: None,
        released_own_bytes: None,
        own_limit_bytes: None,
        toolchain_difference: None,
        other_grounds: Vec::new(),
        reason: None,
    };
    match drift {
        Drift::New => none,
        Drift::NotChecked(reason) => SinceRelease { verdict: "not-checked".into(), reason: Some(reason), ..none },
        Drift::Since(tag, comparison) => SinceRelease {
            verdict: serde_json::json!(comparison.verdict),
            tag: Some(tag),
            released_own_bytes: comparison.locked.as_ref().map(|locked| locked.own),
            own_limit_bytes: comparison.own_limit,
            toolchain_difference: comparison.toolchain_difference(),
            other_grounds: comparison.other_grounds(),
            reason: None,
        },
    }
}

fn growth(comparison: &Comparison) -> Option<Growth> {
    let locked = comparison.locked.as_ref();
    (locked.is_some() || comparison.verdict != GrowthVerdict::NoLimit).then(|| Growth {
        verdict: comparison.verdict,
        locked_unpacked_bytes: locked.map(|locked| locked.unpacked),
        locked_own_bytes: locked.map(|locked| locked.own),
        own_limit_bytes: comparison.own_limit,
        toolchain_difference: comparison.toolchain_difference(),
        other_grounds: comparison.other_grounds(),
    })
}
