//! An image against the last release: what grew in many steps, each within what one may grow. Pure.

use super::Growth;
use super::lock::{Comparison, GrowthVerdict, LockedImage, SizesLock, compare};

/// What the lock file said at the last release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastRelease {
    /// The tag, and the lock file there.
    Tagged(String, SizesLock),
    /// No release has a lock file yet.
    None,
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// An image's growth since the last release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// Since this tag.
    Since(String, Box<Comparison>),
    /// No release has the image, so that it cannot have grown since.
    New,
    /// It was not compared, for this reason.
    NotChecked(String),
}

impl Drift {
    /// Compares an image's own bytes with those at the last release, as [`compare`] does with the lock.
    pub fn of(now: LockedImage, release: &LastRelease, growth: Growth, is_as_set: bool) -> Self {
        match release {
            LastRelease::Unknown(reason) => Self::NotChecked(reason.clone()),
            LastRelease::Tagged(tag, lock) if lock.image(&now.name, &now.platform).is_some() => {
                Self::Since(tag.clone(), Box::new(compare(now, lock, Some(growth), is_as_set)))
            }
            LastRelease::Tagged(..) | LastRelease::None => Self::New,
        }
    }

    /// Whether what is inside the image may say more of it.
    pub fn needs_toolchain(&self) -> bool {
        matches!(self, Self::Since(_, comparison) if comparison.needs_toolchain())
    }

    /// Whether it grew by more than it may.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Since(_, comparison) if comparison.verdict == GrowthVerdict::Over)
    }

    /// Whether it was not compared: nobody knows the release, or that is for another engine.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Since(_, comparison) => comparison.verdict == GrowthVerdict::OtherEngine,
            Self::NotChecked(_) => true,
            Self::New => false,
        }
    }

    /// Whether it is a no. What was not checked must not be released.
    pub fn has_failed(&self, is_release: bool) -> bool {
        self.is_over() || is_release && self.is_unknown()
    }
}

/// Whether a tag names a version, as `v1.2.3`, `1.2`, `worker/v1.2` and `worker-v1.2` do; others, as `nightly`, move
/// with every commit or mean something else.
pub fn is_version(tag: &str) -> bool {
    let begins_with_digit = |word: &str| word.starts_with(|character: char| character.is_ascii_digit());
    let last = tag.rsplit(['/', '@']).next().unwrap_or(tag);
    let is_version = |word: &str| word.strip_prefix('v').is_some_and(begins_with_digit);
    begins_with_digit(last) || last.split(['-', '_']).any(is_version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::ByteSize;

    fn worker(own: u64) -> LockedImage {
        LockedImage {
            name: "worker".into(),
            platform: "linux/amd64".into(),
            unpacked: own,
            own,
            transfer: None,
            compressor: None,
            base: "scratch".into(),
            base_layers: String::new(),
            toolchain: "golang:1.26-trixie".into(),
            compiler: None,
            toolchain_bytes: None,
            flags: None,
        }
    }

    #[test]
    fn small_growth_adds_up_to_too_much() {
        let growth = Growth { bytes: Some(ByteSize(100)), percent_millionths: None };
        let release = LastRelease::Tagged("v1.0.0".into(), SizesLock::new(vec![worker(1_000)]));
        let drift = |own, is_as_set| Drift::of(worker(own), &release, growth, is_as_set);
        assert!(!drift(1_100, true).has_failed(true) && drift(1_101, true).has_failed(false));
        assert!(matches!(drift(1_101, true), Drift::Since(tag, _) if tag == "v1.0.0"));
        let other = drift(1, false);
        assert!(other.has_failed(true) && !other.has_failed(false), "the lock is for another engine");
    }

    #[test]
    fn what_no_release_has_is_new_and_what_is_not_known_is_no_pass() {
        let growth = Growth { bytes: Some(ByteSize(1)), percent_millionths: None };
        let drift = |release: &LastRelease| Drift::of(worker(1_000), release, growth, true);
        for release in [LastRelease::None, LastRelease::Tagged("v1".into(), SizesLock::default())] {
            assert_eq!(drift(&release), Drift::New);
            assert!(!drift(&release).has_failed(true));
        }
        let unknown = drift(&LastRelease::Unknown("the clone is shallow".into()));
        assert!(unknown.has_failed(true) && !unknown.has_failed(false));
    }

    #[test]
    fn versions_are_told_from_other_tags() {
        for version in ["v1.2.3", "1.2", "2026.11", "worker/v1.2", "xtask-v0.1.0-rc.1", "@team/worker@1.0.0", "a_v1"] {
            assert!(is_version(version), "{version}");
        }
        for other in ["nightly", "latest", "nightly-2026-11-26", "v", "vnext", "dev2", "v1/nightly", "", "/"] {
            assert!(!is_version(other), "{other}");
        }
    }
}
