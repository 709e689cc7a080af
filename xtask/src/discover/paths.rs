//! Paths as a person writes them, and the files that they stand for.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::hidden::is_secret;
use crate::files::tree::{Below as _, Tree};
use crate::quote::{ignore_pattern, literal_path};

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

/// The file at a path, or all files below the folder that is there, without secrets.
pub(super) fn below(tree: &Tree, path: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    if tree.is_file(path) {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = files_below(tree, path)?;
    files.retain(|file| !is_secret(file.strip_prefix(path).unwrap_or(file)));
    Ok(files)
}

/// The globs that a glob with braces stands for, `{a,b}`: a builder knows none.
pub(crate) fn alternatives(glob: &str) -> Vec<String> {
    // The innermost pair first.
    let Some(close) = glob.find('}') else { return vec![glob.to_owned()] };
    let Some(open) = glob[..close].rfind('{') else { return vec![glob.to_owned()] };
    let (before, after) = (&glob[..open], &glob[close + 1..]);
    let globs = glob[open + 1..close].split(',').flat_map(|part| alternatives(&format!("{before}{part}{after}")));
    globs.collect()
}

/// The files that a glob of a folder stands for, sorted: `*` and `?` within a name, `**` across folders, `{a,b}` for
/// either, and all that is below what matches. Without secrets that it does not name.
pub(super) fn matching(tree: &Tree, dir: &Utf8Path, glob: &str) -> Result<Vec<Utf8PathBuf>> {
    let dir = ignore_pattern(dir.as_str());
    let mut files = Vec::new();
    for pattern in alternatives(glob).iter().filter_map(|glob| resolve(Utf8Path::new(&dir), glob)) {
        let start = pattern.ancestors().find_map(|path| literal_path(path.as_str())).unwrap_or_default();
        let start = Utf8PathBuf::from(start);
        if tree.is_file(&start) {
            files.extend(literal_path(pattern.as_str()).map(Utf8PathBuf::from));
            continue;
        }
        // To this matcher braces mean something.
        let glob = pattern.as_str().replace('{', "\\{").replace('}', "\\}");
        let is_literal = literal_path(pattern.as_str()).is_some();
        let mut found = files_below(tree, &start)?;
        found.retain(|file| {
            let matches = is_literal || file.ancestors().any(|path| fast_glob::glob_match(&glob, path.as_str()));
            matches && !is_secret(file.strip_prefix(&start).unwrap_or(file))
        });
        files.append(&mut found);
    }
    files.sort();
    files.dedup();
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
            ("{proto,other/**}/*.proto", vec!["other/proto/c.proto", "proto/a.proto"]),
            ("none/**", vec![]),
        ] {
            assert_eq!(matching(&tree, Utf8Path::new(""), pattern).expect("reads"), expected, "{pattern}");
        }
    }
}
