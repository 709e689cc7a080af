//! What is said of an image against the lock file.

use super::{ImageReport, signed};
use crate::budget::lock::{Comparison, GrowthVerdict, LOCK_FILE};
use crate::budget::release::Drift;
use crate::budget::{ByteSize, pair};

impl ImageReport {
    /// Whether what is inside the image may say more of its growth.
    pub fn needs_toolchain(&self) -> bool {
        self.growth.needs_toolchain() || self.drift.as_ref().is_some_and(Drift::needs_toolchain)
    }

    /// The change of the own bytes against the lock: `+1.20 kB`, or `-` where it does not know the image.
    pub(super) fn growth(&self) -> String {
        self.growth.own_difference().map_or_else(|| "-".to_owned(), signed)
    }

    /// The sentence for an image that grew too much, or may have.
    pub(super) fn growth_complaint(&self, is_release: bool) -> Option<String> {
        let growth = Some(&self.growth).filter(|growth| growth.has_failed(is_release))?;
        let image = self.image();
        match (growth.verdict, &growth.locked, growth.own_limit) {
            (GrowthVerdict::Over, Some(locked), Some(limit)) => {
                let (is, may_be) = pair(ByteSize(growth.now.own), ByteSize(limit));
                let (by, toolchain) = (grown(growth), toolchain(growth));
                Some(format!(
                    "{image} grew by {by}: {is} own, {may_be} allowed after {} in {LOCK_FILE}{toolchain}; `cargo xtask \
                     sizes update` accepts it",
                    ByteSize(locked.own)
                ))
            }
            (GrowthVerdict::NotLocked, ..) => {
                Some(format!("{image} is not in {LOCK_FILE}, and `growth` is set; `cargo xtask sizes update` adds it"))
            }
            (GrowthVerdict::OtherEngine, ..) => {
                Some(format!("{image}: growth not checked: {}", self.other_engine(growth, LOCK_FILE)))
            }
            _ => None,
        }
    }

    /// The sentence for an image that grew too much since the last release, or may have.
    pub(super) fn drift_complaint(&self, is_release: bool) -> Option<String> {
        let image = self.image();
        match self.drift.as_ref().filter(|drift| drift.has_failed(is_release))? {
            drift if drift.is_unknown() => self.not_checked(drift),
            Drift::Since(tag, comparison) => {
                let (released, limit) = (comparison.locked.as_ref()?.own, comparison.own_limit?);
                let (is, may_be) = pair(ByteSize(comparison.now.own), ByteSize(limit));
                let (by, toolchain) = (grown(comparison), toolchain(comparison));
                let grounds = comparison.other_grounds();
                let grounds = if grounds.is_empty() { String::new() } else { format!("; {}", grounds.join(", ")) };
                let released = ByteSize(released);
                Some(format!(
                    "{image} grew by {by} since {tag}: {is} own, {may_be} allowed after {released} there{toolchain}{grounds}"
                ))
            }
            Drift::New | Drift::NotChecked(_) => None,
        }
    }

    /// That its growth since the last release is not known, where that is no complaint.
    pub(super) fn drift_note(&self, is_release: bool) -> Option<String> {
        self.not_checked(self.drift.as_ref().filter(|drift| !drift.has_failed(is_release))?)
    }

    /// What else there is to say: other grounds than the lock's, and what was won.
    pub(super) fn growth_notes(&self, is_release: bool) -> Vec<String> {
        let growth = &self.growth;
        let image = self.image();
        let (Some(locked), Some(own), Some(base)) = (&growth.locked, growth.own_difference(), growth.base_difference())
        else {
            return Vec::new();
        };
        let mut notes = Vec::new();
        if growth.verdict == GrowthVerdict::OtherEngine && !growth.has_failed(is_release) {
            notes.push(format!("{image}: growth not checked: {}", self.other_engine(growth, LOCK_FILE)));
        }
        let grounds = growth.other_grounds();
        if !grounds.is_empty() {
            let toolchain = growth.toolchain_difference();
            let transfer = growth.transfer_difference().filter(|difference| *difference != 0);
            let transfer = transfer.map(|difference| format!(", transfer {}", signed(difference)));
            notes.push(format!(
                "{image}: {}: against {LOCK_FILE} base {}{}, own {}{}",
                grounds.join(", "),
                signed(base),
                toolchain.map(|difference| format!(", toolchain {}", signed(difference))).unwrap_or_default(),
                signed(own - toolchain.unwrap_or_default()),
                transfer.unwrap_or_default()
            ));
        }
        if growth.now.own < locked.own && growth.verdict != GrowthVerdict::OtherEngine {
            let slack = ByteSize(locked.own - growth.now.own);
            notes.push(format!(
                "{image} is {slack} smaller than in {LOCK_FILE}; `cargo xtask sizes update --tighten` keeps it so"
            ));
        }
        notes
    }

    /// That its growth since the last release is not known, where it is not.
    fn not_checked(&self, drift: &Drift) -> Option<String> {
        let reason = match drift {
            Drift::NotChecked(reason) => reason.clone(),
            Drift::Since(tag, comparison) if drift.is_unknown() => {
                self.other_engine(comparison, &format!("{LOCK_FILE} of {tag}"))
            }
            Drift::Since(..) | Drift::New => return None,
        };
        Some(format!("{}: its growth since the last release was not checked: {reason}", self.image()))
    }

    /// Why the sizes of a lock say nothing of it.
    fn other_engine(&self, comparison: &Comparison, lock: &str) -> String {
        let (now, locked) = (&comparison.now, comparison.locked.as_ref());
        let base = locked.map_or(&self.set_base, |locked| &locked.base);
        let toolchain = locked.map_or(&now.toolchain, |locked| &locked.toolchain);
        match () {
            () if now.base != *base => format!("this run used the base `{}`; {lock} is for `{base}`", now.base),
            () if now.toolchain != *toolchain => {
                format!("this run used the toolchain `{}`; {lock} is for `{toolchain}`", now.toolchain)
            }
            () => format!("{lock} is for the engine that the settings name, and another one built it"),
        }
    }

    /// Name and platform, which the lock tells apart.
    fn image(&self) -> String {
        format!("{} {}", self.size.name, self.size.platform)
    }
}

/// By how much an image grew, without what another toolchain brought.
fn grown(comparison: &Comparison) -> ByteSize {
    let grown = comparison.own_difference().unwrap_or_default() - comparison.toolchain_difference().unwrap_or_default();
    ByteSize(u64::try_from(grown.max(0)).unwrap_or(u64::MAX))
}

/// What another toolchain brought, for the end of a sentence.
fn toolchain(comparison: &Comparison) -> String {
    comparison
        .toolchain_difference()
        .map_or_else(String::new, |bytes| format!(" and {} of the toolchain", signed(bytes)))
}
