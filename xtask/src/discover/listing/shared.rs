//! The paths that many services have in common, sorted once for all.
//!
//! The services of a large repository read the same packages, so that all of their paths together are many times those
//! that there are. Here a service's files are a set of numbers.

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::Listing;
use crate::discover::go::FileGroup;

/// What was found of a service.
#[derive(Default)]
pub(super) struct Gathered {
    /// The files that it shares with others.
    pub(super) groups: Vec<Arc<FileGroup>>,
    /// Single paths, to be among the shared ones as well.
    pub(super) single: Vec<Utf8PathBuf>,
    /// Everything else.
    pub(super) listing: Listing,
}

/// Paths, numbered in the order of text.
pub(super) struct Shared<'a> {
    paths: Vec<&'a str>,
    /// The numbers of each group's paths, by the number of the group.
    of_groups: Vec<Vec<u32>>,
}

impl<'a> Shared<'a> {
    /// Numbers all paths that these services share.
    pub(super) fn of(gathered: impl Iterator<Item = &'a Gathered>) -> Self {
        let mut of_groups: Vec<Vec<u32>> = Vec::new();
        // Each path with its group, and its place there.
        let mut found: Vec<(&str, usize, usize)> = Vec::new();
        for gathered in gathered {
            found.extend(gathered.single.iter().map(|path| (path.as_str(), usize::MAX, 0)));
            for group in &gathered.groups {
                if group.number >= of_groups.len() {
                    of_groups.resize(group.number + 1, Vec::new());
                }
                let numbers = &mut of_groups[group.number];
                if numbers.is_empty() {
                    numbers.resize(group.paths().len(), 0);
                    found.extend(group.paths().enumerate().map(|(at, path)| (path.as_str(), group.number, at)));
                }
            }
        }
        // What a group has is sorted already, which this sort makes use of.
        found.sort_by(|a, b| a.0.cmp(b.0));
        let mut paths: Vec<&str> = Vec::with_capacity(found.len());
        for (path, group, at) in found {
            if paths.last() != Some(&path) {
                paths.push(path);
            }
            if let Some(numbers) = of_groups.get_mut(group) {
                numbers[at] = paths.len() as u32 - 1;
            }
        }
        Self { paths, of_groups }
    }

    /// The numbers of what a service shares, in ascending order.
    pub(super) fn numbers(&self, gathered: &Gathered) -> Vec<u32> {
        let mut bits = vec![0_u64; self.paths.len().div_ceil(64)];
        let mut count = 0;
        let mut add = |number: u32| {
            let (word, bit) = (&mut bits[(number >> 6) as usize], 1 << (number & 63));
            count += usize::from(*word & bit == 0);
            *word |= bit;
        };
        for group in &gathered.groups {
            for number in &self.of_groups[group.number] {
                add(*number);
            }
        }
        for path in &gathered.single {
            add(self.paths.partition_point(|other| *other < path.as_str()) as u32);
        }
        let mut numbers = Vec::with_capacity(count);
        for (at, word) in bits.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                numbers.push(at as u32 * 64 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        numbers
    }

    pub(super) fn into_paths(self) -> Vec<Utf8PathBuf> {
        self.paths.into_iter().map(Utf8PathBuf::from).collect()
    }
}
