//! `//go:embed`: the patterns in a file, and the files that they mean.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use memchr::{memchr, memchr_iter, memmem};

use super::glob::{Glob, has_meta};
use super::header::Pattern;
use super::names::is_file_name;
use super::quote::unquote;
use crate::files::tree::{Below as _, Kind, Tree};

/// Finds the embed patterns of a whole Go file. Lines that are not well-formed are the compiler's to find.
pub(super) fn patterns(bytes: &[u8]) -> Vec<Pattern> {
    let mut found = Vec::new();
    if memmem::find(bytes, b"//go:embed").is_none() {
        return found;
    }
    let mut line = 1;
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let length = match first {
            b'/' if rest.starts_with(b"//") => {
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                let text = String::from_utf8_lossy(&rest[..end]);
                if let Some(arguments) = arguments(&text) {
                    found.extend(arguments.into_iter().map(|text| Pattern { line, text }));
                }
                end
            }
            b'/' if rest.starts_with(b"/*") => memmem::find(&rest[2..], b"*/").map_or(rest.len(), |at| at + 4),
            b'`' => memchr(b'`', &rest[1..]).map_or(rest.len(), |at| at + 2),
            b'"' | b'\'' => literal_length(rest),
            b'\n' => 1,
            // Of code only what may begin a comment or a literal matters, and where lines end.
            _ => rest.iter().position(|byte| b"/`\"'\n".contains(byte)).unwrap_or(rest.len()).max(1),
        };
        let (taken, after) = rest.split_at(length);
        line += memchr_iter(b'\n', taken).count() as u32;
        rest = after;
    }
    found
}

/// The length of a string or character literal, which ends with its line at the latest.
fn literal_length(text: &[u8]) -> usize {
    let quote = text[0];
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            byte if *byte == quote => return at + 1,
            b'\n' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// The arguments of an embed comment: words, or Go strings.
fn arguments(comment: &str) -> Option<Vec<String>> {
    let rest = comment.strip_prefix("//go:embed")?;
    let mut rest = rest.strip_prefix(char::is_whitespace)?.trim();
    let mut arguments = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '`' => rest[1..].find('`')? + 2,
            '"' => literal_length(rest.as_bytes()),
            _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at_checked(length)?;
        // What follows a string must be apart from it.
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return None;
        }
        arguments.push(if matches!(first, '"' | '`') { unquote(word)? } else { word.to_owned() });
        rest = after.trim_start();
    }
    Some(arguments)
}

/// The files that a pattern means, seen from the package's folder; sorted.
///
/// The inner error is what Go says where it refuses the pattern.
pub(super) fn resolve(tree: &Tree, package: &Utf8Path, pattern: &str) -> Result<Result<BTreeSet<Utf8PathBuf>, String>> {
    let (glob, with_hidden) = match pattern.strip_prefix("all:") {
        Some(glob) => (glob, true),
        None => (pattern, false),
    };
    let is_path = glob.split('/').all(|element| !matches!(element, "" | "." | ".."));
    if !is_path || glob.split('/').any(|element| Glob::parse(element).is_none()) {
        return Ok(Err("invalid pattern syntax".to_owned()));
    }
    let mut files = BTreeSet::new();
    for path in expand(tree, package, glob)? {
        let kind = tree.kind(&package.below(&path))?;
        if let Some(message) = refusal(tree, package, &path, kind)? {
            return Ok(Err(message));
        }
        match kind {
            Some(Kind::File) => drop(files.insert(path)),
            Some(Kind::Folder) => {
                let mut found = BTreeSet::new();
                if let Err(message) = files_below(tree, package, &path, with_hidden, &mut found)? {
                    return Ok(Err(message));
                }
                if found.is_empty() {
                    return Ok(Err(format!("cannot embed directory {path}: contains no embeddable files")));
                }
                files.append(&mut found);
            }
            _ => return Ok(Err(format!("cannot embed irregular file {path}"))),
        }
    }
    Ok(if files.is_empty() { Err("no matching files found".to_owned()) } else { Ok(files) })
}

/// What a pattern matches, hidden names included.
fn expand(tree: &Tree, package: &Utf8Path, glob: &str) -> Result<Vec<Utf8PathBuf>> {
    if !has_meta(glob) {
        return Ok(if tree.kind(&package.below(glob))?.is_some() { vec![glob.into()] } else { Vec::new() });
    }
    let (above, last) = glob.rsplit_once('/').unwrap_or(("", glob));
    let folders = if has_meta(above) { expand(tree, package, above)? } else { vec![above.into()] };
    let Some(last) = Glob::parse(last) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for folder in folders {
        let entries = tree.entries(&package.below(&folder))?;
        found.extend(entries.iter().filter(|entry| last.matches(&entry.name)).map(|entry| folder.below(&entry.name)));
    }
    Ok(found)
}

/// Why what stands at a path cannot be embedded: because of its name, or of a folder that it lies in.
fn refusal(tree: &Tree, package: &Utf8Path, path: &Utf8Path, kind: Option<Kind>) -> Result<Option<String>> {
    let what = if kind == Some(Kind::Folder) { "directory" } else { "file" };
    for part in path.ancestors().filter(|part| !part.as_str().is_empty()) {
        if tree.kind(&package.below(part).below("go.mod"))?.is_some() {
            return Ok(Some(format!("cannot embed {what} {path}: in different module")));
        }
        if part != path && tree.kind(&package.below(part))? != Some(Kind::Folder) {
            return Ok(Some(format!("cannot embed {what} {path}: in non-directory {part}")));
        }
        let name = part.file_name().unwrap_or_default();
        if is_bad_name(name) {
            let place = if part == path { "invalid name" } else { "in invalid directory" };
            return Ok(Some(format!("cannot embed {what} {path}: {place} {name}")));
        }
    }
    Ok(None)
}

/// Gathers the regular files of a folder. Those below a folder that is a module of its own are not in this module.
fn files_below(
    tree: &Tree,
    package: &Utf8Path,
    folder: &Utf8Path,
    with_hidden: bool,
    files: &mut BTreeSet<Utf8PathBuf>,
) -> Result<Result<(), String>> {
    for entry in tree.entries(&package.below(folder))?.iter() {
        let path = folder.below(&entry.name);
        let is_hidden = entry.name.starts_with(['.', '_']);
        let is_bad = is_bad_name(&entry.name);
        if is_bad || is_hidden && !with_hidden {
            if entry.kind != Kind::Folder && !is_hidden {
                return Ok(Err(format!("cannot embed file {path}: invalid name {}", entry.name)));
            }
            continue;
        }
        match entry.kind {
            Kind::File => drop(files.insert(path)),
            Kind::Folder if tree.kind(&package.below(&path).below("go.mod"))?.is_none() => {
                if let Err(message) = files_below(tree, package, &path, with_hidden, files)? {
                    return Ok(Err(message));
                }
            }
            _ => {}
        }
    }
    Ok(Ok(()))
}

/// Names that no file of a published module has.
fn is_bad_name(name: &str) -> bool {
    !is_file_name(name) || [".bzr", ".hg", ".git", ".svn"].contains(&name)
}
