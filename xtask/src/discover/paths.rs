//! Paths as a person writes them, and the files that they stand for.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::files::tree::{Below as _, Tree};

/// `path` seen from `base`, with `.` and `..` resolved; nothing where it leaves the repository or is absolute.
pub(crate) fn resolve(base: &Utf8Path, path: &str) -> Option<Utf8PathBuf> {
    if path.is_empty() { None } else { within(base, path) }
}

/// The same, where an empty path stands for `base` itself.
pub(super) fn within(base: &Utf8Path, path: &str) -> Option<Utf8PathBuf> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = base.as_str().split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/").into())
}

/// Every file below a folder, sorted; hidden ones too, as compilers and builders see them. Not what git keeps and Cargo
/// makes.
pub(super) fn files_below(tree: &Tree, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = tree.entries(&folder)?;
        let is_made = |name: &str| name == "target" && entries.iter().any(|entry| entry.name == "Cargo.toml");
        for entry in entries.iter() {
            let path = folder.below(&entry.name);
            if entry.is_folder() {
                if entry.name != ".git" && !is_made(&entry.name) {
                    waiting.push(path);
                }
            } else if entry.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The file at a path, or all files below the folder that is there.
pub(super) fn below(tree: &Tree, path: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    if tree.is_file(path) { Ok(vec![path.to_owned()]) } else { files_below(tree, path) }
}

/// The files that a pattern of an ignore file stands for, sorted: `*` and `?` within a name, `**` across folders, and all
/// that is below what matches.
pub(super) fn matching(tree: &Tree, pattern: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let is_literal = |part: &camino::Utf8Component| !part.as_str().contains(['*', '?', '[']);
    let literal: Utf8PathBuf = pattern.components().take_while(is_literal).collect();
    if literal == pattern && tree.is_file(pattern) {
        return Ok(vec![literal]);
    }
    let mut files = files_below(tree, &literal)?;
    files.retain(|file| file.ancestors().any(|path| fast_glob::glob_match(pattern.as_str(), path.as_str())));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_resolved_and_stays_inside() {
        for (base, path, expected) in [
            ("a/b", "../c.txt", Some("a/c.txt")),
            ("a/b", "./c//d/./e", Some("a/b/c/d/e")),
            ("a/b", "../..", Some("")),
            ("a/b", "../../../c", None),
            ("a/b", "/etc/passwd", None),
            ("a/b", "", None),
        ] {
            assert_eq!(resolve(Utf8Path::new(base), path).as_deref(), expected.map(Utf8Path::new), "{path}");
        }
    }

    #[test]
    fn a_pattern_stands_for_what_it_matches_and_all_below() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8").to_owned();
        for file in ["proto/a.proto", "proto/v1/b.proto", "proto/.hidden", "other/proto/c.proto", "x.md"] {
            std::fs::create_dir_all(root.join(file).parent().expect("a folder")).expect("creates");
            std::fs::write(root.join(file), "").expect("writes");
        }
        let tree = Tree::new(root);
        for (pattern, expected) in [
            ("proto/**", vec!["proto/.hidden", "proto/a.proto", "proto/v1/b.proto"]),
            ("proto", vec!["proto/.hidden", "proto/a.proto", "proto/v1/b.proto"]),
            ("proto/*.proto", vec!["proto/a.proto"]),
            ("**/*.proto", vec!["other/proto/c.proto", "proto/a.proto", "proto/v1/b.proto"]),
            ("proto/v?", vec!["proto/v1/b.proto"]),
            ("x.md", vec!["x.md"]),
            ("none/**", vec![]),
        ] {
            assert_eq!(matching(&tree, Utf8Path::new(pattern)).expect("reads"), expected, "{pattern}");
        }
    }
}
