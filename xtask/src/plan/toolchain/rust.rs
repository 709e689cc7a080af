//! The Rust toolchain that a service is built with: the one of its toolchain file, as rustup reads that.

use anyhow::Result;
use serde::Serialize;

use crate::discover::rust::ToolchainFile;
use crate::error::Error;

/// The release taken where a repository asks for no newer one.
const DEFAULT: Version = Version { minor: 95, patch: None };

/// The first release whose official images stand on Debian 13.
const ON_TRIXIE: u32 = 89;

/// The official image of the newest nightly.
const NIGHTLY: &str = "rustlang/rust:nightly-trixie-slim";

/// Components that every toolchain has, or that no build reads.
const NOT_INSTALLED: [&str; 10] =
    ["cargo", "clippy", "miri", "rls", "rust-analysis", "rust-analyzer", "rust-docs", "rust-std", "rustc", "rustfmt"];

/// Parts of targets that nothing in a Linux image is made of: what they are for is a release, not this build.
const OTHER_SYSTEMS: [&str; 8] =
    ["-android", "-apple-", "-freebsd", "-fuchsia", "-illumos", "-netbsd", "-solaris", "-windows-"];

/// What a toolchain file asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RustToolchain {
    /// The channel, without the machine's name, e.g. `1.95.0` or `nightly-2026-01-15`.
    pub channel: Option<String>,
    /// Whether the builder's image is of another channel, so that a build stage installs this one.
    pub is_installed: bool,
    /// Components that the stage installs, sorted.
    pub components: Vec<String>,
    /// Targets that it installs, sorted.
    pub targets: Vec<String>,
}

/// A channel, as rustup names it.
#[derive(Debug, PartialEq, Eq)]
enum Channel {
    /// A release, the newest `stable` among them, which official images have.
    Release(Option<Version>),
    /// Today's nightly.
    Nightly,
    /// What no official image has, and rustup can install.
    Other,
}

/// A release `1.minor` or `1.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    minor: u32,
    patch: Option<u32>,
}

impl RustToolchain {
    /// Whether the channel has what is not stable.
    pub(in crate::plan) fn is_nightly(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.starts_with("nightly"))
    }

    /// Whether the stage that brings the compiler has more to do than to start from its image.
    pub(crate) fn needs_rustup(&self) -> bool {
        self.is_installed || !self.components.is_empty() || !self.targets.is_empty()
    }
}

/// The official image for a toolchain file and the `rust-version` of the packages that are compiled, with what is to be
/// installed in it. `key` is the setting that chooses another image, with its place.
///
/// # Errors
/// A file that rustup would refuse, or that names what it cannot install.
pub(in crate::plan) fn choose<'a>(
    file: Option<&ToolchainFile>,
    rust_versions: impl Iterator<Item = &'a str>,
    key: &str,
) -> Result<(String, RustToolchain)> {
    let least = rust_versions.filter_map(Version::parse).map(|version| Version { patch: None, ..version }).max();
    let default = least.map_or(DEFAULT, |least| least.max(DEFAULT));
    let Some(file) = file else { return Ok((default.image(), RustToolchain::default())) };
    let refused = |what: String| Error::usage(format!("{}: {what}", file.file)).hint(format!("fix it, or set {key}"));
    if let Some(fault) = &file.fault {
        return Err(refused(fault.clone()).into());
    }
    if let Some(path) = &file.path {
        return Err(refused(format!("the toolchain in `{path}` is of one machine, and no builder has it")).into());
    }
    let words = || file.components.iter().chain(&file.targets);
    if let Some(word) = words().find(|word| !is_word(word)) {
        return Err(refused(format!("`{word}` is no component or target that rustup knows")).into());
    }
    let is_needed = |component: &&String| !NOT_INSTALLED.contains(&component.trim_end_matches("-preview"));
    let is_built = |target: &&String| {
        !OTHER_SYSTEMS.iter().any(|system| target.contains(system)) && !target.ends_with("64-unknown-linux-gnu")
    };
    let mut toolchain = RustToolchain {
        components: super::super::sorted(Some(&file.components.iter().filter(is_needed).cloned().collect::<Vec<_>>())),
        targets: super::super::sorted(Some(&file.targets.iter().filter(is_built).cloned().collect::<Vec<_>>())),
        ..RustToolchain::default()
    };
    let Some(text) = file.channel.as_deref() else { return Ok((default.image(), toolchain)) };
    let Some((name, channel)) = read(text) else {
        return Err(
            refused(format!("the toolchain `{text}` is no channel of Rust's that a builder can install")).into()
        );
    };
    toolchain.channel = Some(name.to_owned());
    toolchain.is_installed = channel == Channel::Other;
    let image = match channel {
        Channel::Release(version) => version.unwrap_or(default).image(),
        Channel::Nightly => NIGHTLY.to_owned(),
        Channel::Other => default.image(),
    };
    Ok((image, toolchain))
}

/// A channel without the name of the machine that it is for, which has to be one that runs Linux.
fn read(text: &str) -> Option<(&str, Channel)> {
    let words: Vec<_> = text.split('-').collect();
    let pre_release = usize::from(matches!(words.get(1), Some(word) if is_beta(word) && words[0].starts_with("1.")));
    let date = words.get(1 + pre_release..4 + pre_release).filter(|date| is_date(date));
    let length = 1 + pre_release + date.map_or(0, <[_]>::len);
    let machine = words.get(length..).unwrap_or_default();
    if !machine.is_empty() && !machine.contains(&"linux") {
        return None;
    }
    let name = &text[..words.iter().take(length).map(|word| word.len() + 1).sum::<usize>() - 1];
    let channel = match (words[0], length) {
        ("stable", 1) => Channel::Release(None),
        ("nightly", 1) => Channel::Nightly,
        ("stable" | "beta" | "nightly", _) => Channel::Other,
        (version, 1) => Channel::Release(Some(Version::exactly(version)?)),
        (version, _) => Version::exactly(version).map(|_| Channel::Other)?,
    };
    Some((name, channel))
}

/// `beta` or `beta.3`.
fn is_beta(word: &str) -> bool {
    let number = word.strip_prefix("beta").map(|rest| rest.strip_prefix('.').unwrap_or(rest));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The parts of `2026-01-15`.
fn is_date(parts: &[&str]) -> bool {
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character))
}

impl Version {
    /// Reads `1.85`, `1.85.1`; what comes behind a number does not count.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("1.")?.splitn(2, '.');
        let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next().and_then(|part| part.parse().ok());
        Some(Self { minor: number(parts.next()?)?, patch: parts.next().and_then(number) })
    }

    /// The same of a text that is nothing else.
    fn exactly(text: &str) -> Option<Self> {
        Self::parse(text).filter(|version| version.tag() == text)
    }

    fn tag(self) -> String {
        match self.patch {
            Some(patch) => format!("1.{}.{patch}", self.minor),
            None => format!("1.{}", self.minor),
        }
    }

    fn image(self) -> String {
        let debian = if self.minor >= ON_TRIXIE { "trixie" } else { "bookworm" };
        format!("rust:{}-slim-{debian}", self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    fn file(channel: Option<&str>) -> ToolchainFile {
        ToolchainFile {
            file: "rust-toolchain.toml".into(),
            channel: channel.map(str::to_owned),
            ..ToolchainFile::default()
        }
    }

    fn chosen(channel: Option<&str>, rust_versions: &[&str]) -> String {
        let file = channel.map(|channel| file(Some(channel)));
        match choose(file.as_ref(), rust_versions.iter().copied(), "`builder`") {
            Ok((image, RustToolchain { channel: Some(channel), is_installed: true, .. })) => {
                format!("{image} with {channel}")
            }
            Ok((image, _)) => image,
            Err(error) => describe(&error),
        }
    }

    #[test]
    fn a_release_has_an_image_and_other_channels_are_installed_by_their_names() {
        for (channel, image) in [
            ("1.95.0", "rust:1.95.0-slim-trixie"),
            ("1.75", "rust:1.75-slim-bookworm"),
            ("1.90.0-x86_64-unknown-linux-gnu", "rust:1.90.0-slim-trixie"),
            ("stable", "rust:1.95-slim-trixie"),
            ("stable-aarch64-unknown-linux-gnu", "rust:1.95-slim-trixie"),
            ("nightly", "rustlang/rust:nightly-trixie-slim"),
            ("nightly-2026-01-15", "rust:1.95-slim-trixie with nightly-2026-01-15"),
            ("nightly-2026-01-15-x86_64-unknown-linux-gnu", "rust:1.95-slim-trixie with nightly-2026-01-15"),
            ("stable-2025-05-15", "rust:1.95-slim-trixie with stable-2025-05-15"),
            ("beta", "rust:1.95-slim-trixie with beta"),
            ("beta-2026-01-15", "rust:1.95-slim-trixie with beta-2026-01-15"),
            ("1.97.0-beta.3", "rust:1.95-slim-trixie with 1.97.0-beta.3"),
        ] {
            assert_eq!(chosen(Some(channel), &[]), image, "{channel}");
        }
        for channel in ["esp", "stable-x86_64-pc-windows-msvc", "nightly-2026-1-15", "1.75.x", "1.75; rm", "2.0", ""] {
            let expected = format!(
                "error: rust-toolchain.toml: the toolchain `{channel}` is no channel of Rust's that a builder can install\n\
                 hint: fix it, or set `builder`"
            );
            assert_eq!(chosen(Some(channel), &[]), expected);
        }
    }

    #[test]
    fn without_a_channel_the_newest_rust_version_counts() {
        assert_eq!(chosen(None, &["1.80.1"]), "rust:1.95-slim-trixie");
        assert_eq!(chosen(None, &["1.80", "1.98.1", "1.97"]), "rust:1.98-slim-trixie");
        assert_eq!(chosen(Some("stable"), &["1.97"]), "rust:1.97-slim-trixie");
        assert_eq!(chosen(Some("1.75"), &["1.97"]), "rust:1.75-slim-bookworm");
    }

    #[test]
    fn components_and_targets_that_a_build_can_need_are_installed() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let file = ToolchainFile {
            components: words(&["rustfmt", "clippy", "rust-src", "llvm-tools-preview"]),
            targets: words(&["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown", "aarch64-apple-darwin"]),
            ..file(Some("1.95.0"))
        };
        let (_, toolchain) = choose(Some(&file), [].into_iter(), "`builder`").expect("is a release");
        assert_eq!(toolchain.components, ["llvm-tools-preview", "rust-src"]);
        assert_eq!(toolchain.targets, ["wasm32-unknown-unknown"]);
        let file = ToolchainFile { targets: words(&["x; reboot"]), ..file };
        assert!(choose(Some(&file), [].into_iter(), "`builder`").is_err());
    }
}
