//! The packages that a main package is compiled from.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use anyhow::Result;

use super::fault::Fault;
use super::graph::{Graph, Loaded, To};
use super::package::{Location, Package};
use super::platforms::{Mask, Platforms};
use super::{Flags, Main};
use crate::error::Error;
use crate::files::tree::Tree;

/// The packages that a main package is compiled from, those of Go and of modules from elsewhere left out.
#[derive(Debug)]
pub(super) struct Closure {
    /// What they were loaded with.
    pub(super) loaded: Arc<Loaded>,
    /// The main package comes first, what it imports next, and so on.
    pub(super) members: Vec<Member>,
    /// The import paths of packages in modules from elsewhere that these import, sorted; and where they do.
    pub(super) third_party: ThirdParty,
}

/// A package of a closure.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) package: Arc<Package>,
    /// Where it is built.
    pub(super) platforms: Mask,
    /// Which member led to it; `None` for the main package, and for those that are there for modules from elsewhere.
    importer: Option<usize>,
    /// Whether it is there because a module from elsewhere may import it.
    pub(super) is_optional: bool,
}

impl Closure {
    /// Loads the packages of many main packages, which read at once take less time than one after the other. What
    /// cannot be read shows when the closure is asked for.
    pub(super) fn prepare(tree: &Tree, mains: &[(&Main, Flags)]) {
        let mut together: Vec<(Arc<Loaded>, Vec<Location>)> = Vec::new();
        for (main, flags) in mains {
            let Ok(loaded) = Loaded::get(tree, &main.module.dir, Platforms::new(flags)) else { continue };
            match together.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &loaded)) {
                Some((_, starts)) => starts.push(start(main)),
                None => together.push((loaded, vec![start(main)])),
            }
        }
        for (loaded, starts) in together {
            let _ = loaded.with(tree, &starts, |_, _| ());
        }
    }

    /// Follows the imports of a main package.
    pub(super) fn of(tree: &Tree, main: &Main, flags: &Flags) -> Result<Self> {
        let loaded = Loaded::get(tree, &main.module.dir, Platforms::new(flags))?;
        let all = loaded.platforms.all();
        let start = start(main);
        let walked = loaded.with(tree, std::slice::from_ref(&start), |graph, numbers| {
            let mut walk = Walk::new(graph);
            walk.follow(numbers, all, false)?;
            if walk.imports_elsewhere() { Ok(None) } else { walk.finish().map(Some) }
        })?;
        let walked: Result<_, Error> = match walked {
            Ok(None) => {
                let mut starts = vec![start];
                starts.extend(loaded.list.shared_packages(tree)?);
                loaded.with(tree, &starts, |graph, numbers| {
                    let mut walk = Walk::new(graph);
                    walk.follow(&numbers[..1], all, false)?;
                    walk.follow(&numbers[1..], all, true)?;
                    walk.finish()
                })?
            }
            Ok(Some(walked)) => Ok(walked),
            Err(error) => Err(error),
        };
        let (members, third_party) = walked?;
        Ok(Self { loaded, members, third_party })
    }

    /// The shortest way from the main package to a member, as `a imports b imports c`; empty for the main package.
    pub(super) fn chain(&self, member: usize) -> String {
        let importer = |member: &usize| self.members[*member].importer;
        let mut way: Vec<_> = std::iter::successors(Some(member), importer).collect();
        way.reverse();
        let names: Vec<_> = way.iter().map(|member| self.members[*member].package.import_path.as_str()).collect();
        if names.len() < 2 { String::new() } else { names.join(" imports ") }
    }
}

fn start(main: &Main) -> Location {
    Location { import_path: main.import_path(), dir: main.dir.clone(), is_vendored: false }
}

/// A walk over the packages of a graph, breadth first.
struct Walk<'a> {
    graph: &'a Graph,
    /// By package, taken from `REACHED`.
    reached: Vec<Reached>,
    /// The packages that were reached, in order, each with its importer's place in this order.
    order: Vec<(usize, Option<usize>, bool)>,
    /// Where each package from elsewhere is imported.
    elsewhere: Vec<Mask>,
    /// The package that has an import path in lower case, of those that are more than one package's.
    folded: HashMap<usize, usize>,
}

/// How a walk came to a package: where it is built, nowhere if it was not reached; and its place in the order.
type Reached = (Mask, u32);

/// Packages of other modules by their paths, each with the platforms that import it.
type ThirdParty = Vec<(String, Mask)>;

thread_local! {
    /// All as not reached, from walk to walk: each service has one, and there may be many more packages than it reaches.
    static REACHED: Cell<Vec<Reached>> = const { Cell::new(Vec::new()) };
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        for (number, ..) in &self.order {
            self.reached[*number] = (0, 0);
        }
        REACHED.set(mem::take(&mut self.reached));
    }
}

/// A package that an import leads to.
struct Step {
    number: usize,
    platforms: Mask,
    /// The importer's place in the order, and which of its imports it is.
    from: Option<(usize, usize)>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut reached = REACHED.take();
        if reached.len() < graph.size() {
            reached.resize(graph.size(), (0, 0));
        }
        Self { graph, reached, order: Vec::new(), elsewhere: vec![0; graph.size_elsewhere()], folded: HashMap::new() }
    }

    fn imports_elsewhere(&self) -> bool {
        self.elsewhere.iter().any(|platforms| *platforms != 0)
    }

    /// Takes in packages and what they import. Optional ones that Go would refuse are left out.
    fn follow(&mut self, starts: &[usize], all: Mask, is_optional: bool) -> Result<(), Error> {
        let step = |number: &usize| Step { number: *number, platforms: all, from: None };
        let mut waiting: VecDeque<Step> = starts.iter().map(step).collect();
        while let Some(Step { number, platforms, from }) = waiting.pop_front() {
            let new = platforms & !self.reached[number].0;
            let node = self.graph.node(number);
            if new == 0 {
                continue;
            }
            if let Err(error) = self.check(number, new, from) {
                if is_optional {
                    continue;
                }
                return Err(error);
            }
            if self.reached[number].0 == 0 {
                self.reached[number].1 = self.order.len() as u32;
                self.order.push((number, from.map(|(place, _)| place), is_optional));
            }
            self.reached[number].0 |= new;
            let place = self.reached[number].1 as usize;
            for edge in &node.edges {
                if edge.platforms & new == 0 {
                    continue;
                }
                match edge.to {
                    To::Elsewhere(number) => self.elsewhere[number] |= edge.platforms & new,
                    // Most imports are of packages that were reached by others.
                    To::Package(to) if edge.platforms & new & !self.reached[to].0 == 0 => {}
                    To::Package(to) => {
                        let from = Some((place, edge.import));
                        waiting.push_back(Step { number: to, platforms: edge.platforms & new, from });
                    }
                }
            }
        }
        Ok(())
    }

    /// What Go says where it would not build a package, or not import it.
    fn check(&mut self, number: usize, platforms: Mask, from: Option<(usize, usize)>) -> Result<(), Error> {
        let node = self.graph.node(number);
        let package = &node.package;
        if let Some(refusal) = package.refusal(platforms) {
            return Err(refusal);
        }
        let has_twin = self.graph.is_folded_twin(node.folded);
        let other = if has_twin { *self.folded.entry(node.folded).or_insert(number) } else { number };
        if other != number {
            // Two paths that differ by case alone are one folder on some systems.
            let other = &self.graph.node(other).package.import_path;
            let message = format!("case-insensitive import collision: {:?} and {other:?}", package.import_path);
            return Err(Error::usage(message));
        }
        if let Some((importer, import)) = from.filter(|_| package.name == "main") {
            let importer = &self.graph.node(self.order[importer].0).package;
            let message = format!("import {:?} is a program, not an importable package", package.import_path);
            let (file, line) = importer.place_of(import);
            return Err(Fault::new(line, message).at(&file));
        }
        Ok(())
    }

    /// Go builds no package that imports itself, over whatever others.
    fn check_cycles(&self) -> Result<(), Error> {
        if self.graph.is_acyclic() {
            return Ok(());
        }
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            Unseen,
            OnTheWay,
            Done,
        }
        let mut states = vec![State::Unseen; self.graph.size()];
        for (start, ..) in &self.order {
            // Each package on the way from the start, with how many of its imports were followed.
            let mut way = vec![(*start, 0)];
            while let Some((number, followed)) = way.last_mut() {
                let (number, node) = (*number, self.graph.node(*number));
                states[number] = if states[number] == State::Done { State::Done } else { State::OnTheWay };
                let Some(edge) = node.edges.get(*followed).filter(|_| states[number] != State::Done) else {
                    states[number] = State::Done;
                    way.pop();
                    continue;
                };
                *followed += 1;
                let To::Package(to) = edge.to else { continue };
                if edge.platforms & self.reached[number].0 & self.reached[to].0 == 0 || states[to] == State::Done {
                    continue;
                }
                if states[to] == State::OnTheWay {
                    let from = way.iter().position(|(number, _)| *number == to).unwrap_or(0);
                    let names = way[from..].iter().map(|(number, _)| *number).chain([to]);
                    let names: Vec<_> =
                        names.map(|number| self.graph.node(number).package.import_path.as_str()).collect();
                    let (file, line) = node.package.place_of(edge.import);
                    let message = format!("import cycle not allowed: {}", names.join(" imports "));
                    return Err(Fault::new(line, message).at(&file));
                }
                way.push((to, 0));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(Vec<Member>, ThirdParty), Error> {
        self.check_cycles()?;
        let member = |(number, importer, is_optional): &(usize, Option<usize>, bool)| Member {
            package: Arc::clone(&self.graph.node(*number).package),
            platforms: self.reached[*number].0,
            importer: *importer,
            is_optional: *is_optional,
        };
        let members = self.order.iter().map(member).collect();
        let elsewhere = self.elsewhere.iter().enumerate().filter(|(_, platforms)| **platforms != 0);
        let named = |(number, platforms): (usize, &Mask)| (self.graph.elsewhere(number).to_owned(), *platforms);
        let mut third_party: Vec<_> = elsewhere.map(named).collect();
        third_party.sort();
        Ok((members, third_party))
    }
}
