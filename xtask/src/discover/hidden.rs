//! What of a repository no builder is shown: what git ignores, and what has the name of a secret, unless the build reads it.

mod gitignore;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::files::tree::{Below as _, Tree};
use gitignore::{Rule, Rules};

/// Names that secrets go by, as globs. They stay hidden even where git has them, unless a key or a source names the file.
pub const SECRETS: [&str; 17] = [
    ".env",
    ".env.*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "id_rsa*",
    "id_ed25519*",
    ".npmrc",
    ".netrc",
    ".git-credentials",
    ".aws",
    ".ssh",
    "credentials.json",
    "credentials.toml",
    "service-account*.json",
    "*dump*.sql",
];

/// How the names of templates end, which hold no secret.
const TEMPLATES: [&str; 5] = [".example", ".sample", ".template", ".dist", ".defaults"];

/// Folders of packages that a tool has fetched; never a part of a Rust package.
const FETCHED: &str = "node_modules";

/// Folders of a package that no rule has to hide: nothing shows them.
const NOT_SHOWN: [&str; 4] = ["benches", "examples", "target", "tests"];

/// More files than this that a rule hides by mistake, and the files are named that it means.
const MOST_EXCEPTIONS: usize = 8;

/// What an ignore file needs beside the folders that it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Patterns of an ignore file.
    pub patterns: Vec<String>,
    /// What these hide although git does not ignore it, or the build reads it.
    pub shown: Vec<Utf8PathBuf>,
    /// Whether a folder is shown as a whole, so that secrets have to be hidden by their names.
    pub guards: bool,
    /// Files with the name of a secret that the build reads all the same.
    pub secrets: Vec<Utf8PathBuf>,
    /// What the build reads although git ignores it, sorted: another checkout may not have it.
    pub needed: Vec<Utf8PathBuf>,
}

/// What is known of folders, kept with the tree since services share packages.
#[derive(Debug, Default)]
struct Folders(Mutex<HashMap<String, Arc<Folder>>>);

/// A folder that is shown as a whole.
#[derive(Debug, Default)]
struct Folder {
    rules: Vec<Rule>,
    /// Files that git does not ignore, by the rule whose pattern hides them.
    exceptions: BTreeMap<usize, Vec<Utf8PathBuf>>,
    /// What git ignores, whole folders as one.
    ignored: Vec<Utf8PathBuf>,
    /// Templates with names that patterns for secrets match.
    templates: Vec<Utf8PathBuf>,
}

/// Whether a path has the name of a secret, or lies in a folder that has.
pub fn is_secret(path: &Utf8Path) -> bool {
    let is_template = |name: &str| TEMPLATES.iter().any(|ending| name.ends_with(ending));
    path.components().any(|part| {
        let name = part.as_str();
        !is_template(name) && SECRETS.iter().any(|glob| fast_glob::glob_match(glob, name))
    })
}

/// Whether git ignores a path.
///
/// # Errors
/// A `.gitignore` that cannot be read.
pub(super) fn is_ignored(tree: &Tree, path: &Utf8Path) -> Result<bool> {
    tree.derived::<Rules>().ignores(tree, path)
}

/// Whether a file below a folder that a source names is hidden all the same: a secret, what a tool fetched, and where not
/// `all` of the folder is read for sure, what git ignores in a folder that it does not ignore.
///
/// # Errors
/// See [`is_ignored`].
pub(super) fn is_hidden_in(tree: &Tree, folder: &Utf8Path, file: &Utf8Path, all: bool) -> Result<bool> {
    let inside = file.strip_prefix(folder).unwrap_or(file);
    if is_secret(inside) || inside.components().any(|part| part.as_str() == FETCHED) {
        return Ok(true);
    }
    Ok(!all && is_ignored(tree, file)? && !is_ignored(tree, folder)?)
}

/// What hides, below the folders of packages and those that sources name, all that no build is to see, but for what is
/// `needed`.
///
/// # Errors
/// See [`is_ignored`].
pub(super) fn hidden(
    tree: &Tree,
    packages: &[Utf8PathBuf],
    named: &[Utf8PathBuf],
    needed: &BTreeSet<Utf8PathBuf>,
) -> Result<Hidden> {
    let mut rules: Vec<(Rule, Vec<Utf8PathBuf>)> = Vec::new();
    let (mut ignored, mut templates) = (BTreeSet::new(), BTreeSet::new());
    for folder in packages.iter().chain(named) {
        let known = look(tree, folder)?;
        for (at, rule) in known.rules.iter().enumerate() {
            let exceptions = known.exceptions.get(&at).cloned().unwrap_or_default();
            match rules.iter_mut().find(|(other, _)| other == rule) {
                Some((_, all)) => all.extend(exceptions),
                None => rules.push((rule.clone(), exceptions)),
            }
        }
        ignored.extend(known.ignored.iter().cloned());
        templates.extend(known.templates.iter().cloned());
    }
    // A rule that hides a whole package, or too much of what git has, is not the rule's meaning; see what it is below.
    let is_folder = |rule: &Rule| packages.iter().any(|folder| rule.hides(folder));
    let (kept, dropped): (Vec<_>, Vec<_>) =
        rules.into_iter().partition(|(rule, exceptions)| exceptions.len() <= MOST_EXCEPTIONS && !is_folder(rule));
    let mut patterns = vec![format!("**/{FETCHED}")];
    for pattern in kept.iter().map(|(rule, _)| rule.pattern()) {
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    if !dropped.is_empty() {
        let is_hidden = |path: &Utf8PathBuf| kept.iter().any(|(rule, _)| rule.hides(path));
        let named = ignored.iter().filter(|path| !is_hidden(path) && !packages.contains(path));
        patterns.extend(named.map(|path| crate::quote::ignore_pattern(path.as_str())));
    }
    let mut shown: BTreeSet<_> = kept.iter().flat_map(|(_, exceptions)| exceptions.iter().cloned()).collect();
    let literal: Vec<_> = if dropped.is_empty() { Vec::new() } else { ignored.iter().collect() };
    let is_hidden = |path: &Utf8Path| {
        path.components().any(|part| part.as_str() == FETCHED)
            || kept.iter().any(|(rule, _)| rule.hides(path))
            || literal.iter().any(|hidden| path.starts_with(hidden))
    };
    shown.extend(needed.iter().filter(|path| is_hidden(path)).cloned());
    // A file below a folder that is shown needs no line of its own.
    let all = shown.clone();
    shown.retain(|path| !path.ancestors().skip(1).any(|folder| all.contains(folder)));
    let secrets = needed.iter().filter(|path| is_secret(path)).cloned().chain(templates).collect();
    Ok(Hidden {
        patterns,
        shown: shown.into_iter().collect(),
        guards: true,
        secrets,
        needed: ignored_of(tree, needed)?,
    })
}

/// Those of these paths that git ignores, sorted.
///
/// # Errors
/// See [`is_ignored`].
pub(super) fn ignored_of<'a>(
    tree: &Tree,
    paths: impl IntoIterator<Item = &'a Utf8PathBuf>,
) -> Result<Vec<Utf8PathBuf>> {
    let mut ignored = Vec::new();
    for path in paths {
        if is_ignored(tree, path)? {
            ignored.push(path.clone());
        }
    }
    ignored.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    ignored.dedup();
    Ok(ignored)
}

fn look(tree: &Tree, folder: &Utf8Path) -> Result<Arc<Folder>> {
    let folders = tree.derived::<Folders>();
    let known = || folders.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known().get(folder.as_str()) {
        return Ok(Arc::clone(known));
    }
    let rules = tree.derived::<Rules>();
    let about = rules.about(tree, folder)?;
    let mut found = Folder::default();
    let mut waiting = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(place) = waiting.pop() {
        for entry in tree.entries(&place)?.iter() {
            let path = place.below(&entry.name);
            let is_left_out = place == folder && NOT_SHOWN.contains(&entry.name.as_str());
            if is_left_out || [".git", FETCHED].contains(&entry.name.as_str()) {
                continue;
            }
            if rules.ignores(tree, &path)? {
                found.ignored.push(path);
            } else if entry.is_folder() {
                if tree.kind(&path.below("Cargo.toml"))?.is_none() {
                    waiting.push(path);
                }
            } else {
                files.push(path);
            }
        }
    }
    // Below a folder that git ignores it may still have files.
    if !found.ignored.is_empty() {
        files.extend(rules.tracked(tree).filter(|path| path.starts_with(folder)).map(Utf8Path::to_owned));
    }
    for file in files {
        let name = file.file_name().unwrap_or_default();
        if !is_secret(&file) && SECRETS.iter().any(|glob| fast_glob::glob_match(glob, name)) {
            found.templates.push(file.clone());
        }
        for (at, rule) in about.iter().enumerate() {
            if rule.hides(&file) {
                found.exceptions.entry(at).or_default().push(file.clone());
            }
        }
    }
    found.ignored.sort();
    found.templates.sort();
    found.rules = about;
    let found = Arc::new(found);
    known().insert(folder.to_string(), Arc::clone(&found));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_ignores_is_hidden_but_for_what_is_needed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8").to_owned();
        let files =
            ["a/src/main.rs", "a/src/made.rs", "a/keep.log", "a/x.log", "a/dist/app.js", "a/.env", "a/.env.example"];
        for file in files {
            std::fs::create_dir_all(root.join(file).parent().expect("a folder")).expect("creates");
            std::fs::write(root.join(file), "").expect("writes");
        }
        std::fs::write(root.join(".gitignore"), "*.log\n!keep.log\n/a/src/made.rs\ndist/\n/b/x\n.env\n")
            .expect("writes");
        let tree = Tree::new(root);
        let needed = ["a/src/main.rs", "a/src/made.rs", "a/dist"].map(Utf8PathBuf::from);
        let hidden = hidden(&tree, &["a".into()], &[], &needed.into()).expect("reads");
        assert_eq!(hidden.patterns, ["**/node_modules", "**/*.log", "a/src/made.rs", "**/dist", "**/.env"]);
        assert_eq!(hidden.shown, ["a/dist", "a/keep.log", "a/src/made.rs"]);
        assert_eq!(hidden.secrets, ["a/.env.example"]);
        assert_eq!(hidden.needed, ["a/dist", "a/src/made.rs"]);
    }
}
