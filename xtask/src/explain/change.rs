//! Two explanations side by side: what grew, what shrank, what came and went. The changes add up to the difference.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Kind, Part};

/// The change of a part between two trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What the part is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its bytes before; none where it was not there.
    pub before: u64,
    /// Its bytes after; none where it is gone.
    pub after: u64,
    /// The version of a module before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_before: Option<String>,
    /// The version of a module after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_after: Option<String>,
    /// The changes of its own parts, the largest first; those that did not change are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Change {
    /// The bytes that it grew by; negative where it shrank.
    pub fn difference(&self) -> i128 {
        i128::from(self.after) - i128::from(self.before)
    }

    /// The largest change in it, so that what grew here and shrank there is not taken for nothing.
    pub fn weight(&self) -> u128 {
        let inner = self.changes.iter().map(Self::weight).max().unwrap_or(0);
        inner.max(self.difference().unsigned_abs())
    }

    /// Whether anything changed: its bytes, its version, or something in it.
    pub fn is_change(&self) -> bool {
        self.before != self.after || self.version_before != self.version_after || !self.changes.is_empty()
    }
}

/// Compares two parts, which stand for the same whatever they are called.
pub fn compare(before: &Part, after: &Part) -> Change {
    change(Some(before), Some(after), after)
}

fn change(before: Option<&Part>, after: Option<&Part>, named: &Part) -> Change {
    // Where only one of them is divided, as a binary that was stripped, its parts are no change.
    let divided = [before, after].into_iter().flatten().filter(|part| !part.parts.is_empty()).count();
    let comparable = divided == [before, after].into_iter().flatten().count();
    let (old, new) = if comparable { (before, after) } else { (None, None) };
    let mut pairs: BTreeMap<(Kind, &str), [Vec<&Part>; 2]> = BTreeMap::new();
    for (side, part) in [old, new].into_iter().enumerate() {
        for inner in part.map(|part| part.parts.as_slice()).unwrap_or_default() {
            pairs.entry(inner.key()).or_default()[side].push(inner);
        }
    }
    let mut changes = Vec::new();
    for [before, after] in pairs.into_values() {
        // Names may repeat, as those of layers.
        for number in 0..before.len().max(after.len()) {
            let (before, after) = (before.get(number).copied(), after.get(number).copied());
            changes.extend(after.or(before).map(|named| change(before, after, named)));
        }
    }
    changes.retain(Change::is_change);
    changes.sort_by_cached_key(|change| (std::cmp::Reverse(change.weight()), change.kind, change.name.clone()));
    let bytes = |part: Option<&Part>| part.map_or(0, |part| part.bytes);
    let version = |part: Option<&Part>| part.and_then(|part| part.version.clone());
    Change {
        kind: named.kind,
        name: named.name.clone(),
        before: bytes(before),
        after: bytes(after),
        version_before: version(before),
        version_after: version(after),
        changes,
    }
}

#[cfg(test)]
mod tests {
    use super::super::How;
    use super::*;
    use proptest::prelude::*;

    fn tree() -> impl Strategy<Value = Part> {
        let leaf = ("[a-d]", 0..1_000_u64).prop_map(|(name, bytes)| Part::leaf(Kind::Module, name, bytes, How::Exact));
        leaf.prop_recursive(3, 40, 5, |inner| {
            ("[a-d]", prop::collection::vec(inner, 1..5))
                .prop_map(|(name, parts)| Part::sum(Kind::Module, name, How::Exact, parts))
        })
    }

    /// The difference of what is listed must be that of the whole, wherever both sides have parts.
    fn check(change: &Change) {
        if !change.changes.is_empty() {
            let sum: i128 = change.changes.iter().map(Change::difference).sum();
            assert_eq!(sum, change.difference(), "{}", change.name);
        }
        change.changes.iter().for_each(check);
    }

    proptest! {
        #[test]
        fn changes_add_up(before in prop::collection::vec(tree(), 1..5), after in prop::collection::vec(tree(), 1..5)) {
            let [before, after] = [before, after].map(|parts| Part::sum(Kind::File, "x", How::Exact, parts));
            let change = compare(&before, &after);
            prop_assert_eq!(change.difference(), i128::from(after.bytes) - i128::from(before.bytes));
            check(&change);
            prop_assert!(!compare(&after, &after).is_change());
        }
    }
}
