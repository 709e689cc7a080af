//! What Cargo.lock and go.mod say of other people's packages.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

/// Whether a file names the versions of other people's packages.
pub fn has_versions(path: &Utf8Path) -> bool {
    matches!(path.file_name(), Some("Cargo.lock" | "go.mod"))
}

/// The packages that such a file names, as `serde 1.0.1`, sorted; `None` for any other file.
pub fn versions(path: &Utf8Path, text: &str) -> Option<Vec<String>> {
    let versions: BTreeSet<String> = match path.file_name()? {
        "Cargo.lock" => of_cargo(text),
        "go.mod" => of_go(text),
        _ => return None,
    };
    Some(versions.into_iter().collect())
}

fn of_cargo(text: &str) -> BTreeSet<String> {
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = ")?.trim_matches('"').to_owned());
    let mut name = None;
    let mut versions = BTreeSet::new();
    for line in text.lines() {
        if let Some(word) = value(line, "name") {
            name = Some(word);
        } else if let (Some(version), Some(name)) = (value(line, "version"), name.take()) {
            versions.insert(format!("{name} {version}"));
        }
    }
    versions
}

/// By the lines with a version: go.sum also has those that no build takes.
fn of_go(text: &str) -> BTreeSet<String> {
    let modules = text.lines().filter_map(|line| {
        let line = line.split("//").next()?.trim();
        let (module, version) = line.strip_prefix("require ").unwrap_or(line).split_once(' ')?;
        (version.starts_with('v') && !version.contains(' ')).then(|| format!("{module} {version}"))
    });
    modules.collect()
}

/// What changed from one list of packages to another, as `serde 1.0.1 → 1.0.2`, `rand 0.9.0 added`; sorted.
pub fn changed(before: &[String], now: &[String]) -> Vec<String> {
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), now.iter().collect());
    let mut packages: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for (name, version) in was.difference(&is).filter_map(|package| package.split_once(' ')) {
        packages.entry(name).or_default().0.push(version);
    }
    for (name, version) in is.difference(&was).filter_map(|package| package.split_once(' ')) {
        packages.entry(name).or_default().1.push(version);
    }
    let lines = packages.into_iter().map(|(name, (gone, come))| match (gone.join(", "), come.join(", ")) {
        (gone, come) if gone.is_empty() => format!("{name} {come} added"),
        (gone, come) if come.is_empty() => format!("{name} {gone} removed"),
        (gone, come) => format!("{name} {gone} → {come}"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_files_name() {
        let lock = "version = 4\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        assert_eq!(versions("x/Cargo.lock".into(), lock).expect("has some"), ["a 1.0.0", "b 2.0.0"]);
        let module = "module a.b/c\n\ngo 1.26\n\nrequire a.b/one v1.0.0\n\nrequire (\n\ta.b/two v0.1.0 // indirect\n)\n\n\
                      replace a.b/two => ../two\n";
        assert_eq!(versions("x/go.mod".into(), module).expect("has some"), ["a.b/one v1.0.0", "a.b/two v0.1.0"]);
        assert_eq!(versions("Cargo.toml".into(), lock), None);
    }

    #[test]
    fn packages_that_changed_came_and_went() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let before = list(&["a 1.0.0", "gone 0.1.0", "same 1.0.0", "twice 1.0.0", "twice 2.0.0"]);
        let now = list(&["a 1.0.1", "new 3.0.0", "same 1.0.0", "twice 1.0.0", "twice 2.0.1"]);
        let expected = ["a 1.0.0 → 1.0.1", "gone 0.1.0 removed", "new 3.0.0 added", "twice 2.0.0 → 2.0.1"];
        assert_eq!(changed(&before, &now), expected);
    }
}
