//! What C, C++ and assembly reach beyond the files that Go lists: headers elsewhere, libraries in the repository.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::constraint::Expression;
use super::folder::Kind;
use super::package::Package;
use super::platforms::{Mask, Platforms};
use crate::discover::paths::within;
use crate::files::tree::Tree;

/// Finds the files of the repository that a package includes or links; each with the file that asks for it.
pub(super) fn reached(
    tree: &Tree,
    package: &Package,
    platforms: &Platforms,
    mask: Mask,
) -> Result<BTreeMap<Utf8PathBuf, Utf8PathBuf>> {
    let mut search = Search { tree, dir: &package.folder.dir, include_dirs: Vec::new(), found: BTreeMap::new() };
    let mut texts = Vec::new();
    for source in package.built(mask) {
        let path = package.folder.path(source);
        match source.kind {
            Kind::Go => {
                for (_, preamble) in &package.folder.header(tree, source)?.preambles {
                    search.read_flags(&path, preamble, platforms, mask)?;
                    texts.push((path.clone(), preamble.clone()));
                }
            }
            Kind::Object => {}
            _ => {
                let text = tree.read(&path)?.unwrap_or_default();
                texts.push((path, String::from_utf8_lossy(&text).into_owned()));
            }
        }
    }
    search.follow(texts)?;
    for source in package.built(mask) {
        search.found.remove(&package.folder.path(source));
    }
    Ok(search.found)
}

struct Search<'a> {
    tree: &'a Tree,
    dir: &'a Utf8Path,
    include_dirs: Vec<Utf8PathBuf>,
    found: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
}

impl Search<'_> {
    /// Reads the `#cgo` lines of a comment over `import "C"`.
    fn read_flags(&mut self, file: &Utf8Path, preamble: &str, platforms: &Platforms, mask: Mask) -> Result<()> {
        let mut library_dirs = Vec::new();
        let mut libraries = Vec::new();
        for line in preamble.lines() {
            let Some((verb, arguments)) = cgo_line(line, platforms, mask) else { continue };
            let mut arguments = arguments.into_iter();
            while let Some(argument) = arguments.next() {
                let mut value = |option: &str| {
                    let rest = argument.strip_prefix(option)?;
                    if rest.is_empty() { arguments.next() } else { Some(rest.to_owned()) }
                };
                if verb == "LDFLAGS" {
                    if let Some(dir) = value("-L") {
                        library_dirs.push(dir);
                    } else if let Some(name) = value("-l") {
                        libraries.push(name);
                    } else {
                        // An option for the linker, as `-Wl,-T,script.ld`, may hold a file.
                        for part in argument.split(',') {
                            self.add_file(part, file)?;
                        }
                    }
                } else if let Some(dir) = ["-I", "-isystem", "-iquote", "-idirafter"].into_iter().find_map(&mut value) {
                    self.include_dirs.extend(within(self.dir, &dir));
                } else {
                    self.add_file(&argument, file)?;
                }
            }
        }
        for name in libraries {
            let names = match name.strip_prefix(':') {
                Some(name) => vec![name.to_owned()],
                None => vec![format!("lib{name}.a"), format!("lib{name}.so")],
            };
            for dir in &library_dirs {
                for name in &names {
                    self.add_file(&format!("{dir}/{name}"), file)?;
                }
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &str, asker: &Utf8Path) -> Result<()> {
        if let Some(path) = within(self.dir, path).filter(|path| !path.as_str().is_empty())
            && self.tree.holds_file(&path)?
        {
            self.found.entry(path).or_insert_with(|| asker.to_owned());
        }
        Ok(())
    }

    /// Follows the include lines of texts, and those of what they include.
    fn follow(&mut self, mut texts: Vec<(Utf8PathBuf, String)>) -> Result<()> {
        let mut seen: BTreeSet<Utf8PathBuf> = texts.iter().map(|(path, _)| path.clone()).collect();
        while let Some((file, text)) = texts.pop() {
            for name in text.lines().filter_map(included) {
                let Some(path) = self.find_header(&file, name)? else { continue };
                if seen.insert(path.clone()) {
                    let text = self.tree.read(&path)?.unwrap_or_default();
                    texts.push((path.clone(), String::from_utf8_lossy(&text).into_owned()));
                }
                self.found.entry(path).or_insert_with(|| file.clone());
            }
        }
        Ok(())
    }

    /// Looks beside the file, in the package's folder, then in the folders of the flags.
    fn find_header(&self, file: &Utf8Path, name: &str) -> Result<Option<Utf8PathBuf>> {
        let beside = file.parent().unwrap_or(Utf8Path::new(""));
        let dirs = [beside, self.dir].into_iter().chain(self.include_dirs.iter().map(Utf8PathBuf::as_path));
        for path in dirs.filter_map(|dir| within(dir, name)) {
            if self.tree.holds_file(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

/// The verb and the arguments of a `#cgo` line that holds on one of the platforms.
fn cgo_line(line: &str, platforms: &Platforms, mask: Mask) -> Option<(String, Vec<String>)> {
    let rest = line.trim().strip_prefix("#cgo")?;
    let (left, arguments) = rest.strip_prefix([' ', '\t'])?.split_once(':')?;
    let mut words: Vec<_> = left.split_whitespace().collect();
    let verb = words.pop()?;
    let holds = |word: &&str| {
        let expression = if word.contains(['&', '|', '(', ')']) {
            Expression::parse(word).ok()
        } else {
            Expression::parse_old(word)
        };
        expression.is_some_and(|expression| platforms.matching(&expression) & mask != 0)
    };
    let is_met = words.is_empty() || words.iter().any(holds);
    is_met.then(|| (verb.to_owned(), split_quoted(&arguments.replace("${SRCDIR}", "."))))
}

/// Splits at spaces outside quotes, as Go splits the flags of a `#cgo` line.
fn split_quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            _ if quote == Some(character) => quote = None,
            _ if quote.is_some() => word.get_or_insert_default().push(character),
            '"' | '\'' => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            _ if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// The file that a line includes: `#include "x.h"`, `#include <x.h>`, `%include "x.i"`, `.incbin "x"`.
fn included(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = if let Some(directive) = line.strip_prefix(['#', '%']) {
        let directive = directive.trim_start();
        // The longer words come first, since each begins with the next.
        ["include_next", "include", "import", "embed"].iter().find_map(|word| directive.strip_prefix(word))?
    } else {
        line.strip_prefix(".incbin")?
    };
    let rest = rest.trim_start();
    let (open, rest) = (rest.chars().next()?, rest.get(1..)?);
    let close = match open {
        '"' => '"',
        '<' => '>',
        _ => return None,
    };
    rest.split_once(close).map(|(name, _)| name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn include_lines_are_told_from_others() {
        let table = [
            ("#include \"a/b.h\"", Some("a/b.h")),
            ("  #  include <a.h> // why", Some("a.h")),
            ("#include_next <a.h>", Some("a.h")),
            ("#import \"A.h\"", Some("A.h")),
            ("%include \"a.i\"", Some("a.i")),
            ("\t.incbin \"data.bin\"", Some("data.bin")),
            ("#include MACRO", None),
            ("#define include \"a.h\"", None),
            ("#include \"", None),
            ("", None),
        ];
        for (line, name) in table {
            assert_eq!(included(line), name, "{line}");
        }
    }

    /// From the table of Go's `splitQuoted`.
    #[test]
    fn flags_are_split_as_in_go() {
        let table: [(&str, &[&str]); 5] = [
            ("-I. -L./lib  -lfoo", &["-I.", "-L./lib", "-lfoo"]),
            (r#""-Dx=a b" -y"#, &["-Dx=a b", "-y"]),
            (r#"a b:"c d" 'e''f'  "g\"""#, &["a", "b:c d", "ef", "g\""]),
            (r"a\ b", &["a b"]),
            (r#" "" "#, &[""]),
        ];
        for (text, words) in table {
            assert_eq!(split_quoted(text), words, "{text}");
        }
    }
}
