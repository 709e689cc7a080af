//! Which toolchain image a service is built with.

pub(super) mod go;

/// The Rust release taken where a repository asks for no newer one.
const DEFAULT_RUST: Version = Version { minor: 95, patch: None };
/// The first release whose official images stand on Debian 13.
const RUST_ON_TRIXIE: u32 = 89;

/// A release `1.minor` or `1.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    minor: u32,
    patch: Option<u32>,
}

impl Version {
    /// Reads `1.26`, `1.26.3`, `go1.26.3`; release candidates and the like count as their release's beginning.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim_start_matches("go").strip_prefix("1.")?.splitn(2, '.');
        let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next().and_then(|part| part.parse().ok());
        Some(Self { minor: number(parts.next()?)?, patch: parts.next().and_then(number) })
    }

    fn tag(self) -> String {
        match self.patch {
            Some(patch) => format!("1.{}.{patch}", self.minor),
            None => format!("1.{}", self.minor),
        }
    }
}

/// The official image of a workspace's Rust release: that of its toolchain file, else the newer of its rust-version
/// and the default.
pub(super) fn rust_image(channel: Option<&str>, rust_version: Option<&str>) -> String {
    if channel.is_some_and(|channel| channel.starts_with("nightly")) {
        return "rustlang/rust:nightly-trixie-slim".to_owned();
    }
    let chosen = channel.and_then(Version::parse);
    let least = rust_version.and_then(Version::parse).map(|version| Version { patch: None, ..version });
    let version = chosen.unwrap_or_else(|| least.map_or(DEFAULT_RUST, |least| least.max(DEFAULT_RUST)));
    let debian = if version.minor >= RUST_ON_TRIXIE { "trixie" } else { "bookworm" };
    format!("rust:{}-slim-{debian}", version.tag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_file_chooses_the_rust_image() {
        assert_eq!(rust_image(Some("1.95.0"), None), "rust:1.95.0-slim-trixie");
        assert_eq!(rust_image(Some("1.75"), Some("1.70")), "rust:1.75-slim-bookworm");
        assert_eq!(rust_image(Some("stable"), Some("1.97")), "rust:1.97-slim-trixie");
        assert_eq!(rust_image(None, Some("1.80.1")), "rust:1.95-slim-trixie");
        assert_eq!(rust_image(Some("nightly-2026-01-01"), None), "rustlang/rust:nightly-trixie-slim");
    }
}
