//! The packages of one build list and what they import, loaded once for all main packages that share them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::build_list::{BuildList, BuildLists, Place};
use super::files::{self, FileGroup};
use super::named;
use super::package::{Location, Package};
use super::platforms::{Mask, Platforms};
use crate::files::tree::Tree;
use crate::parallel;
use crate::text_map::TextMap;

/// What is loaded for one build list and one set of platforms.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) list: Arc<BuildList>,
    pub(super) platforms: Platforms,
    /// What the modules' files lead to, where they are links; each with the reason.
    pub(super) module_links: Vec<(Utf8PathBuf, String)>,
    /// The modules' files, and what they lead to.
    pub(super) module_files: Arc<FileGroup>,
    /// Packages are only ever added.
    graph: RwLock<Graph>,
}

/// Packages by number.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    numbers: TextMap<usize>,
    elsewhere: Names,
    folded: Names,
    /// The numbers of import paths in lower case that more than one package has.
    folded_twins: HashSet<usize>,
    /// Whether no package imports itself over others, on whatever platform each of the imports is in force.
    is_acyclic: bool,
}

/// A package with its imports.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) package: Arc<Package>,
    pub(super) edges: Vec<Edge>,
    /// The number of its import path in lower case.
    pub(super) folded: usize,
}

/// An import of a package that is not Go's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// Which of the package's imports it is.
    pub(super) import: usize,
    /// Where it is in force.
    pub(super) platforms: Mask,
    pub(super) to: To,
}

/// What an import leads to, by number.
#[derive(Debug, Clone, Copy)]
pub(super) enum To {
    /// A package of the graph.
    Package(usize),
    /// A package of a module from elsewhere.
    Elsewhere(usize),
}

/// Names, each with a number of its own.
#[derive(Debug, Default)]
struct Names {
    numbers: TextMap<usize>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }
}

/// Every graph, by the folder of the module or workspace and what it is built for; kept with the tree.
#[derive(Debug, Default)]
struct Graphs {
    known: Mutex<HashMap<(Utf8PathBuf, bool, Platforms), Arc<Loaded>>>,
}

impl Loaded {
    /// The packages that belong to builds in a module's folder.
    pub(super) fn get(tree: &Tree, module_dir: &Utf8Path, platforms: Platforms) -> Result<Arc<Self>> {
        let list = tree.derived::<BuildLists>().get(tree, module_dir)?;
        let graphs = tree.derived::<Graphs>();
        let known = || graphs.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (list.dir.clone(), list.is_workspace, platforms.clone());
        if let Some(loaded) = known().get(&key) {
            return Ok(Arc::clone(loaded));
        }
        let mut module_links = Vec::new();
        for file in &list.module_files {
            module_links.extend(named::links(tree, file)?);
        }
        let module_files = Arc::new(files::of_modules(tree, &list, &module_links));
        let loaded = Arc::new(Self { list, platforms, module_links, module_files, graph: RwLock::default() });
        Ok(Arc::clone(known().entry(key).or_insert(loaded)))
    }

    /// Loads packages with all that they import, then works with the graph and their numbers.
    pub(super) fn with<R>(
        &self,
        tree: &Tree,
        starts: &[Location],
        work: impl FnOnce(&Graph, &[usize]) -> R,
    ) -> Result<R> {
        let read = || self.graph.read().unwrap_or_else(PoisonError::into_inner);
        let mut graph = read();
        if !starts.iter().all(|start| graph.numbers.contains_key(&start.import_path)) {
            drop(graph);
            let mut writing = self.graph.write().unwrap_or_else(PoisonError::into_inner);
            writing.load(tree, &self.list, &self.platforms, starts)?;
            drop(writing);
            graph = read();
        }
        let numbers: Vec<_> = starts.iter().map(|start| graph.numbers[&start.import_path]).collect();
        Ok(work(&graph, &numbers))
    }
}

impl Graph {
    pub(super) fn node(&self, number: usize) -> &Node {
        &self.nodes[number]
    }

    /// How many packages there are.
    pub(super) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no package imports itself over others; else one may, or none on one platform.
    pub(super) fn is_acyclic(&self) -> bool {
        self.is_acyclic
    }

    /// Whether more than one package has this import path in lower case.
    pub(super) fn is_folded_twin(&self, folded: usize) -> bool {
        self.folded_twins.contains(&folded)
    }

    /// How many packages of modules from elsewhere are imported.
    pub(super) fn size_elsewhere(&self) -> usize {
        self.elsewhere.names.len()
    }

    /// The import path of a package of a module from elsewhere.
    pub(super) fn elsewhere(&self, number: usize) -> &str {
        &self.elsewhere.names[number]
    }

    /// Loads what is not loaded yet; what one level of imports names is read at once.
    fn load(&mut self, tree: &Tree, list: &BuildList, platforms: &Platforms, starts: &[Location]) -> Result<()> {
        let mut known: TextMap<()> = TextMap::default();
        let mut level = Vec::new();
        let is_new = |known: &mut TextMap<()>, path: &str, graph: &Self| {
            let is_new = !known.contains_key(path) && !graph.numbers.contains_key(path);
            if is_new {
                known.insert(path.to_owned(), ());
            }
            is_new
        };
        level.extend(starts.iter().filter(|start| is_new(&mut known, &start.import_path, self)).cloned());
        // Nothing is kept of a load that fails half-way.
        let mut loaded = Vec::new();
        while !level.is_empty() {
            let packages =
                parallel::map(&level, parallel::SMALL, |location| Package::load(tree, list, platforms, location));
            let packages = packages.into_iter().collect::<Result<Vec<_>>>()?;
            level = Vec::new();
            for import in packages.iter().flat_map(|package| &package.imports) {
                if import.place.is_here() && is_new(&mut known, &import.path, self) {
                    level.extend(import.location());
                }
            }
            loaded.extend(packages);
        }
        let first = self.nodes.len();
        for package in loaded {
            self.numbers.insert(package.import_path.clone(), self.nodes.len());
            let known = self.folded.names.len();
            let folded = self.folded.number(&package.import_path.to_lowercase());
            if folded < known {
                self.folded_twins.insert(folded);
            }
            self.nodes.push(Node { package: Arc::new(package), edges: Vec::new(), folded });
        }
        for number in first..self.nodes.len() {
            let package = Arc::clone(&self.nodes[number].package);
            let edge = |(import, of): (usize, &super::package::Import)| {
                let to = match of.place {
                    Place::Standard => return None,
                    Place::Elsewhere => To::Elsewhere(self.elsewhere.number(&of.path)),
                    Place::Local(_) | Place::Vendored(_) => To::Package(self.numbers[&of.path]),
                };
                Some(Edge { import, platforms: of.platforms, to })
            };
            self.nodes[number].edges = package.imports.iter().enumerate().filter_map(edge).collect();
        }
        self.is_acyclic = self.can_be_ordered();
        Ok(())
    }

    /// Whether the packages have an order in which each comes before those that it imports.
    fn can_be_ordered(&self) -> bool {
        let imported = |number: usize| {
            let to = |edge: &Edge| match edge.to {
                To::Package(to) => Some(to),
                To::Elsewhere(_) => None,
            };
            self.nodes[number].edges.iter().filter_map(to)
        };
        let mut importers = vec![0; self.nodes.len()];
        for number in 0..self.nodes.len() {
            imported(number).for_each(|to| importers[to] += 1);
        }
        let mut free: Vec<_> = (0..self.nodes.len()).filter(|number| importers[*number] == 0).collect();
        let mut ordered = 0;
        while let Some(number) = free.pop() {
            ordered += 1;
            for to in imported(number) {
                importers[to] -= 1;
                if importers[to] == 0 {
                    free.push(to);
                }
            }
        }
        ordered == self.nodes.len()
    }
}
