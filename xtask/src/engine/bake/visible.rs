//! Exactly what an image's ignore file shows the builder: a change of any file runs its steps again, and of no other.

use anyhow::Result;
use camino::Utf8PathBuf;

use super::context::{self, is_glob, unescaped};
use crate::files::tree::{Kind, Tree};
use crate::plan::ContextRule;

/// The files that the rules show, sorted as text, and the empty folders, which a copy brings along. A link is a file: the
/// builder takes it as it is.
///
/// # Errors
/// A folder cannot be read.
pub fn visible_files(tree: &Tree, rules: &[ContextRule]) -> Result<Vec<Utf8PathBuf>> {
    let patterns: Vec<_> = rules.iter().map(Pattern::of).collect();
    let mut files = Vec::new();
    for path in context::visible(tree, rules)? {
        // The folders above the repository are absolute, and no rule is.
        if !shows(&patterns, &path) {
            continue;
        }
        let is_listed = match tree.kind(path.as_str().into())? {
            None | Some(Kind::Other) => false,
            Some(Kind::Folder) => tree.entries(path.as_str().into())?.is_empty(),
            Some(_) => true,
        };
        if is_listed {
            files.push(path.into());
        }
    }
    Ok(files)
}

/// The last rule that matches decides; one that matches a folder also matches what is in it.
fn shows(patterns: &[Pattern], path: &str) -> bool {
    patterns.iter().rev().find(|pattern| pattern.matches(path)).is_some_and(|pattern| pattern.shows)
}

/// A rule of an ignore file, ready to be compared with many paths.
pub(super) struct Pattern {
    shows: bool,
    /// What every path that matches begins with.
    start: String,
    rest: Rest,
}

/// What of a pattern follows its literal start.
enum Rest {
    /// Nothing.
    None,
    /// `**/*` and this: the end of any name on the path.
    EndOfName(String),
    /// A glob, for which this is the whole pattern.
    Glob(String),
}

impl Pattern {
    pub(super) fn of(rule: &ContextRule) -> Self {
        let (shows, pattern) = match rule {
            ContextRule::Include(pattern) => (true, pattern),
            ContextRule::Exclude(pattern) => (false, pattern),
        };
        let pattern = unescaped(pattern).as_str();
        if !is_glob(pattern) {
            return Self { shows, start: pattern.to_owned(), rest: Rest::None };
        }
        if let Some(end) = pattern.strip_prefix("**/*").filter(|end| !is_glob(end) && !end.contains('/')) {
            return Self { shows, start: String::new(), rest: Rest::EndOfName(end.to_owned()) };
        }
        let start = pattern.split(['*', '?', '[', '\\']).next().unwrap_or_default().to_owned();
        // Braces mean something to this matcher, and nothing to the builder.
        Self { shows, start, rest: Rest::Glob(pattern.replace('{', "\\{").replace('}', "\\}")) }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let Some(after) = path.strip_prefix(&self.start) else { return false };
        match &self.rest {
            Rest::None => after.is_empty() || after.starts_with('/') || self.start.is_empty(),
            Rest::EndOfName(end) => path.split('/').any(|name| name.ends_with(end)),
            Rest::Glob(glob) => {
                let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
                fast_glob::glob_match(glob, path) || folders.any(|folder| fast_glob::glob_match(glob, folder))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    fn visible(files: &[&str], rules: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        for file in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
            std::fs::write(path, file).expect("writes");
        }
        let rule = |text: &&str| match text.strip_prefix('!') {
            Some(pattern) => ContextRule::Exclude(pattern.to_owned()),
            None => ContextRule::Include((*text).to_owned()),
        };
        let rules: Vec<_> = rules.iter().map(rule).collect();
        let files = visible_files(&Tree::new(root), &rules).expect("lists");
        files.into_iter().map(Utf8PathBuf::into_string).collect()
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        let files =
            ["a/main.go", "a/main_test.go", "a/x_windows.go", "a/data/{x}.go", "b/lib.rs", "b/tests/t.rs", "c.md"];
        for (rules, expected) in [
            (&["a/*.go", "!a/*_test.go", "!**/*_windows.go"] as &[_], &["a/main.go"] as &[_]),
            (&["a/*.go", "!a/*_test.go", "a/main_test.go"], &["a/main.go", "a/main_test.go", "a/x_windows.go"]),
            (&["b", "!b/tests"], &["b/lib.rs"]),
            (&["b", "!b/tests", "b/tests/t.rs"], &["b/lib.rs", "b/tests/t.rs"]),
            (&["a/data/{x}.go"], &["a/data/{x}.go"]),
            (&["a/d*"], &["a/data/{x}.go"]),
            (&[".", "!**/*.go", "!b"], &["c.md"]),
            (&["missing.go"], &[]),
            (&["a/[m-x]*.go"], &["a/main.go", "a/main_test.go", "a/x_windows.go"]),
            (&["a", "!**/data", "!a/m?in*"], &["a/x_windows.go"]),
        ] {
            assert_eq!(visible(&files, rules), expected, "{rules:?}");
        }
    }
}
