//! What is said of an image and of a node against their budgets.

use super::{ImageReport, Report};
use crate::budget::{ByteSize, Judged, JudgedNode, Measure, Verdict, pair};

/// How much is shown of a digest, `sha256:` included.
const SHOWN_DIGEST: usize = 19;

/// Sizes of an image as a table shows them.
pub(super) struct Cells {
    pub(super) unpacked: String,
    pub(super) own: String,
    pub(super) transfer: String,
    pub(super) budget: String,
    pub(super) headroom: String,
}

impl ImageReport {
    /// Whether it is a no; of a release, also where a size was not checked.
    pub(super) fn has_failed(&self, is_release: bool) -> bool {
        let has_drifted = self.drift.as_ref().is_some_and(|drift| drift.has_failed(is_release));
        self.verdict.has_failed(is_release)
            || self.is_kept_back
            || self.growth.has_failed(is_release)
            || has_drifted
            || self.denied.has_failed()
    }

    /// The sizes, and of its budgets the one with the least left; what that is compared with is told apart from it.
    pub(super) fn cells(&self) -> Cells {
        let size = &self.size;
        let estimate = if size.transfer.how.is_exact() { "" } else { "~" };
        let mut cells = Cells {
            unpacked: ByteSize(size.unpacked.bytes).to_string(),
            own: ByteSize(size.own.bytes).to_string(),
            transfer: ByteSize(size.transfer.bytes).to_string(),
            budget: "none".to_owned(),
            headroom: "-".to_owned(),
        };
        if let Some(tightest) = self.tightest() {
            let (bytes, budget) = tightest.sizes();
            cells.budget = match &tightest.measure {
                Measure::Unpacked => budget,
                other => format!("{budget} {other}"),
            };
            match tightest.measure {
                Measure::Unpacked => cells.unpacked = bytes,
                Measure::Own => cells.own = bytes,
                Measure::Transfer => cells.transfer = bytes,
                Measure::Binary(_) => {}
            }
            cells.headroom = tightest.headroom();
        }
        cells.transfer.insert_str(0, estimate);
        cells
    }

    /// The worst of its budgets, and of those that are as bad, the one that is used up most.
    fn tightest(&self) -> Option<&Judged> {
        let used = |judged: &Judged| {
            let (bytes, _) = judged.bytes.unwrap_or_default();
            u128::from(bytes) * 1_000_000_000 / u128::from(judged.budget.0)
        };
        // Of equals the first.
        self.budgets.iter().rev().max_by_key(|judged| (judged.verdict, used(judged)))
    }

    /// The sentences for its budgets that are a no.
    pub(super) fn budget_complaints(&self, is_release: bool) -> impl Iterator<Item = String> {
        let name = &self.size.name;
        let is_missing = self.verdict == Verdict::MissingBudget;
        let missing = is_missing.then(|| format!("{name} has no budget, and `require-budget` is set"));
        let failed = self.budgets.iter().filter(move |judged| judged.verdict.has_failed(is_release));
        let kept_back = self.is_kept_back.then(|| {
            if self.base == self.set_base {
                return format!("{name} is built by another engine than the one that the key `engine` names");
            }
            format!("{name} stands on the base `{}`, and the settings push it on `{}`", self.base, self.set_base)
        });
        missing.into_iter().chain(failed.map(move |judged| judged.sentence(name))).chain(kept_back)
    }

    /// The last part of its base's name, which tells bases apart in a table: `static-debian13:nonroot`.
    pub(super) fn short_base(&self) -> String {
        let name = self.base.rsplit('/').next().unwrap_or(&self.base);
        let Some((name, digest)) = name.split_once('@') else { return name.to_owned() };
        format!("{name}@{}", digest.chars().take(SHOWN_DIGEST).collect::<String>())
    }

    /// The sentences for its budgets that are worth a word.
    pub(super) fn budget_notes(&self, is_release: bool) -> impl Iterator<Item = String> {
        let is_note = |judged: &&Judged| matches!(judged.verdict, Verdict::Close | Verdict::NotChecked);
        let notes = self.budgets.iter().filter(is_note).filter(move |judged| !judged.verdict.has_failed(is_release));
        notes.map(|judged| judged.sentence(&self.size.name))
    }
}

impl Judged {
    /// The bytes and the budget, told apart where they differ: `8.0001 MB`, `8.0000 MB`.
    fn sizes(&self) -> (String, String) {
        let budget = || self.budget.to_string();
        self.bytes.map_or_else(|| ("-".to_owned(), budget()), |(bytes, _)| pair(ByteSize(bytes), self.budget))
    }

    /// What is left of the budget, or how much is too much: `3.2 MB`, `-1.1 MB`.
    fn headroom(&self) -> String {
        match self.bytes {
            Some((bytes, _)) => headroom(bytes, self.budget),
            None => "-".to_owned(),
        }
    }

    fn sentence(&self, name: &str) -> String {
        let (is, may_be) = self.sizes();
        let bytes = self.bytes.map_or(0, |(bytes, _)| bytes);
        let path = &self.measure;
        let what = match &self.measure {
            Measure::Unpacked => "unpacked".to_owned(),
            Measure::Own => "own".to_owned(),
            Measure::Transfer => "to transfer".to_owned(),
            Measure::Binary(path) => format!("of {path}"),
        };
        match self.verdict {
            Verdict::Close => format!(
                "{name} is close to its budget, {} left: {is} {what}, {may_be} allowed",
                headroom(bytes, self.budget)
            ),
            Verdict::NotChecked => {
                format!("{name} was not checked: ~{is} {what} is an estimate, {may_be} allowed")
            }
            Verdict::NotThere => format!("{name} has a budget of {may_be} for {path}, and no such file"),
            _ => {
                let by = ByteSize(bytes.saturating_sub(self.budget.0));
                format!("{name} is over its budget by {by}: {is} {what}, {may_be} allowed")
            }
        }
    }
}

impl JudgedNode {
    /// The bytes and the budget, told apart where they differ.
    pub(super) fn sizes(&self) -> (String, String) {
        let (is, may_be) = pair(ByteSize(self.bytes), self.budget);
        let at_least = if self.missing.is_empty() { "" } else { "≥" };
        (format!("{at_least}{is}"), may_be)
    }

    /// What is left of the budget, or how much is too much.
    pub(super) fn headroom(&self) -> String {
        match self.verdict {
            Verdict::NotChecked => "-".to_owned(),
            _ => headroom(self.bytes, self.budget),
        }
    }

    /// The sentence for a node that is a no or worth a word.
    fn sentence(&self) -> Option<String> {
        let (is, may_be) = self.sizes();
        let node = format!("the node {} {}", self.name, self.platform);
        match self.verdict {
            Verdict::Over => {
                let by = ByteSize(self.bytes - self.budget.0);
                Some(format!("{node} is over its budget by {by}: {is} unpacked, {may_be} allowed"))
            }
            Verdict::Close => Some(format!(
                "{node} is close to its budget, {} left: {is} unpacked, {may_be} allowed",
                self.headroom()
            )),
            Verdict::NotChecked => {
                Some(format!("{node} was not checked: the sizes of {} are not known", self.missing.join(", ")))
            }
            _ => None,
        }
    }
}

impl Report {
    /// What the budgets say of the images and the nodes.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let nodes = self.nodes.iter().map(|node| node.verdict);
        self.images.iter().map(|image| image.verdict).chain(nodes)
    }

    /// The sentences for nodes that are a no.
    pub(super) fn node_complaints(&self) -> impl Iterator<Item = String> {
        self.nodes.iter().filter(|node| node.verdict.has_failed(self.is_release)).filter_map(JudgedNode::sentence)
    }

    /// The sentences for nodes that are worth a word.
    pub(super) fn node_notes(&self) -> impl Iterator<Item = String> {
        self.nodes.iter().filter(|node| !node.verdict.has_failed(self.is_release)).filter_map(JudgedNode::sentence)
    }
}

fn headroom(bytes: u64, budget: ByteSize) -> String {
    if bytes <= budget.0 { ByteSize(budget.0 - bytes).to_string() } else { format!("-{}", ByteSize(bytes - budget.0)) }
}
