//! From what build files mention to services.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::shell::UNKNOWN;
use crate::discover::go;
use crate::discover::paths::within;
use crate::files::tree::Tree;
use crate::service::{Language, Service, Source};

/// Something that a file builds or ships.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) file: Utf8PathBuf,
    /// Whether it is one of a release without doubt.
    pub(super) is_sure: bool,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A Go package as it is written, seen from one of these folders; else what has this name.
    Go { folders: Vec<Utf8PathBuf>, package: String, or_name: Option<String> },
    /// A package or binary of Cargo.
    Cargo(String),
    /// The package of Cargo in the first of these folders that has one.
    CargoIn(Vec<Utf8PathBuf>),
    /// A program of this name, rather below this folder.
    Named { name: String, near: Utf8PathBuf },
    /// Something that a program in another language builds.
    Unread,
    /// A release takes the file at this path.
    Taken(String),
    /// What an image starts.
    Starts { names: Vec<String>, near: Utf8PathBuf },
}

/// Which services are shipped.
#[derive(Debug, Default)]
pub(crate) struct Shipped {
    /// By the place of a service among all: the file that ships it.
    by: BTreeMap<usize, (bool, Utf8PathBuf)>,
    /// The languages of which all that is shipped is known.
    known: Vec<Language>,
}

/// What the repository's files say of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Evidence<'a> {
    /// Nothing that could be understood.
    None,
    /// This file ships it.
    ShippedBy(&'a Utf8Path),
    /// This file builds it or speaks of it, and ships something.
    NamedIn(&'a Utf8Path),
    /// They ship others of its language, and all that they ship was understood.
    OnlyOfOthers,
}

impl Shipped {
    /// What is known of the service at a place.
    pub(crate) fn of(&self, place: usize, service: &Service) -> Evidence<'_> {
        match self.by.get(&place) {
            Some((true, file)) => Evidence::ShippedBy(file),
            Some((false, file)) => Evidence::NamedIn(file),
            None if self.known.contains(&service.language()) => Evidence::OnlyOfOthers,
            None => Evidence::None,
        }
    }
}

/// Names too common to say anything as a word of a text.
const COMMON: [&str; 22] = [
    "agent",
    "app",
    "build",
    "check",
    "client",
    "common",
    "dist",
    "generate",
    "generator",
    "hello",
    "init",
    "install",
    "internal",
    "main",
    "plugin",
    "print",
    "release",
    "server",
    "test",
    "time",
    "vet",
    "worker",
];

/// Whether a text speaks of a service by the path of its folder or by its name.
fn speaks_of(text: &str, service: &Service) -> bool {
    let has = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !before.ends_with(is_part)
                && !after.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                && !after.strip_prefix('-').is_some_and(|after| {
                    after.starts_with(|next: char| next.is_ascii_lowercase() && !after.starts_with("linux"))
                })
        })
    };
    let is_telling = |name: &&str| name.len() > 3 && !COMMON.contains(name);
    let names: Vec<&str> = match &service.source {
        Source::Go(main) => vec![&main.executable],
        Source::Rust(_) => service.bins.iter().map(String::as_str).collect(),
    };
    service.dir.as_str().contains('/') && has(service.dir.as_str())
        || names.iter().filter(|name| is_telling(name)).any(|name| has(name))
}

pub(super) fn shipped(
    tree: &Tree,
    services: &[Service],
    mentions: &[Mention],
    texts: &BTreeMap<Utf8PathBuf, String>,
) -> Shipped {
    let matcher = Matcher { tree, services };
    let mut shipped = Shipped::default();
    let mut is_complete = true;
    for mention in mentions {
        let found = match &mention.what {
            What::Go { folders, package, or_name } => {
                let mut found = matcher.go(folders, package);
                if let (true, Some(name)) = (found.is_empty(), or_name) {
                    found = matcher.named(name, Utf8Path::new(""));
                }
                is_complete &= !found.is_empty() || matcher.is_known(folders, package);
                found
            }
            What::Cargo(name) => {
                is_complete &= !name.contains(UNKNOWN);
                matcher.places(|service| is_of_cargo(service, name))
            }
            What::CargoIn(folders) => {
                let at = |folder: &Utf8PathBuf| matcher.places(|service| is_rust(service) && service.dir == *folder);
                folders.iter().map(at).find(|found| !found.is_empty()).unwrap_or_default()
            }
            What::Taken(path) => matcher.places(|service| is_left_at(service, path)),
            What::Unread => {
                is_complete = false;
                Vec::new()
            }
            What::Named { name, near } => matcher.named(name, near),
            What::Starts { names, near } => names.iter().flat_map(|name| matcher.named(name, near)).collect(),
        };
        for place in found {
            let by = shipped.by.entry(place).or_insert_with(|| (mention.is_sure, mention.file.clone()));
            if mention.is_sure && !by.0 {
                *by = (true, mention.file.clone());
            }
        }
    }
    for mention in mentions {
        if let What::Starts { names, .. } = &mention.what {
            is_complete &= !starts_what_is_not_found(&matcher, mentions, &mention.file, names);
        }
    }
    let has = |language| shipped.by.keys().any(|place| services[*place].language() == language);
    shipped.known =
        [Language::Go, Language::Rust].into_iter().filter(|language| is_complete && has(*language)).collect();
    if !shipped.known.is_empty() {
        for (place, service) in services.iter().enumerate() {
            let file =
                || texts.iter().find(|(_, text)| speaks_of(text, service)).map(|(file, _)| (false, file.clone()));
            if let std::collections::btree_map::Entry::Vacant(entry) = shipped.by.entry(place)
                && let Some(by) = file()
            {
                entry.insert(by);
            }
        }
    }
    shipped
}

/// What images start that is no program of the repository.
const STARTERS: [&str; 16] = [
    "bash",
    "busybox",
    "catatonit",
    "docker-entrypoint",
    "dumb-init",
    "entrypoint",
    "env",
    "java",
    "nginx",
    "node",
    "npm",
    "python",
    "python3",
    "sh",
    "sleep",
    "tini",
];

/// Whether an image starts a program that the repository builds, and it is not found under its name or path.
fn starts_what_is_not_found(matcher: &Matcher<'_>, mentions: &[Mention], file: &Utf8Path, names: &[String]) -> bool {
    let of_file = || mentions.iter().filter(|mention| mention.file == file);
    let is_program = |name: &&String| !STARTERS.contains(&name.as_str());
    let Some(name) = names.iter().find(is_program) else { return false };
    let is_copied =
        of_file().any(|mention| matches!(&mention.what, What::Named { name: copied, .. } if copied == name));
    let is_path_found = of_file().any(|mention| {
        matches!(&mention.what, What::Go { folders, package, .. } if !matcher.go(folders, package).is_empty())
    });
    is_copied && !is_path_found && names.iter().all(|name| matcher.all_named(name).is_empty())
}

struct Matcher<'a> {
    tree: &'a Tree,
    services: &'a [Service],
}

impl Matcher<'_> {
    fn places(&self, is_meant: impl Fn(&Service) -> bool) -> Vec<usize> {
        self.services.iter().enumerate().filter(|(_, service)| is_meant(service)).map(|(place, _)| place).collect()
    }

    /// The main packages that a Go command names.
    fn go(&self, folders: &[Utf8PathBuf], package: &str) -> Vec<usize> {
        // A path that begins with an unknown folder begins with the repository's, more often than not.
        let package = folder_of(package.strip_prefix("*/").unwrap_or(package));
        if package == "..." || package == "./..." {
            return Vec::new();
        }
        if let Some(found) = self.imported(package) {
            return found;
        }
        for folder in folders {
            let Some(path) = within(folder, package) else { continue };
            let found = self.places(|service| is_go(service) && is_at(&service.dir, path.as_str()));
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// The main packages of an import path, where the text is one of a module here.
    fn imported(&self, package: &str) -> Option<Vec<usize>> {
        let module = |service: &Service| match &service.source {
            Source::Go(main) if !main.module.path.is_empty() => Some(main.module.clone()),
            _ => None,
        };
        self.services.iter().filter_map(module).find_map(|module: go::Module| {
            let rest = package.strip_prefix(module.path.as_str())?;
            let path = within(&module.dir, rest.strip_prefix('/').or(rest.is_empty().then_some(""))?)?;
            let found = self.places(|service| is_go(service) && is_at(&service.dir, path.as_str()));
            (!found.is_empty()).then_some(found)
        })
    }

    /// Whether a Go command that names no service is understood all the same.
    fn is_known(&self, folders: &[Utf8PathBuf], package: &str) -> bool {
        let path = folder_of(package.strip_prefix("*/").unwrap_or(package));
        if path == "./..." || path == "..." || path.contains(UNKNOWN) {
            return false;
        }
        // An import path of another repository, or a place in the container.
        if path.starts_with('/')
            || !path.starts_with('.') && path.split('/').next().is_some_and(|first| first.contains('.'))
        {
            return true;
        }
        path.contains("...")
            || folders.is_empty()
            || folders.iter().filter_map(|folder| within(folder, path)).any(|path| self.tree.is_folder(&path))
    }

    /// The programs of a name, those below `near` where there are some. A name that many have says nothing.
    fn named(&self, name: &str, near: &Utf8Path) -> Vec<usize> {
        let found = self.all_named(name);
        let below: Vec<_> = found.iter().copied().filter(|place| self.services[*place].dir.starts_with(near)).collect();
        if !near.as_str().is_empty() && !below.is_empty() {
            return below;
        }
        if found.len() <= 2 { found } else { Vec::new() }
    }

    fn all_named(&self, name: &str) -> Vec<usize> {
        self.places(|service| is_of_cargo(service, name) || is_executable(service, name))
    }
}

/// The folder that a package is in, also where its files are named.
fn folder_of(package: &str) -> &str {
    let package = package.trim_end_matches('/');
    if !package.ends_with(".go") {
        return package;
    }
    package.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

fn is_go(service: &Service) -> bool {
    service.language() == Language::Go
}

fn is_rust(service: &Service) -> bool {
    service.language() == Language::Rust
}

fn is_of_cargo(service: &Service, name: &str) -> bool {
    match &service.source {
        Source::Rust(package) => package.name == name || service.bins.iter().any(|bin| bin == name),
        Source::Go(_) => false,
    }
}

/// Whether a path is that of a service's executable beside its sources.
fn is_left_at(service: &Service, path: &str) -> bool {
    let path = Utf8Path::new(path.trim_start_matches("./"));
    !service.dir.as_str().is_empty()
        && path.parent() == Some(&service.dir)
        && path.file_name().is_some_and(|name| {
            is_executable(service, name) || path.starts_with(&service.dir) && service.dir.ends_with("cmd")
        })
}

fn is_executable(service: &Service, name: &str) -> bool {
    matches!(&service.source, Source::Go(main) if main.executable == name || main.name == name)
}

/// Whether a folder is what a path says, which may have unknown parts, or lies below it where that ends in `...`.
fn is_at(dir: &Utf8Path, path: &str) -> bool {
    if let Some(above) = path.strip_suffix("/...") {
        return dir.starts_with(above);
    }
    if path.contains(UNKNOWN) {
        // A path of nothing but what is unknown says nothing.
        let is_partly_known = path.split('/').any(|part| !part.is_empty() && !part.contains(UNKNOWN));
        return is_partly_known && fast_glob::glob_match(path, dir.as_str());
    }
    dir == path
}
