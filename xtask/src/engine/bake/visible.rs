//! Exactly what an image's ignore file shows the builder: a change of any file runs its steps again, and of no other.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::context;
use crate::files::tree::{Kind, Tree};
use crate::plan::ContextRule;
use crate::quote::literal_path;

/// The files that the rules show, sorted as text, and the folders without any, which a copy brings along. A link is a file: the
/// builder takes it as it is. Of a glob with `?` or a class it may be more: it is taken as one with `*` there.
///
/// # Errors
/// A folder cannot be read.
pub fn visible_files(tree: &Tree, rules: &[ContextRule]) -> Result<Vec<Utf8PathBuf>> {
    let mut matcher = Matcher { patterns: rules.iter().map(Pattern::of).collect(), folders: HashMap::new() };
    let mut shown = Vec::new();
    for path in context::visible(tree, rules)? {
        // The folders above the repository are absolute.
        if !path.is_empty() && !Utf8Path::new(&path).is_absolute() && matcher.shows(&path) {
            shown.extend(tree.kind(path.as_str().into())?.map(|kind| (Utf8PathBuf::from(path), kind)));
        }
    }
    let filled: HashSet<_> = shown.iter().filter_map(|(path, _)| path.parent()).map(Utf8Path::as_str).collect();
    let is_listed = |path: &Utf8Path, kind: Kind| match kind {
        Kind::Other => false,
        Kind::Folder => !filled.contains(path.as_str()),
        _ => true,
    };
    Ok(shown.iter().filter(|(path, kind)| is_listed(path, *kind)).map(|(path, _)| path.clone()).collect())
}

/// The builder's way to go through the rules (moby/patternmatcher, `MatchesUsingParentResults`).
struct Matcher {
    patterns: Vec<Pattern>,
    /// Which patterns match a folder, or one above it.
    folders: HashMap<String, Rc<[bool]>>,
}

impl Matcher {
    fn shows(&mut self, path: &str) -> bool {
        self.follow(path, &mut |_, _| ())
    }

    /// Whether the last rule that matches shows the path. One that would change nothing is not looked at, and so not known
    /// to match a folder either when it comes to what is in it.
    fn follow(&mut self, path: &str, learn: &mut dyn FnMut(usize, bool)) -> bool {
        let above = path.rsplit_once('/').map(|(folder, _)| self.folder(folder));
        let mut shown = false;
        for (at, pattern) in self.patterns.iter().enumerate() {
            let is_below = above.as_ref().is_some_and(|above| above[at]);
            let matches = is_below || pattern.shows != shown && pattern.matches(path);
            learn(at, matches);
            if matches {
                shown = pattern.shows;
            }
        }
        shown
    }

    fn folder(&mut self, path: &str) -> Rc<[bool]> {
        if let Some(known) = self.folders.get(path) {
            return known.clone();
        }
        let mut matching = vec![false; self.patterns.len()];
        self.follow(path, &mut |at, matches| matching[at] = matches);
        let matching: Rc<[bool]> = matching.into();
        self.folders.insert(path.to_owned(), matching.clone());
        matching
    }
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
    /// `**`: anything.
    Any,
    /// `**/*` and this: the end of the name.
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
        if let Some(path) = literal_path(pattern) {
            return Self { shows, start: path, rest: Rest::None };
        }
        let is_glob = |text: &str| text.contains(['*', '?', '[', '\\']);
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        let below =
            pattern.strip_suffix("**").filter(|start| !is_glob(start) && (start.is_empty() || start.ends_with('/')));
        if let Some(start) = below {
            return Self { shows, start: start.to_owned(), rest: Rest::Any };
        }
        if let Some(end) = pattern.strip_prefix("**/*").filter(|end| !is_glob(end) && !end.contains('/')) {
            return Self { shows, start: String::new(), rest: Rest::EndOfName(end.to_owned()) };
        }
        let start = pattern.split(['*', '?', '[', '\\']).next().unwrap_or_default().to_owned();
        let pattern = if shows { widened(pattern) } else { pattern.to_owned() };
        Self { shows, start, rest: Rest::Glob(for_this_matcher(&pattern)) }
    }

    /// Whether it matches the path itself, and not just a folder above it.
    pub(super) fn matches(&self, path: &str) -> bool {
        let Some(after) = path.strip_prefix(&self.start) else { return false };
        match &self.rest {
            Rest::None => after.is_empty(),
            Rest::Any => true,
            Rest::EndOfName(end) => path.ends_with(end),
            Rest::Glob(glob) => fast_glob::glob_match(glob, path),
        }
    }
}

/// A glob of the builder for this matcher, to which braces mean something.
pub(super) fn for_this_matcher(glob: &str) -> String {
    glob.replace('{', "\\{").replace('}', "\\}")
}

/// A glob that matches no less, without what is a letter to the builder and a byte to this matcher.
pub(super) fn widened(glob: &str) -> String {
    let (mut wide, mut rest) = (String::new(), glob.chars());
    while let Some(letter) = rest.next() {
        match letter {
            '?' => wide.push('*'),
            '[' => {
                wide.push('*');
                rest.by_ref().skip(1).find(|letter| *letter == ']');
            }
            '\\' => wide.extend(['\\'].into_iter().chain(rest.next())),
            _ => wide.push(letter),
        }
    }
    wide
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A repository of these files. It goes away with the folder.
    pub(in super::super) fn tree(files: &[&str]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        for file in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
            std::fs::write(path, file).expect("writes");
        }
        (folder, Tree::new(root))
    }

    /// Rules, of which those with a `!` hide.
    pub(in super::super) fn rules(lines: &[&str]) -> Vec<ContextRule> {
        let rule = |line: &&str| match line.strip_prefix('!') {
            Some(pattern) => ContextRule::Exclude(pattern.to_owned()),
            None => ContextRule::Include((*line).to_owned()),
        };
        lines.iter().map(rule).collect()
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        let files =
            ["a/main.go", "a/main_test.go", "a/x_windows.go", "a/data/{x}.go", "b/lib.rs", "b/tests/t.rs", "c.md"];
        let (_folder, tree) = tree(&files);
        for (lines, expected) in [
            (&["a/*.go", "!a/*_test.go", "!**/*_windows.go"] as &[_], &["a/main.go"] as &[_]),
            (&["a/*.go", "!a/*_test.go", "a/main_test.go"], &["a/main.go", "a/main_test.go", "a/x_windows.go"]),
            (&["b", "!b/tests"], &["b/lib.rs"]),
            (&["b", "!b/tests", "b/tests/t.rs"], &["b/lib.rs", "b/tests/t.rs"]),
            (&["b", "!b/tests", "b/**/*.rs"], &["b/lib.rs", "b/tests/t.rs"]),
            // The second `b` shows nothing that is not shown, and does not count for what is below.
            (&["b", "!b/tests", "b"], &["b/lib.rs"]),
            (&["a/data/{x}.go"], &["a/data/{x}.go"]),
            (&["a/d*"], &["a/data/{x}.go"]),
            (&["**", "!**/*.go", "!b"], &["a/data", "c.md"]),
            (&["missing.go"], &[]),
            (&["a/[m-x]*.go"], &["a/main.go", "a/main_test.go", "a/x_windows.go"]),
            (&["a/[!m]*_test.go", "a/?ain_test.go"], &["a/main_test.go"]),
            (&["a", "!**/data", "!a/m?in*"], &["a/x_windows.go"]),
        ] {
            assert_eq!(visible_files(&tree, &rules(lines)).expect("lists"), expected, "{lines:?}");
        }
    }
}
