//! Whose bytes are whose: claims to ranges of a file become parts that add up.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::elf::{Elf, Section, slice};
use super::go::Modules;
use super::{How, Kind, Part};

/// All owners, by number: a large binary has millions of claims.
#[derive(Default)]
pub(super) struct Owners {
    names: Vec<(Kind, String)>,
    numbers: HashMap<(Kind, String), u32>,
}

/// Bytes of the file, and who says that they are whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Where in the file.
    pub(super) file: Range<u64>,
    pub(super) owner: u32,
    pub(super) how: How,
}

impl Owners {
    /// The number of an owner.
    pub(super) fn number(&mut self, kind: Kind, name: &str) -> u32 {
        let key = (kind, name.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(key.clone());
        self.numbers.insert(key, number);
        number
    }

    /// Divides the whole file among its sections, and these among the owners. Where claims overlap, the one that starts first
    /// has the bytes.
    pub(super) fn divide(&self, elf: &Elf, mut claims: Vec<Claim>, modules: &Modules) -> Vec<Part> {
        // They come in runs that are sorted already, which a stable sort makes use of.
        let rest = |claim: &Claim| (claim.how, claim.owner, claim.file.end);
        claims.sort_by(|a, b| match (a.file.start, b.file.start) {
            (first, second) if first < second => Ordering::Less,
            (first, second) if first > second => Ordering::Greater,
            _ => rest(a).cmp(&rest(b)),
        });
        let mut outer: Vec<(Range<u64>, Option<&Section>)> =
            elf.headers.iter().map(|range| (range.clone(), None)).collect();
        outer.extend(elf.sections.iter().map(|section| (section.file.clone(), Some(section))));
        outer.sort_by_key(|(range, section)| (range.start, section.is_some(), range.end));

        let mut parts = Parts::default();
        let mut position = 0;
        for (range, section) in outer {
            parts.gap(elf.bytes, position..range.start);
            let range = range.start.max(position)..range.end;
            if range.is_empty() {
                continue;
            }
            position = range.end;
            match section {
                None => parts.headers += range.end - range.start,
                Some(section) => parts.sections.push(self.section(elf, section, range, &claims, modules)),
            }
        }
        parts.gap(elf.bytes, position..elf.bytes.len() as u64);
        parts.finish()
    }

    fn section(&self, elf: &Elf, section: &Section, range: Range<u64>, claims: &[Claim], modules: &Modules) -> Part {
        let mut bytes: BTreeMap<(u32, How), u64> = BTreeMap::new();
        let mut rest = Parts::default();
        let mut position = range.start;
        let first = claims.partition_point(|claim| claim.file.start < range.start);
        for claim in claims[first..].iter().take_while(|claim| claim.file.start < range.end) {
            rest.gap(elf.bytes, position..claim.file.start);
            let start = claim.file.start.max(position);
            let end = claim.file.end.min(range.end);
            if start < end {
                *bytes.entry((claim.owner, claim.how)).or_default() += end - start;
                position = end;
            }
        }
        if position == range.start {
            return Part::leaf(Kind::Section, &section.name, range.end - range.start, How::Sections);
        }
        rest.gap(elf.bytes, position..range.end);
        let mut parts = rest.finish();
        parts.extend(self.named(bytes, modules));
        Part::sum(Kind::Section, &section.name, How::Exact, parts)
    }

    /// The owners' parts; Go's packages below their modules.
    fn named(&self, bytes: BTreeMap<(u32, How), u64>, modules: &Modules) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut by_module: BTreeMap<(String, Option<String>), Vec<Part>> = BTreeMap::new();
        for ((owner, how), bytes) in bytes {
            let Some((kind, name)) = self.names.get(owner as usize) else { continue };
            let part = Part::leaf(*kind, name, bytes, how);
            if *kind == Kind::Package {
                by_module.entry(modules.of_package(name)).or_default().push(part);
            } else {
                parts.push(part);
            }
        }
        for ((name, version), packages) in by_module {
            let how = packages.iter().map(|part| part.how).max().unwrap_or(How::Sections);
            parts.push(Part { version, ..Part::sum(Kind::Module, name, how, merged(packages)) });
        }
        merged(parts)
    }
}

/// One part for each kind and name: a package that both the function table and the symbols name is one.
fn merged(parts: Vec<Part>) -> Vec<Part> {
    let mut merged: BTreeMap<(Kind, String), Part> = BTreeMap::new();
    for part in parts {
        match merged.get_mut(&(part.kind, part.name.clone())) {
            Some(known) => {
                known.bytes += part.bytes;
                known.how = known.how.max(part.how);
            }
            None => drop(merged.insert((part.kind, part.name.clone()), part)),
        }
    }
    merged.into_values().collect()
}

/// What is left between claims, and between sections.
#[derive(Default)]
struct Parts {
    sections: Vec<Part>,
    headers: u64,
    padding: u64,
    unattributed: u64,
}

/// The largest alignment that leaves a gap.
const LARGEST_PADDING: u64 = 1 << 16;

impl Parts {
    /// Counts bytes that nobody claims: as padding where they are as short and as empty as padding is.
    fn gap(&mut self, file: &[u8], range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let length = range.end - range.start;
        let bytes = slice(file, range);
        let first = bytes.first().copied().unwrap_or_default();
        // Zeros between data; single-byte no-ops or traps between functions.
        let is_padding = length < LARGEST_PADDING
            && matches!(first, 0 | 0x90 | 0xcc)
            && (length < 64 || first == 0)
            && bytes.iter().all(|byte| *byte == first);
        *(if is_padding { &mut self.padding } else { &mut self.unattributed }) += length;
    }

    fn finish(self) -> Vec<Part> {
        let mut parts = self.sections;
        for (kind, name, bytes) in [
            (Kind::Headers, "headers", self.headers),
            (Kind::Padding, "padding", self.padding),
            (Kind::Unattributed, "unattributed", self.unattributed),
        ] {
            if bytes > 0 {
                parts.push(Part::leaf(kind, name, bytes, How::Exact));
            }
        }
        super::sort(&mut parts);
        parts
    }
}
