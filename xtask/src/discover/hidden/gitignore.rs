//! What the `.gitignore` files of a tree say. This machine's own excludes do not count, and what git tracks is never
//! ignored.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use crate::files::{
    self,
    tree::{Below as _, Tree},
};
use crate::process::Command;
use crate::quote::{has_control, ignore_pattern};

/// A line of a `.gitignore`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// The folder of the file, from the tree's root.
    base: Utf8PathBuf,
    glob: String,
    /// Whether the glob is for the whole path from the folder, rather than for a name anywhere below it.
    is_anchored: bool,
    is_for_folders: bool,
    shows: bool,
}

/// The rules of a tree, kept with it.
#[derive(Debug, Default)]
pub(super) struct Rules {
    by_folder: Mutex<HashMap<String, Arc<[Rule]>>>,
    tracked: OnceLock<HashSet<String>>,
}

impl Rule {
    /// The rule on a line; `None` where there is none, or one that matches nothing.
    fn parse(base: &Utf8Path, line: &str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with('#') || has_control(line) {
            return None;
        }
        let mut text = line.trim_end_matches(' ');
        if text.ends_with('\\') && text.len() < line.len() {
            // The first of the spaces was escaped.
            text = &line[..=text.len()];
        }
        let (shows, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let (is_for_folders, text) = text.strip_suffix('/').map_or((false, text), |rest| (true, rest));
        let is_anchored = text.contains('/');
        let glob = text.strip_prefix('/').unwrap_or(text);
        let is_path = glob.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let rule = Self { base: base.to_owned(), glob: glob.to_owned(), is_anchored, is_for_folders, shows };
        (is_path && has_plain_classes(glob)).then_some(rule)
    }

    /// Whether the rule is about what stands at a path, and not just about a folder above it.
    fn matches(&self, path: &Utf8Path, is_folder: bool) -> bool {
        if self.is_for_folders && !is_folder {
            return false;
        }
        let Ok(inside) = path.strip_prefix(&self.base) else { return false };
        let text = if self.is_anchored { inside.as_str() } else { inside.file_name().unwrap_or_default() };
        // To this matcher braces mean something.
        fast_glob::glob_match(self.glob.replace('{', "\\{").replace('}', "\\}"), text)
    }

    /// Whether its pattern hides a path, or a folder above it.
    pub(super) fn hides(&self, path: &Utf8Path) -> bool {
        path.ancestors().any(|path| self.matches(path, true))
    }

    /// Whether it may be about something below a folder.
    fn reaches(&self, folder: &Utf8Path) -> bool {
        let is_literal = |part: &&str| !part.contains(['*', '?', '[', '\\']);
        let literal = self.glob.split('/').take_while(is_literal).collect::<Vec<_>>().join("/");
        let start = if self.is_anchored { self.base.below(literal) } else { self.base.clone() };
        start.starts_with(folder) || folder.starts_with(&start)
    }

    /// The same as a pattern of an ignore file. It hides a file, too, where the rule is for folders.
    pub(super) fn pattern(&self) -> String {
        let mut glob = String::new();
        for part in self.glob.split('/') {
            // Within a name two stars are one to git, and to a builder more than that.
            let part = if part == "**" { part.to_owned() } else { single_stars(part) };
            glob.push_str(&part.replace("[!", "[^"));
            glob.push('/');
        }
        let glob = glob.trim_end_matches('/');
        let base = Utf8PathBuf::from(ignore_pattern(self.base.as_str()));
        let pattern = if self.is_anchored { base.below(glob) } else { base.below("**").below(glob) };
        let is_start = pattern.as_str().starts_with(['!', '#']);
        if is_start { format!("./{pattern}") } else { pattern.into_string() }
    }
}

impl Rules {
    /// Those that hide a folder or something below it, in the order in which they count.
    pub(super) fn about(&self, tree: &Tree, folder: &Utf8Path) -> Result<Vec<Rule>> {
        let mut folders: Vec<_> = folder.ancestors().map(Utf8Path::to_owned).collect();
        folders.reverse();
        let below = tree.folders()?;
        folders.extend(below.iter().filter(|other| other.starts_with(folder) && *other != folder).cloned());
        let mut about = Vec::new();
        for base in folders {
            let rules = self.of(tree, &base)?;
            about.extend(rules.iter().filter(|rule| !rule.shows && rule.reaches(folder)).cloned());
        }
        Ok(about)
    }

    fn of(&self, tree: &Tree, folder: &Utf8Path) -> Result<Arc<[Rule]>> {
        let known = || self.by_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = known().get(folder.as_str()) {
            return Ok(Arc::clone(rules));
        }
        let mut rules = if folder.as_str().is_empty() { above(tree)? } else { Vec::new() };
        if tree.has_file(folder, ".gitignore")? {
            let text = text(tree, &folder.below(".gitignore"))?;
            rules.extend(text.lines().filter_map(|line| Rule::parse(folder, line)));
        }
        let rules: Arc<[Rule]> = rules.into();
        known().insert(folder.to_string(), Arc::clone(&rules));
        Ok(rules)
    }

    /// Whether git ignores what stands at a path, or a folder above it.
    pub(super) fn ignores(&self, tree: &Tree, path: &Utf8Path) -> Result<bool> {
        let mut places: Vec<_> = path.ancestors().filter(|place| !place.as_str().is_empty()).collect();
        places.reverse();
        // A repository within this one has rules of its own, and none of those above it.
        let mut rules = vec![self.of(tree, Utf8Path::new(""))?];
        for place in places {
            let is_folder = place != path || tree.is_folder(path);
            let mut strongest_first = rules.iter().rev().flat_map(|rules| rules.iter().rev());
            let last = strongest_first.find(|rule| rule.matches(place, is_folder));
            if last.is_some_and(|rule| !rule.shows) && !self.is_tracked(tree, path) {
                return Ok(true);
            }
            if is_folder && place != path {
                if tree.kind(&place.below(".git"))?.is_some() {
                    rules.clear();
                }
                rules.push(self.of(tree, place)?);
            }
        }
        Ok(false)
    }

    /// Whether git has a file although a rule is against it, or a file below a folder.
    fn is_tracked(&self, tree: &Tree, path: &Utf8Path) -> bool {
        let tracked = self.tracked.get_or_init(|| tracked(tree));
        tracked.contains(path.as_str())
    }

    /// The files that git has although a rule is against them.
    pub(super) fn tracked(&self, tree: &Tree) -> impl Iterator<Item = &Utf8Path> {
        self.tracked.get_or_init(|| tracked(tree)).iter().map(Utf8Path::new)
    }
}

/// The rules of the folders above the tree, where it is a part of a checkout.
fn above(tree: &Tree) -> Result<Vec<Rule>> {
    let root = tree.root();
    let is_checkout = |folder: &&Utf8Path| files::exists(&folder.join(".git"));
    let Some(top) = root.ancestors().find(is_checkout) else { return Ok(Vec::new()) };
    let mut folders: Vec<_> = root.ancestors().skip(1).take_while(|folder| folder.starts_with(top)).collect();
    folders.reverse();
    let mut rules = Vec::new();
    for folder in folders {
        let inside = root.strip_prefix(folder).unwrap_or(root);
        let text = text(tree, &folder.join(".gitignore"))?;
        for rule in text.lines().filter_map(|line| Rule::parse(Utf8Path::new(""), line)) {
            let below = Utf8Path::new(&rule.glob).strip_prefix(inside).ok().map(ToString::to_string);
            let is_deep = !rule.is_anchored || rule.glob.starts_with("**/");
            match below.filter(|below| rule.is_anchored && !below.is_empty()) {
                Some(glob) => rules.push(Rule { glob, ..rule }),
                None if is_deep => rules.push(rule),
                None => {}
            }
        }
    }
    Ok(rules)
}

fn text(tree: &Tree, file: &Utf8Path) -> Result<String> {
    let bytes = tree.read(file)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
}

/// The files of the index that the `.gitignore` files are against. Without git, or a checkout that it reads, the rules
/// alone count.
fn tracked(tree: &Tree) -> HashSet<String> {
    let Ok(shell) = Shell::new() else { return HashSet::new() };
    let root = tree.root();
    let question = cmd!(shell, "git -C {root} ls-files -z --cached --ignored --exclude-per-directory=.gitignore");
    let Ok(output) = Command::from(question).output() else { return HashSet::new() };
    if !output.status.success() {
        return HashSet::new();
    }
    String::from_utf8_lossy(&output.stdout).split_terminator('\0').map(str::to_owned).collect()
}

/// Whether all classes of a glob are such that git and a builder agree on them.
fn has_plain_classes(glob: &str) -> bool {
    let mut rest = glob;
    while let Some(start) = rest.find('[') {
        let Some((class, after)) = rest[start + 1..].split_once(']') else { return false };
        let class = class.strip_prefix(['!', '^']).unwrap_or(class);
        let signs: Vec<_> = class.chars().collect();
        let is_range = |part: &[char]| part[1] != '-' || part[0] < part[2];
        let is_plain = signs.iter().all(|sign| sign.is_ascii_alphanumeric() || "-_. ".contains(*sign));
        if signs.is_empty() || !is_plain || signs[0] == '-' || !signs.windows(3).all(is_range) {
            return false;
        }
        rest = after;
    }
    true
}

fn single_stars(part: &str) -> String {
    let mut text = part.to_owned();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn rules_as_patterns_of_an_ignore_file() {
        for (base, line, expected) in [
            ("", "*.log", Some("**/*.log")),
            ("", "/target/", Some("target")),
            ("a", "/x/y", Some("a/x/y")),
            ("a", "x/y/", Some("a/x/y")),
            ("a [b]", "x", Some("a \\[b\\]/**/x")),
            ("", "a**b", Some("**/a*b")),
            ("", "a/**", Some("a/**")),
            ("", "**/x", Some("**/x")),
            ("", "[!a]b", Some("**/[^a]b")),
            ("", "\\#x", Some("**/\\#x")),
            ("", "x\\ ", Some("**/x\\ ")),
            ("", "x   \r", Some("**/x")),
            ("", "# x", None),
            ("", "", None),
            ("", "/", None),
            ("", "../x", None),
            ("", "[x", None),
            ("", "[]x]", None),
            ("", "[z-a]", None),
        ] {
            let rule = Rule::parse(base.into(), line);
            assert_eq!(rule.map(|rule| rule.pattern()).as_deref(), expected, "{line:?} in {base:?}");
        }
    }

    /// A line of a `.gitignore`, of all that git and builders read alike.
    fn line() -> impl Strategy<Value = String> {
        let names = ["a", "b", "*", "**", "a*", "*b", "?", "a?", "[ab]", "[!a]", "[a-c].x", "ä", "*.x", "a**x", "\\a"];
        let odd = ["{a,b}", "\\#a", "\\!b", "a\\ ", "#a"];
        let name = prop::sample::select([names.as_slice(), odd.as_slice()].concat());
        let ends =
            (prop::sample::select(vec!["", "", "!", "/", "!/"]), prop::sample::select(vec!["", "", "/", " ", "/ "]));
        (prop::collection::vec(name, 1..4), ends)
            .prop_map(|(names, (start, end))| format!("{start}{}{end}", names.join("/")))
    }

    #[test]
    fn git_ignores_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8");
        let names = ["x", "ab", "a.x", "c.x", "ä", "{a,b}", "#a", "!b", "a "];
        let files: Vec<_> = ["", "a", "b", "a/b", "a/b/a", "b/ä"]
            .iter()
            .flat_map(|folder| names.map(|name| Utf8Path::new(folder).below(name)))
            .filter(|file| file != "b/ä")
            .collect();
        for file in &files {
            std::fs::create_dir_all(root.join(file).parent().expect("a folder")).expect("creates");
            std::fs::write(root.join(file), "").expect("writes");
        }
        let question = files.iter().map(|file| format!("{file}\0")).collect::<String>();
        std::fs::write(root.join("question"), question).expect("writes");
        let git = |arguments: &[&str]| {
            let mut git = std::process::Command::new("git");
            git.args(["-C", root.as_str(), "-c", "core.excludesFile="]).args(arguments);
            git.stdin(std::fs::File::open(root.join("question")).expect("opens")).output().expect("starts git").stdout
        };
        git(&["init", "--quiet", "--template="]);
        let lines = || prop::collection::vec(line(), 0..5);
        let config = ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() };
        let ends = TestRunner::new(config).run(&(lines(), lines()), |(top, below)| {
            std::fs::write(root.join(".gitignore"), top.join("\n")).expect("writes");
            std::fs::write(root.join("a/.gitignore"), below.join("\n")).expect("writes");
            let answer = git(&["check-ignore", "--no-index", "--stdin", "-z"]);
            let answer = String::from_utf8(answer).expect("UTF-8");
            let tree = Tree::new(root.to_owned());
            let rules = Rules::default();
            let ignored = files.iter().filter(|file| rules.ignores(&tree, file).expect("reads"));
            let ignored: Vec<_> = ignored.map(|file| file.as_str()).collect();
            prop_assert_eq!(ignored, answer.split_terminator('\0').collect::<Vec<_>>());
            Ok(())
        });
        ends.unwrap_or_else(|error| panic!("{error}"));
    }
}
