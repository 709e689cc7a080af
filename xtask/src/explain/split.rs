//! A difference in the large: the base's, the toolchain's and the own part of it, and what differs beside the sources.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{BuildInfo, Explanation, How, Kind, Part};

/// The crates that come with rustc, without those of others that its standard library is made of: a service may have them
/// too.
const CRATES: [&str; 8] =
    ["alloc", "compiler_builtins", "core", "panic_abort", "panic_unwind", "std", "std_detect", "unwind"];

/// The bytes of a binary or an image that its toolchain brings: of Go's runtime and standard library, of Rust's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Toolchain {
    /// So many.
    pub bytes: u64,
    /// How they are known.
    pub how: How,
}

/// A difference divided: the three add up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Split {
    /// Of the base's layers.
    pub base: i128,
    /// Of the toolchain; nothing where one side does not tell it from the rest.
    pub toolchain: Option<i128>,
    /// How the toolchain's is known.
    pub toolchain_how: Option<How>,
    /// The rest.
    pub own: i128,
}

/// The toolchain's part of what is not the base's; `None` where a binary does not tell.
pub(super) fn toolchain(whole: &Part, nameless: &BTreeMap<String, u64>) -> Option<Toolchain> {
    let mut found = None;
    if nameless.is_empty() {
        add(whole, &mut found);
    }
    found
}

fn add(part: &Part, found: &mut Option<Toolchain>) {
    if is_of_toolchain(part) {
        let before = found.unwrap_or(Toolchain { bytes: 0, how: How::Exact });
        *found = Some(Toolchain { bytes: before.bytes + part.bytes, how: before.how.max(part.how) });
    } else if part.kind != Kind::Base {
        part.parts.iter().for_each(|inner| add(inner, found));
    }
}

fn is_of_toolchain(part: &Part) -> bool {
    match part.kind {
        Kind::Module => part.name == super::go::STANDARD,
        Kind::Crate => CRATES.contains(&part.name.as_str()),
        _ => false,
    }
}

/// Gives the toolchain's crates the version of rustc.
pub(super) fn name_crates(parts: &mut [Part], version: &str) {
    for part in parts {
        if part.kind == Kind::Crate && is_of_toolchain(part) {
            part.version = Some(version.to_owned());
        }
        name_crates(&mut part.parts, version);
    }
}

/// Divides the difference of two explanations.
pub fn split(before: &Explanation, after: &Explanation) -> Split {
    let base = |explanation: &Explanation| {
        let parts = explanation.whole.parts.iter().filter(|part| part.kind == Kind::Base);
        parts.map(|part| i128::from(part.bytes)).sum::<i128>()
    };
    let base = base(after) - base(before);
    let both = before.toolchain.zip(after.toolchain);
    let toolchain = both.map(|(before, after)| i128::from(after.bytes) - i128::from(before.bytes));
    let whole = i128::from(after.whole.bytes) - i128::from(before.whole.bytes);
    Split {
        base,
        toolchain,
        toolchain_how: both.map(|(before, after)| before.how.max(after.how)),
        own: whole - base - toolchain.unwrap_or_default(),
    }
}

/// What differs beside the sources: compilers, and the settings of Go's builds, each as `x instead of y`.
pub fn other_grounds(before: &Explanation, after: &Explanation) -> Vec<String> {
    let mut grounds = Vec::new();
    if let (Some(old), Some(new)) = (before.compiler(), after.compiler())
        && old != new
    {
        grounds.push(format!("compiler {new} instead of {old}"));
    }
    for (name, old, new) in same_binaries(before, after) {
        let keys: BTreeSet<_> = old.settings.keys().chain(new.settings.keys()).collect();
        // The others say where the sources are from, or follow from the version of Go.
        for key in keys.into_iter().filter(|key| ["-", "CGO_", "GO"].iter().any(|start| key.starts_with(start))) {
            let of = |build: &BuildInfo| build.settings.get(key).map_or("none", String::as_str).to_owned();
            let (old, new) = (of(old), of(new));
            if old != new {
                grounds.push(format!("{key} {new} instead of {old} in {name}"));
            }
        }
    }
    grounds
}

/// The builds of the same binary: of the same name, or the only one of each.
fn same_binaries<'a>(
    before: &'a Explanation,
    after: &'a Explanation,
) -> impl Iterator<Item = (&'a str, &'a BuildInfo, &'a BuildInfo)> {
    let only =
        |explanation: &'a Explanation| explanation.builds.values().next().filter(|_| explanation.builds.len() == 1);
    let is_alone = after.builds.len() == 1;
    after.builds.iter().filter_map(move |(name, new)| {
        let old = before.builds.get(name).or_else(|| only(before).filter(|_| is_alone))?;
        Some((name.as_str(), old, new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image(base: u64, std: u64, module: u64, native: u64) -> Explanation {
        let leaf = |kind, name: &str, bytes| Part::leaf(kind, name, bytes, How::Pclntab);
        let text = vec![
            leaf(Kind::Module, "std", std),
            leaf(Kind::Module, "example.com/std", module),
            leaf(Kind::Native, "native code", native),
        ];
        let file =
            Part::sum(Kind::File, "/worker", How::Exact, vec![Part::sum(Kind::Section, ".text", How::Exact, text)]);
        // A base may have programs of its own.
        let base = Part::sum(Kind::Base, "base", How::Exact, vec![leaf(Kind::Module, "std", base)]);
        let own = Part::sum(Kind::Own, "own", How::Exact, vec![file]);
        let explanation =
            Explanation::of_part(Part::sum(Kind::Image, "worker linux/amd64", How::Exact, vec![base, own]));
        Explanation { toolchain: toolchain(&explanation.whole, &BTreeMap::new()), ..explanation }
    }

    fn build(explanation: Explanation, go: &str, flags: &str) -> Explanation {
        let settings =
            [("-ldflags", flags), ("vcs.revision", go)].map(|(key, value)| (key.into(), value.into())).into();
        let build = BuildInfo { go: go.into(), settings, ..BuildInfo::default() };
        Explanation { builds: [("/worker".to_owned(), build)].into(), compilers: [go.to_owned()].into(), ..explanation }
    }

    #[test]
    fn a_difference_is_the_bases_the_toolchains_and_the_rest() {
        let split = split(&image(1_000, 50, 30, 1), &image(900, 75, 33, 1));
        let expected = Split { base: -100, toolchain: Some(25), toolchain_how: Some(How::Pclntab), own: 3 };
        assert_eq!(split, expected);
    }

    #[test]
    fn a_binary_that_does_not_tell_leaves_the_toolchain_unknown() {
        let nameless = BTreeMap::from([("/api".to_owned(), 10)]);
        assert_eq!(toolchain(&image(1, 2, 3, 4).whole, &nameless), None);
        let unknown = Explanation { toolchain: None, ..image(1_000, 50, 30, 1) };
        let split = split(&unknown, &image(900, 75, 33, 1));
        assert_eq!((split.base, split.toolchain, split.own), (-100, None, 28));
    }

    #[test]
    fn other_compilers_and_flags_are_named() {
        let before = build(image(1, 2, 3, 4), "go1.26.1", "-s -w");
        let after = build(image(1, 2, 3, 4), "go1.27.2", "");
        assert_eq!(
            other_grounds(&before, &after),
            ["compiler go1.27.2 instead of go1.26.1", "-ldflags  instead of -s -w in /worker"]
        );
        assert_eq!(other_grounds(&before, &before), Vec::<String>::new());
        assert_eq!(other_grounds(&before, &image(1, 2, 3, 4)), Vec::<String>::new(), "not known is not other");
    }

    proptest! {
        #[test]
        fn it_adds_up(before: [u32; 4], after: [u32; 4]) {
            let [before, after] = [before, after].map(|bytes| {
                let [base, std, module, native] = bytes.map(u64::from);
                image(base, std, module, native)
            });
            let split = split(&before, &after);
            let sum = split.base + split.toolchain.unwrap_or_default() + split.own;
            prop_assert_eq!(sum, i128::from(after.whole.bytes) - i128::from(before.whole.bytes));
        }
    }
}
