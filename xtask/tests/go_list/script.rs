//! Go's test scripts, as far as they change files: each state that a script brings its files into can be looked at.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::archive::Archive;
use super::go::Go;

/// Runs a script in a folder of its own. `look` is called before each command that loads packages, if files changed
/// since the last time.
pub fn run(text: &str, work: &Utf8Path, go: &Go, mut look: impl FnMut()) {
    let archive = Archive::parse(text);
    if archive.comment.contains("-overlay") {
        // What an overlay puts in place of files is not in the repository.
        return;
    }
    let source = work.join("gopath/src");
    fs::create_dir_all(work.join("tmp")).expect("creates");
    fs::create_dir_all(&source).expect("creates");
    let mut script = Script { work: work.to_owned(), folder: source.clone(), environment: BTreeMap::new(), go };
    script.set_up();
    for (name, text) in &archive.files {
        let path = source.join(script.expand(name));
        fs::create_dir_all(path.parent().expect("has a folder")).expect("creates");
        fs::write(path, text).expect("writes");
    }
    let mut changed = true;
    for line in archive.comment.lines() {
        match script.line(line) {
            Effect::None => {}
            Effect::Change => changed = true,
            Effect::Load => {
                if std::mem::take(&mut changed) && !script.is_without_modules() {
                    look();
                }
            }
            Effect::End => return,
        }
    }
}

struct Script<'a> {
    work: Utf8PathBuf,
    folder: Utf8PathBuf,
    environment: BTreeMap<String, String>,
    go: &'a Go,
}

/// What a line of a script does.
enum Effect {
    None,
    Change,
    Load,
    End,
}

impl Script<'_> {
    fn set_up(&mut self) {
        let work = self.work.clone();
        let tmp = work.join("tmp");
        for (name, value) in [
            ("WORK", work.as_str()),
            ("GOPATH", work.join("gopath").as_str()),
            ("HOME", "/no-home"),
            ("TMPDIR", tmp.as_str()),
            ("GOROOT", super::go::root().as_str()),
            ("GOPROXY", &self.go.proxy),
            ("GOOS", "linux"),
            ("GOARCH", "amd64"),
            ("CGO_ENABLED", "1"),
            ("exe", ""),
            ("/", "/"),
            (":", ":"),
            ("=", "="),
            ("$", "$"),
        ] {
            self.environment.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Runs a line.
    fn line(&mut self, line: &str) -> Effect {
        let mut words = self.words(line);
        while let Some(condition) = words.first().and_then(|word| word.strip_prefix('[')?.strip_suffix(']')) {
            if !holds(condition) {
                return Effect::None;
            }
            words.remove(0);
        }
        while words.first().is_some_and(|word| word == "!" || word == "?") {
            words.remove(0);
        }
        let Some((command, arguments)) = words.split_first() else { return Effect::None };
        let paths: Vec<_> = arguments.iter().map(|argument| self.folder.join(argument)).collect();
        match (command.as_str(), paths.as_slice()) {
            ("skip" | "stop" | "exec" | "chmod", _) => return Effect::End,
            ("env", _) => {
                for (name, value) in arguments.iter().filter_map(|argument| argument.split_once('=')) {
                    self.environment.insert(name.to_owned(), value.to_owned());
                }
                return Effect::Change;
            }
            ("cd", [folder]) if folder.is_dir() => self.folder = clean(folder),
            ("cd", _) => return Effect::End,
            ("cp", [sources @ .., target]) if !arguments.iter().any(|name| name == "stdout" || name == "stderr") => {
                for source in sources {
                    copy(source, target);
                }
            }
            ("cp", _) => return Effect::End,
            ("mv", [from, to]) => fs::rename(from, to).unwrap_or_default(),
            ("rm", paths) => {
                for path in paths {
                    if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
                        .unwrap_or_default();
                }
            }
            ("mkdir", paths) => paths.iter().for_each(|path| fs::create_dir_all(path).expect("creates")),
            ("symlink", [link, _, _]) => {
                std::os::unix::fs::symlink(&arguments[2], link).unwrap_or_default();
            }
            ("go", _) => return self.go(arguments),
            _ => return Effect::None,
        }
        Effect::Change
    }

    /// Runs the commands of Go that change files; the others only load packages.
    fn go(&self, arguments: &[String]) -> Effect {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        match arguments.first().copied() {
            Some("mod" | "work" | "get") => {
                let mut environment = self.environment.clone();
                environment.retain(|name, _| {
                    !["PATH", "GOPATH", "HOME", "TMPDIR", "/", ":", "=", "$", ""].contains(&name.as_str())
                });
                self.go.with(&environment).run(&self.folder, &arguments);
                Effect::Change
            }
            Some("list" | "build" | "run" | "install" | "test" | "vet") => Effect::Load,
            _ => Effect::None,
        }
    }

    fn is_without_modules(&self) -> bool {
        let value = |name: &str| self.environment.get(name).map(String::as_str).unwrap_or_default();
        value("GO111MODULE") == "off" || value("GOFLAGS").contains("-overlay")
    }

    /// Splits a line at spaces outside single quotes, and puts in the values of variables.
    fn words(&self, line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        for (number, piece) in line.split('\'').enumerate() {
            if number % 2 == 1 {
                word.get_or_insert_default().push_str(piece);
                continue;
            }
            for (at, part) in piece.split([' ', '\t']).enumerate() {
                if at > 0 {
                    words.extend(word.take());
                }
                if word.is_none() && part.starts_with('#') {
                    return words;
                }
                if !part.is_empty() {
                    word.get_or_insert_default().push_str(&self.expand(part));
                }
            }
        }
        words.extend(word);
        words
    }

    fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (name, after) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some(braced) => braced,
                None => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    after.split_at(end.max(usize::from(!after.is_empty())))
                }
            };
            expanded.push_str(self.environment.get(name).map(String::as_str).unwrap_or_default());
            rest = after;
        }
        expanded + rest
    }
}

fn holds(condition: &str) -> bool {
    match condition.strip_prefix('!') {
        Some(condition) => !holds(condition),
        None => ["GOOS:linux", "GOARCH:amd64", "cgo", "symlink", "case-sensitive", "gc"].contains(&condition),
    }
}

/// The path without `.` and `..`.
fn clean(path: &Utf8Path) -> Utf8PathBuf {
    let mut clean = Utf8PathBuf::new();
    for part in path.components() {
        match part.as_str() {
            "." => {}
            ".." => drop(clean.pop()),
            part => clean.push(part),
        }
    }
    clean
}

fn copy(source: &Utf8Path, target: &Utf8Path) {
    let target = if target.is_dir() { target.join(source.file_name().expect("has a name")) } else { target.to_owned() };
    if fs::copy(source, &target).is_ok() {
        // Files of Go's own tree may be read-only.
        let mut permissions = target.metadata().expect("is there").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        fs::set_permissions(&target, permissions).expect("can be set");
    }
}
