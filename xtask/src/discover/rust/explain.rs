//! Why a file can change an image, or why it cannot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use camino::Utf8Path;

use super::walk::NOT_BUILT;
use super::{Dependency, DependencyKind, Inputs, Package, RootKind, RustTree, Why};

/// One line on why `file` is among the inputs of `package`, after `in: `, or why it is not, after `out: `.
pub fn explain(rust: &RustTree, inputs: &Inputs, package: &Package, file: &Utf8Path) -> String {
    let workspace = rust.workspaces.iter().filter(|workspace| workspace.dir == package.workspace);
    let patches = workspace.flat_map(|workspace| &workspace.patches).filter_map(|patch| patch.dir.as_deref());
    let explainer = Explainer { rust, patches: patches.collect(), inputs, package };
    match inputs.why(file) {
        Some(why) => format!("in: {}", explainer.why_in(file, why)),
        None => format!("out: {}", explainer.why_out(file)),
    }
}

struct Explainer<'a> {
    rust: &'a RustTree,
    patches: Vec<&'a Utf8Path>,
    inputs: &'a Inputs,
    package: &'a Package,
}

impl Explainer<'_> {
    fn why_in(&self, file: &Utf8Path, why: &Why) -> String {
        let workspace = shown(&self.package.workspace);
        match why {
            Why::Root { package, kind } => {
                let whose =
                    if *package == self.package.dir { format!("{}'s", self.package.name) } else { "its".to_owned() };
                let what = match kind {
                    RootKind::Library => "library".to_owned(),
                    RootKind::ProcMacro => "library of macros".to_owned(),
                    RootKind::Binary(name) => format!("binary `{name}`"),
                    RootKind::BuildScript => "build script".to_owned(),
                };
                format!("{}{} is {whose} {what}", self.chain(package), inside(file, package))
            }
            Why::Module { package } => {
                let of = if *package == self.package.dir { self.package.name.as_str() } else { "it" };
                format!("{}{} is a module of {of}", self.chain(package), inside(file, package))
            }
            Why::Named { package, by } => format!("{}{} names it", self.chain(package), inside(by, package)),
            Why::Manifest { package } if *package == self.package.dir => {
                format!("it is the manifest of {}", self.package.name)
            }
            Why::Manifest { package } if self.inputs.closure.iter().any(|compiled| compiled.dir == *package) => {
                format!("{}this is its manifest", self.chain(package))
            }
            Why::Manifest { .. } => format!("Cargo reads every manifest that the workspace {workspace} may need"),
            Why::WorkspaceManifest if file.parent() == Some(&self.package.workspace) => {
                format!("it is the manifest of the workspace {workspace}")
            }
            Why::WorkspaceManifest => "it is the manifest of a workspace that packages take keys from".to_owned(),
            Why::LockFile => format!("it is the lock file of the workspace {workspace}"),
            Why::CargoConfig => format!("it is Cargo's configuration for the workspace {workspace}"),
            Why::NamedByConfig { by } => format!("{by} names it"),
            Why::Toolchain => format!("it chooses the toolchain of the workspace {workspace}"),
            Why::Link => "it is a symbolic link to other inputs".to_owned(),
        }
    }

    /// `reporter depends on a by path, a on b; `, and nothing for the image's own package.
    fn chain(&self, to: &Utf8Path) -> String {
        let parents = self.parents();
        let mut names = vec![self.name(to)];
        let mut at = to;
        while let Some(parent) = parents.get(at) {
            names.push(self.name(parent));
            at = parent;
        }
        names.reverse();
        let is_own = at == self.package.dir;
        let mut text = match names.as_slice() {
            [_] | [] if is_own => return String::new(),
            [first, second, ..] if is_own => format!("{first} depends on {second} by path"),
            [first, second, ..] => {
                format!("{first} stands in for a dependency by `[patch]` and depends on {second} by path")
            }
            [first] => format!("{first} stands in for a dependency by `[patch]`"),
            [] => return String::new(),
        };
        for pair in names.windows(2).skip(1) {
            text.push_str(&format!(", {} on {}", pair[0], pair[1]));
        }
        text + "; "
    }

    /// By which package each compiled one is reached first, from the image's own and from those that stand in for others.
    fn parents(&self) -> BTreeMap<&Utf8Path, &Utf8Path> {
        let compiled: BTreeSet<_> = self.inputs.closure.iter().map(|package| package.dir.as_path()).collect();
        let mut parents: BTreeMap<&Utf8Path, &Utf8Path> = BTreeMap::new();
        let starts = [self.package.dir.as_path()].into_iter().chain(self.patches.iter().copied());
        for start in starts {
            let mut waiting = VecDeque::from([start]);
            while let Some(dir) = waiting.pop_front() {
                let dependencies = self.rust.package(dir).into_iter().flat_map(|package| &package.dependencies);
                let dependencies = dependencies.filter(|dependency| dependency.kind != DependencyKind::Test);
                for child in dependencies.filter_map(|dependency| dependency.path.as_deref()) {
                    let is_start = child == self.package.dir || self.patches.contains(&child);
                    if compiled.contains(child) && !is_start && !parents.contains_key(child) {
                        parents.insert(child, dir);
                        waiting.push_back(child);
                    }
                }
            }
        }
        parents
    }

    fn name(&self, dir: &Utf8Path) -> String {
        self.rust.package(dir).map_or_else(|| shown(dir).to_owned(), |package| package.name.clone())
    }

    fn why_out(&self, file: &Utf8Path) -> String {
        let own = &self.package.name;
        if let Some(condition) = self.inputs.left_out.get(file) {
            return format!("it is a module with {condition}, which does not hold in an image");
        }
        let Some(owner) = self.owner(file) else {
            return format!("it lies outside every package, and no source or manifest of {own} names it");
        };
        let is_stub = self.inputs.stubs().into_iter().any(|stub| stub == file);
        if !self.inputs.closure.iter().any(|compiled| compiled.dir == owner.dir) {
            let stub = if is_stub { "; Cargo only wants it to exist" } else { "" };
            return format!("{}{stub}", self.why_not_compiled(owner));
        }
        if owner.roots.iter().any(|root| root.file == file) {
            return format!("it starts a binary of {} that is not in the image", owner.name);
        }
        let first = file.strip_prefix(&owner.dir).ok().and_then(|inside| inside.components().next());
        match first.map(|part| part.as_str()).filter(|name| NOT_BUILT.contains(name)) {
            Some(folder) => format!("it belongs to the {folder} of {}, which go into no image", owner.name),
            None if file.extension() == Some("rs") => {
                format!("no `mod` and no target that is compiled for {own} leads to it")
            }
            None => format!("no source that is compiled of {} names it", owner.name),
        }
    }

    /// The package whose folder a file is in.
    fn owner(&self, file: &Utf8Path) -> Option<&Package> {
        file.ancestors().skip(1).find_map(|dir| self.rust.package(dir)).map(Arc::as_ref)
    }

    fn why_not_compiled(&self, owner: &Package) -> String {
        let own = &self.package.name;
        let dependency = |dependency: &&Dependency| dependency.path.as_ref() == Some(&owner.dir);
        let found = self.inputs.closure.iter().find_map(|package| {
            let dependencies: Vec<_> = package.dependencies.iter().filter(dependency).collect();
            (!dependencies.is_empty()).then_some((package, dependencies))
        });
        let Some((package, dependencies)) = found else {
            return format!("it belongs to {}, which {own} does not depend on", owner.name);
        };
        let all = |test: fn(&Dependency) -> bool| dependencies.iter().all(|dependency| test(dependency));
        let how = if all(|it| it.kind == DependencyKind::Test) {
            "for tests only".to_owned()
        } else if all(|it| it.kind == DependencyKind::Test || it.optional) {
            "with a feature that is off".to_owned()
        } else {
            let target = dependencies.iter().find_map(|it| it.target.clone());
            format!("for another platform: {}", target.unwrap_or_default())
        };
        format!("it belongs to {}, which {} depends on {how}", owner.name, package.name)
    }
}

fn inside<'a>(file: &'a Utf8Path, package: &Utf8Path) -> &'a Utf8Path {
    file.strip_prefix(package).unwrap_or(file)
}

fn shown(dir: &Utf8Path) -> &str {
    if dir.as_str().is_empty() { "." } else { dir.as_str() }
}
