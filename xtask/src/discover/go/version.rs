//! The versions of Go and of modules, in their order.

use std::cmp::Ordering;
use std::fmt;

/// A Go version such as `1.21`, `1.22rc1` or `1.26.3`, ordered as Go orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoVersion {
    major: u32,
    minor: u32,
    /// Since 1.21 the bare `1.N` comes before its release candidates.
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Any release of the language version, as `1.26`.
    Language,
    Beta(u32),
    Candidate(u32),
    Release(u32),
}

impl GoVersion {
    /// The language version `1.minor`.
    pub const fn release(minor: u32) -> Self {
        Self { major: 1, minor, stage: Stage::Language }
    }

    /// Reads what a `go` line may say; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = number(text)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let stage = match rest.strip_prefix('.') {
            Some(patch) => {
                let (patch, rest) = number(patch)?;
                (rest.is_empty() || is_suffix(rest)).then_some(Stage::Release(patch))?
            }
            None if rest.is_empty() && major == 1 && minor < 21 => Stage::Release(0),
            None if rest.is_empty() => Stage::Language,
            None if !is_suffix(rest) => return None,
            None => {
                let count = rest.trim_start_matches(|c: char| c.is_ascii_lowercase()).parse().unwrap_or(0);
                if rest.starts_with("rc") { Stage::Candidate(count) } else { Stage::Beta(count) }
            }
        };
        (major > 0).then_some(Self { major, minor, stage })
    }

    /// Reads what a `toolchain` line may say, as `go1.26.3`; `None` for `default` and anything else. What follows a hyphen
    /// is a name for a build of that version.
    pub fn parse_toolchain(name: &str) -> Option<Self> {
        let version = name.strip_prefix("go")?;
        Self::parse(version.split_once('-').map_or(version, |(version, _)| version))
    }

    /// N in `1.N`.
    pub fn minor(self) -> u32 {
        self.minor
    }

    /// Whether it was published before its release, for trying out.
    pub fn is_pre_release(self) -> bool {
        matches!(self.stage, Stage::Beta(_) | Stage::Candidate(_))
    }
}

impl fmt::Display for GoVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, stage } = self;
        match stage {
            Stage::Beta(number) => write!(formatter, "{major}.{minor}beta{number}"),
            Stage::Candidate(number) => write!(formatter, "{major}.{minor}rc{number}"),
            // The first release of a line had no third number before 1.21.
            Stage::Release(0) if *minor < 21 => write!(formatter, "{major}.{minor}"),
            Stage::Release(patch) => write!(formatter, "{major}.{minor}.{patch}"),
            Stage::Language => write!(formatter, "{major}.{minor}"),
        }
    }
}

/// A number without leading zeros, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.len() > 1 && digits.starts_with('0') { None } else { Some((digits.parse().ok()?, rest)) }
}

/// Letters, then digits: `rc1`.
fn is_suffix(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_lowercase());
    digits.len() < text.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a module version is written as Go writes it: `v1.2.3`, `v1.2.3-pre`, `v2.0.0+incompatible`.
pub(super) fn is_canonical(version: &str) -> bool {
    let base = version.strip_suffix("+incompatible").unwrap_or(version);
    let (numbers, pre_release) = split(base);
    let is_complete = numbers.is_some() && !base.contains('+');
    let is_identifier = |part: &str| {
        let is_word = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_number = part.bytes().all(|b| b.is_ascii_digit());
        is_word && !(is_number && part.len() > 1 && part.starts_with('0'))
    };
    is_complete && pre_release.is_none_or(|parts| parts.split('.').all(is_identifier))
}

/// The major version of a canonical module version.
pub(super) fn major(version: &str) -> Option<u64> {
    split(version).0.map(|numbers| numbers[0])
}

/// Compares two module versions by their precedence; what is no version comes first.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a_numbers, a_pre) = split(a);
    let (b_numbers, b_pre) = split(b);
    a_numbers.cmp(&b_numbers).then_with(|| match (a_pre, b_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_pre_releases(a, b),
    })
}

fn compare_pre_releases(a: &str, b: &str) -> Ordering {
    let mut a = a.split('.');
    let mut b = b.split('.');
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The three numbers and the pre-release of a version.
fn split(version: &str) -> (Option<[u64; 3]>, Option<&str>) {
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (numbers, pre_release) = match version.split_once('-') {
        Some((numbers, pre_release)) => (numbers, Some(pre_release)),
        None => (version, None),
    };
    let parse = || {
        let mut parts = numbers.strip_prefix('v')?.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            (is_number && (part.len() == 1 || !part.starts_with('0'))).then(|| part.parse::<u64>().ok())?
        });
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(numbers)
    };
    (parse(), pre_release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_ordered_as_go_orders_them() {
        let ascending = ["1.2", "1.14", "1.20rc1", "1.20", "1.21", "1.21beta1", "1.21rc2", "1.21.0", "1.21.10", "1.22"];
        let parsed: Vec<_> = ascending.iter().map(|text| GoVersion::parse(text).expect(text)).collect();
        assert!(parsed.is_sorted_by(|a, b| a < b), "{parsed:?}");
        assert_eq!(GoVersion::parse("1.20"), GoVersion::parse("1.20.0"));
        assert!(parsed.iter().map(ToString::to_string).eq(ascending), "{parsed:?}");
        for wrong in ["", "1", "1.", "go1.21", "v1.21", "1.021", "1.21.x", "1.21-rc1", "0.1", "1.2.3.4", "1.21rc"] {
            assert_eq!(GoVersion::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn module_versions_are_ordered_by_precedence() {
        let ascending = [
            "master",
            "v0.0.0-20200101000000-abcdefabcdef",
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-alpha.beta",
            "v1.0.0-rc.2",
            "v1.0.0-rc.11",
            "v1.0.0",
            "v1.2.0",
            "v1.10.0",
            "v2.0.0+incompatible",
        ];
        assert!(ascending.is_sorted_by(|a, b| compare(a, b) == Ordering::Less));
    }

    #[test]
    fn only_whole_versions_are_canonical() {
        for version in ["v1.2.3", "v0.0.0", "v1.2.3-rc.1", "v2.0.0+incompatible", "v0.0.0-20200101000000-abcdefabcdef"]
        {
            assert!(is_canonical(version), "{version}");
        }
        for version in ["", "v1", "v1.2", "1.2.3", "v1.2.3+meta", "v01.2.3", "v1.2.3-", "v1.2.3-01", "latest"] {
            assert!(!is_canonical(version), "{version}");
        }
    }
}
