//! The versions of crates, from a lock file of Cargo: a binary does not hold them.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Kind, Part};

/// Versions by the names that crates have in code.
#[derive(Debug, Default)]
pub struct CrateVersions(BTreeMap<String, Vec<String>>);

impl CrateVersions {
    /// Reads a `Cargo.lock`; one that does not parse has no versions.
    pub fn parse(lock: &str) -> Self {
        let lock: Table = lock.parse().unwrap_or_default();
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| package.get(key).and_then(Value::as_str);
            if let (Some(name), Some(version)) = (text("name"), text("version")) {
                versions.entry(name.replace('-', "_")).or_default().push(version.to_owned());
            }
        }
        Self(versions)
    }

    /// Gives the crates in a tree their versions; where the lock has several of one name, all of them.
    pub fn name(&self, part: &mut Part) {
        if part.kind == Kind::Crate && part.version.is_none() {
            part.version = self.0.get(&part.name).map(|versions| versions.join(" or "));
        }
        part.parts.iter_mut().for_each(|inner| self.name(inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::How;

    #[test]
    fn crates_get_all_versions_that_they_may_have() {
        let lock = "[[package]]\nname = \"serde-x\"\nversion = \"1.2.3\"\n[[package]]\nname = \"rand\"\nversion = \"0.8.5\"\n\
                    [[package]]\nname = \"rand\"\nversion = \"0.9.1\"\n";
        let leaf = |kind, name: &str| Part::leaf(kind, name, 1, How::Symbols);
        let crates = [
            leaf(Kind::Crate, "serde_x"),
            leaf(Kind::Crate, "rand"),
            leaf(Kind::Crate, "std"),
            leaf(Kind::Native, "rand"),
        ];
        let mut whole = Part::sum(Kind::File, "x", How::Exact, crates.into());
        CrateVersions::parse(lock).name(&mut whole);
        let versions: Vec<_> = whole
            .parts
            .iter()
            .map(|part| format!("{} {}", part.name, part.version.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(versions, ["rand 0.8.5 or 0.9.1", "rand -", "serde_x 1.2.3", "std -"]);
        let before = whole.clone();
        CrateVersions::parse("<<<<<<<").name(&mut whole);
        assert_eq!(whole, before);
    }
}
