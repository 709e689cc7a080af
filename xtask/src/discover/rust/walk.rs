//! From a target's first file to every file that its compilation reads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::hidden;
use super::super::paths::{files_below, resolve};
use super::cfg::{Cfg, Settings};
use super::scan::{Around, Finding, Module, PathText, Source, What, scan};
use super::{Package, RootKind, SourceRoot, Why, named};
use crate::files::tree::{Below as _, Tree};

/// Folders of a package whose sources are no part of its library or binaries.
pub(super) const NOT_BUILT: [&str; 3] = ["benches", "examples", "tests"];

/// Sources that were read, kept with the tree since services share packages.
#[derive(Debug, Default)]
struct Sources {
    /// By the file and whether it was read as a build script.
    read: Mutex<HashMap<(Utf8PathBuf, bool), Arc<Source>>>,
}

/// What the targets of a package read.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, each with the reason.
    pub(super) files: BTreeMap<Utf8PathBuf, Why>,
    /// Files and folders that sources name, rather than reach as modules.
    pub(super) named: BTreeSet<Utf8PathBuf>,
    /// Modules that are left out, with the condition that does not hold.
    pub(super) left_out: BTreeMap<Utf8PathBuf, String>,
}

impl Found {
    /// Adds what another target reads.
    pub(super) fn add(&mut self, other: &Self) {
        for (file, why) in &other.files {
            self.files.entry(file.clone()).or_insert_with(|| why.clone());
        }
        self.named.extend(other.named.iter().cloned());
        self.left_out.extend(other.left_out.iter().map(|(file, condition)| (file.clone(), condition.clone())));
    }
}

/// What a package is compiled with.
pub(super) struct Compilation<'a> {
    pub(super) tree: &'a Tree,
    pub(super) package: &'a Package,
    /// One for each architecture.
    pub(super) settings: Vec<Settings<'a>>,
}

/// A source on the way, and where its modules are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: Utf8PathBuf,
    /// The folder that its modules' folder is in: the file's own.
    folder: Utf8PathBuf,
    /// The folder in that, for a file that is neither a target's first nor a `mod.rs`.
    below: Option<String>,
}

struct Walk<'a> {
    compilation: &'a Compilation<'a>,
    root: &'a SourceRoot,
    found: Found,
    seen: BTreeSet<Place>,
    waiting: Vec<Place>,
    /// Files that a macro may make modules of.
    perhaps: Vec<Place>,
    /// Every file that a module stands for, compiled or not.
    declared: BTreeSet<Utf8PathBuf>,
    any_module: bool,
}

impl Sources {
    /// What a source says; one that is not there says nothing.
    fn read(&self, tree: &Tree, file: &Utf8Path, is_build_script: bool) -> Result<Arc<Source>> {
        let key = (file.to_owned(), is_build_script);
        let kept = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = kept().get(&key) {
            return Ok(Arc::clone(source));
        }
        let bytes = tree.read(file)?.unwrap_or_default();
        let source = Arc::new(scan(&String::from_utf8_lossy(&bytes), is_build_script));
        kept().insert(key, Arc::clone(&source));
        Ok(source)
    }
}

impl Compilation<'_> {
    /// What the target that begins at `root` reads.
    pub(super) fn walk(&self, root: &SourceRoot) -> Result<Found> {
        let mut walk = Walk {
            compilation: self,
            root,
            found: Found::default(),
            seen: BTreeSet::new(),
            waiting: vec![Place { file: root.file.clone(), folder: folder_of(&root.file), below: None }],
            perhaps: Vec::new(),
            declared: BTreeSet::new(),
            any_module: false,
        };
        walk.run()?;
        Ok(walk.found)
    }

    /// Whether all conditions may hold on one architecture.
    fn may_hold(&self, when: &[Arc<Cfg>]) -> bool {
        when.is_empty()
            || self.settings.iter().any(|settings| when.iter().all(|cfg| cfg.holds(settings) != Some(false)))
    }

    fn surely_holds(&self, when: &[Arc<Cfg>]) -> bool {
        self.settings.iter().all(|settings| when.iter().all(|cfg| cfg.holds(settings) == Some(true)))
    }

    /// The condition that keeps something out.
    fn obstacle(&self, when: &[Arc<Cfg>]) -> String {
        let fails = |cfg: &&Arc<Cfg>| !self.may_hold(std::slice::from_ref(*cfg));
        when.iter().find(fails).map_or_else(|| "its conditions".to_owned(), |cfg| format!("cfg({cfg})"))
    }
}

impl Walk<'_> {
    fn run(&mut self) -> Result<()> {
        let root = Why::Root { package: self.compilation.package.dir.clone(), kind: self.root.kind.clone() };
        self.found.files.insert(self.root.file.clone(), root);
        loop {
            while let Some(place) = self.waiting.pop() {
                self.visit(place)?;
            }
            // A macro's word is a module's only if no `mod` says what the file is.
            let undeclared = |place: &Place| !self.declared.contains(&place.file);
            let perhaps: Vec<_> = std::mem::take(&mut self.perhaps).into_iter().filter(undeclared).collect();
            if perhaps.is_empty() {
                break;
            }
            for place in perhaps {
                self.module(place);
            }
        }
        if self.any_module { self.whole_folder() } else { Ok(()) }
    }

    fn visit(&mut self, place: Place) -> Result<()> {
        if !self.seen.insert(place.clone()) {
            return Ok(());
        }
        let compilation = self.compilation;
        let is_build_script = self.root.kind == RootKind::BuildScript;
        let sources = compilation.tree.derived::<Sources>();
        let source = sources.read(compilation.tree, &place.file, is_build_script)?;
        for finding in &source.findings {
            self.follow(&place, finding)?;
        }
        Ok(())
    }

    fn follow(&mut self, place: &Place, finding: &Finding) -> Result<()> {
        let compilation = self.compilation;
        let holds = compilation.may_hold(&finding.when);
        match &finding.what {
            What::Module(module) => {
                for target in self.targets(place, module) {
                    self.declared.insert(target.file.clone());
                    if holds {
                        self.module(target);
                    } else {
                        self.found.left_out.insert(target.file, compilation.obstacle(&finding.when));
                    }
                }
            }
            What::PerhapsModule(module) if holds => {
                let targets = self.targets(place, module);
                self.perhaps.extend(targets);
            }
            What::Include { path, is_rust } if holds => self.include(place, path, *is_rust),
            What::Literal { path, folder } if holds => self.literal(place, path, *folder)?,
            What::Implied(name) if holds => {
                for base in [&compilation.package.dir, &compilation.package.workspace] {
                    self.name(place, &base.below(name), true)?;
                }
            }
            What::AnyModule => self.any_module |= holds,
            _ => {}
        }
        Ok(())
    }

    fn module(&mut self, place: Place) {
        let why = Why::Module { package: self.compilation.package.dir.clone() };
        self.found.files.entry(place.file.clone()).or_insert(why);
        self.waiting.push(place);
    }

    /// The files that exist of those that a module may be in.
    fn targets(&self, place: &Place, module: &Module) -> Vec<Place> {
        let (mut folder, mut below) = (place.folder.clone(), place.below.clone());
        for around in &module.around {
            let part = match around {
                Around::Name(name) => {
                    folder = folder.below(below.take().unwrap_or_default());
                    name
                }
                Around::Path(path) => {
                    below = None;
                    path
                }
            };
            let Some(inside) = resolve(&folder, part) else { return Vec::new() };
            folder = inside;
        }
        let mut targets = Vec::new();
        for (when, path) in &module.paths {
            if self.compilation.may_hold(when) {
                let file = resolve(&folder, path);
                targets.extend(file.map(|file| Place { folder: folder_of(&file), file, below: None }));
            }
            if self.compilation.surely_holds(when) {
                return self.existing(targets);
            }
        }
        folder = folder.below(below.unwrap_or_default());
        let name = &module.name;
        let file = folder.below(format!("{name}.rs"));
        targets.push(Place { file, folder: folder.clone(), below: Some(name.clone()) });
        let folder = folder.below(name);
        targets.push(Place { file: folder.below("mod.rs"), folder, below: None });
        self.existing(targets)
    }

    fn existing(&self, mut targets: Vec<Place>) -> Vec<Place> {
        targets.retain(|target| self.compilation.tree.is_file(&target.file));
        targets
    }

    fn include(&mut self, place: &Place, path: &PathText, is_rust: bool) {
        let base = if path.from_package { self.compilation.package.dir.clone() } else { folder_of(&place.file) };
        let Some(file) = resolve(&base, &path.text) else { return };
        if !self.compilation.tree.is_file(&file) {
            return;
        }
        self.add_named(place, file.clone());
        self.found.named.insert(file.clone());
        if is_rust {
            self.waiting.push(Place { folder: folder_of(&file), file, below: None });
        }
    }

    /// A text that may be a path: beside the source, in the package, and where well-known macros look (askama's
    /// templates, pest's grammars).
    fn literal(&mut self, place: &Place, path: &PathText, folder: bool) -> Result<()> {
        let package = &self.compilation.package.dir;
        let mut bases = vec![package.clone()];
        if !path.from_package {
            bases.extend([folder_of(&place.file), package.below("src"), package.below("templates")]);
        }
        let is_template = |base: &Utf8Path| base.file_name() == Some("templates") && *base != folder_of(&place.file);
        for base in bases {
            let Some(candidate) = resolve(&base, &path.text) else { continue };
            if !self.compilation.tree.exists(&candidate) {
                continue;
            }
            // A template may extend and include any other.
            let candidate = if is_template(&base) { base } else { candidate };
            self.name(place, &candidate, folder || is_template(&candidate))?;
        }
        Ok(())
    }

    /// Adds a file, or all files of a folder.
    fn name(&mut self, place: &Place, path: &Utf8Path, folder: bool) -> Result<()> {
        let tree = self.compilation.tree;
        if tree.is_file(path) {
            self.found.named.insert(path.to_owned());
            for file in named::with_imports(tree, path)? {
                self.add_named(place, file);
            }
        } else if folder && tree.exists(path) && !self.compilation.package.dir.starts_with(path) {
            self.found.named.insert(path.to_owned());
            // A build script watches folders of which it reads a part.
            let all = self.root.kind != RootKind::BuildScript;
            for file in files_below(tree, path)? {
                if !hidden::is_hidden_in(tree, path, &file, all)? {
                    self.add_named(place, file);
                }
            }
        }
        Ok(())
    }

    fn add_named(&mut self, place: &Place, file: Utf8PathBuf) {
        let why = Why::Named { package: self.compilation.package.dir.clone(), by: place.file.clone() };
        self.found.files.entry(file).or_insert(why);
    }

    /// All sources beside the target's first and below: what a macro makes modules of cannot be known.
    fn whole_folder(&mut self) -> Result<()> {
        let tree = self.compilation.tree;
        let mut waiting = vec![folder_of(&self.root.file)];
        while let Some(folder) = waiting.pop() {
            for entry in tree.entries(&folder)?.iter() {
                let path = folder.below(&entry.name);
                let at_package = folder == self.compilation.package.dir;
                let is_own = !at_package || !NOT_BUILT.contains(&entry.name.as_str()) && entry.name != "target";
                if entry.is_folder() && is_own && !tree.is_file(&path.below("Cargo.toml")) {
                    waiting.push(path);
                } else if entry.is_file() && path.extension() == Some("rs") {
                    let why = Why::Module { package: self.compilation.package.dir.clone() };
                    self.found.files.entry(path).or_insert(why);
                }
            }
        }
        Ok(())
    }
}

fn folder_of(file: &Utf8Path) -> Utf8PathBuf {
    file.parent().unwrap_or(Utf8Path::new("")).to_owned()
}
