//! The packages that a main package is compiled from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::build_list::{BuildLists, Place};
use super::fault::Fault;
use super::package::{Location, Package, Packages};
use super::parallel;
use super::platforms::{Mask, Platforms};
use super::{Flags, Main};
use crate::error::Error;
use crate::files::tree::Tree;

/// The packages that a main package is compiled from, those of Go and of modules from elsewhere left out.
#[derive(Debug)]
pub(super) struct Closure {
    /// What they were loaded with.
    pub(super) loaded: Arc<Packages>,
    /// By import path.
    pub(super) members: BTreeMap<String, Member>,
    /// The import paths of packages in modules from elsewhere that these import.
    pub(super) third_party: BTreeSet<String>,
    /// The import paths by their lower case: two that differ by case alone are one folder on some systems.
    folded: HashMap<String, String>,
}

/// A package of a closure.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) package: Arc<Package>,
    /// Where it is built.
    pub(super) platforms: Mask,
    /// The package that led to it; `None` for the main package, and for those that are there for modules from elsewhere.
    pub(super) importer: Option<String>,
    /// Whether it is there because a module from elsewhere may import it.
    pub(super) is_optional: bool,
}

/// All that was loaded, by the folder of the module and what it is built for; kept with the tree.
#[derive(Debug, Default)]
struct Loaded {
    known: Mutex<HashMap<(Utf8PathBuf, Platforms), Arc<Packages>>>,
}

impl Loaded {
    fn get(&self, tree: &Tree, module_dir: &Utf8Path, platforms: Platforms) -> Result<Arc<Packages>> {
        let list = tree.derived::<BuildLists>().get(tree, module_dir)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let packages = known.entry((list.dir.clone(), platforms.clone()));
        Ok(Arc::clone(packages.or_insert_with(|| Arc::new(Packages::new(list, platforms)))))
    }
}

/// A package that is to be taken in for some platforms.
struct Waiting {
    location: Location,
    platforms: Mask,
    /// The importer, and the place of its import.
    importer: Option<(String, Utf8PathBuf, u32)>,
    /// Whether Go may do without it: then one that it would refuse is left out.
    is_optional: bool,
}

impl Closure {
    /// Follows the imports of a main package; what one level of imports names is loaded at once.
    pub(super) fn of(tree: &Tree, main: &Main, flags: &Flags) -> Result<Self> {
        let loaded = tree.derived::<Loaded>().get(tree, &main.module.dir, Platforms::new(flags))?;
        let all = loaded.platforms.all();
        let mut closure =
            Self { loaded, members: BTreeMap::new(), third_party: BTreeSet::new(), folded: HashMap::new() };
        let location = Location { import_path: main.import_path(), dir: main.dir.clone(), is_vendored: false };
        closure.follow(tree, vec![Waiting { location, platforms: all, importer: None, is_optional: false }])?;
        if !closure.third_party.is_empty() {
            let shared = closure.loaded.list.shared_packages(tree)?.into_iter();
            let waiting = |location| Waiting { location, platforms: all, importer: None, is_optional: true };
            closure.follow(tree, shared.map(waiting).collect())?;
        }
        closure.check_cycles()?;
        Ok(closure)
    }

    fn follow(&mut self, tree: &Tree, mut level: Vec<Waiting>) -> Result<()> {
        while !level.is_empty() {
            let packages = parallel::map(&level, |waiting| self.loaded.get(tree, &waiting.location));
            let mut next = BTreeMap::new();
            for (waiting, package) in level.into_iter().zip(packages) {
                self.take_in(waiting, package?, &mut next)?;
            }
            level = next.into_values().collect();
        }
        Ok(())
    }

    /// The shortest way from the main package to another, as `a imports b imports c`; empty for the main package.
    pub(super) fn chain(&self, package: &str) -> String {
        let importer = |path: &&str| self.members.get(*path).and_then(|member| member.importer.as_deref());
        let mut way: Vec<&str> = std::iter::successors(Some(package), importer).collect();
        way.reverse();
        if way.len() < 2 { String::new() } else { way.join(" imports ") }
    }

    /// Takes a package in; adds what it imports to the next level.
    fn take_in(&mut self, waiting: Waiting, package: Arc<Package>, next: &mut BTreeMap<String, Waiting>) -> Result<()> {
        let Waiting { location, platforms, importer, is_optional } = waiting;
        let known = self.members.get(&location.import_path).map_or(0, |member| member.platforms);
        let platforms = platforms & !known;
        if platforms == 0 {
            return Ok(());
        }
        if let Some(refusal) = package.refusal(platforms) {
            return if is_optional { Ok(()) } else { Err(refusal.into()) };
        }
        let folded = self.folded.entry(location.import_path.to_lowercase()).or_insert(location.import_path.clone());
        if *folded != location.import_path {
            let message = format!("case-insensitive import collision: {:?} and {folded:?}", location.import_path);
            return Err(Error::usage(message).into());
        }
        if let Some((_, file, line)) = importer.as_ref().filter(|_| package.name == "main") {
            let message = format!("import {:?} is a program, not an importable package", package.import_path);
            return Err(Fault::new(*line, message).at(file).into());
        }
        for import in package.imports.iter().filter(|import| import.platforms & platforms != 0) {
            let (dir, is_vendored) = match &import.place {
                Place::Standard => continue,
                Place::Elsewhere => {
                    self.third_party.insert(import.path.clone());
                    continue;
                }
                Place::Local(dir) => (dir, false),
                Place::Vendored(dir) => (dir, true),
            };
            let waiting = next.entry(import.path.clone()).or_insert_with(|| {
                let location = Location { import_path: import.path.clone(), dir: dir.clone(), is_vendored };
                let file = package.folder.path(&package.folder.files[import.file]);
                let importer = Some((package.import_path.clone(), file, import.line));
                Waiting { location, platforms: 0, importer, is_optional }
            });
            waiting.platforms |= import.platforms & platforms;
        }
        let importer = importer.map(|(importer, ..)| importer);
        let member =
            self.members.entry(location.import_path).or_insert(Member { package, platforms: 0, importer, is_optional });
        member.platforms |= platforms;
        Ok(())
    }

    /// Go builds no package that imports itself, over whatever others.
    fn check_cycles(&self) -> Result<()> {
        let mut done = BTreeSet::new();
        for start in self.members.keys() {
            // Each package on the way from the start, with how many of its imports were followed.
            let mut way: Vec<(&str, usize)> = vec![(start, 0)];
            while let Some((path, followed)) = way.last_mut() {
                let member = &self.members[*path];
                let Some(import) = member.package.imports.get(*followed).filter(|_| !done.contains(*path)) else {
                    done.insert(*path);
                    way.pop();
                    continue;
                };
                *followed += 1;
                let is_member = import.platforms & member.platforms != 0 && self.members.contains_key(&import.path);
                if !is_member || done.contains(import.path.as_str()) {
                    continue;
                }
                if let Some(from) = way.iter().position(|(path, _)| *path == import.path) {
                    let cycle: Vec<_> =
                        way[from..].iter().map(|(path, _)| *path).chain([import.path.as_str()]).collect();
                    let file = member.package.folder.path(&member.package.folder.files[import.file]);
                    let message = format!("import cycle not allowed: {}", cycle.join(" imports "));
                    return Err(Fault::new(import.line, message).at(&file).into());
                }
                way.push((&import.path, 0));
            }
        }
        Ok(())
    }
}
