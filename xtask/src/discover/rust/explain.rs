//! Why a file can change an image, or why it cannot.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::walk::NOT_BUILT;
use super::{Dependency, DependencyKind, Inputs, Package, RootKind, RustTree, Why};

/// One line on why `file` is among the inputs of `package`, or why it is not.
pub fn explain(rust: &RustTree, inputs: &Inputs, package: &Package, file: &Utf8Path) -> String {
    let explainer = Explainer { packages: rust.packages(), inputs, package };
    match inputs.files.get(file) {
        Some(why) => explainer.why_in(file, why),
        None => explainer.why_out(file),
    }
}

struct Explainer<'a> {
    packages: BTreeMap<&'a Utf8Path, &'a Package>,
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
        let mut parents: BTreeMap<&Utf8Path, &Utf8Path> = BTreeMap::new();
        let mut waiting = std::collections::VecDeque::from([self.package.dir.as_path()]);
        let compiled: BTreeSet<_> = self.inputs.closure.iter().map(|package| package.dir.as_path()).collect();
        while let Some(dir) = waiting.pop_front() {
            let dependencies = self.packages.get(dir).into_iter().flat_map(|package| &package.dependencies);
            for child in dependencies.filter(|it| it.kind != DependencyKind::Test).filter_map(|it| it.path.as_deref()) {
                if compiled.contains(child) && child != self.package.dir && !parents.contains_key(child) {
                    parents.insert(child, dir);
                    waiting.push_back(child);
                }
            }
        }
        let mut names = vec![self.name(to)];
        let mut at = to;
        while let Some(parent) = parents.get(at) {
            names.push(self.name(parent));
            at = parent;
        }
        names.reverse();
        match names.as_slice() {
            [_] if to == self.package.dir => String::new(),
            [name] => format!("{name} stands in for a dependency of {} by `[patch]`; ", self.package.name),
            [first, second, rest @ ..] => {
                let mut text = format!("{first} depends on {second} by path");
                let mut last = second;
                for next in rest {
                    text.push_str(&format!(", {last} on {next}"));
                    last = next;
                }
                text + "; "
            }
            [] => String::new(),
        }
    }

    fn name(&self, dir: &Utf8Path) -> String {
        self.packages.get(dir).map_or_else(|| shown(dir).to_owned(), |package| package.name.clone())
    }

    fn why_out(&self, file: &Utf8Path) -> String {
        let own = &self.package.name;
        if self.inputs.stubs.iter().any(|stub| stub == file) {
            let owner = self.owner(file).map_or("a package", |package| &package.name);
            return format!("it is a target of {owner} that {own} is not compiled from; Cargo only wants it to exist");
        }
        if let Some(condition) = self.inputs.left_out.get(file) {
            return format!("it is a module with {condition}, which does not hold in an image");
        }
        let Some(owner) = self.owner(file) else {
            return format!("it lies outside every package, and no source or manifest of {own} names it");
        };
        if !self.inputs.closure.iter().any(|compiled| compiled.dir == owner.dir) {
            return self.why_not_compiled(owner);
        }
        let first = file.strip_prefix(&owner.dir).ok().and_then(|inside| inside.components().next());
        match first.map(|part| part.as_str()).filter(|name| NOT_BUILT.contains(name)) {
            Some(folder) => format!("it belongs to the {folder} of {}, which go into no image", owner.name),
            None if file.extension() == Some("rs") => {
                format!("no `mod` and no target that is compiled for {own} leads to it")
            }
            None => format!("no source of {} names it", owner.name),
        }
    }

    /// The package whose folder a file is in.
    fn owner(&self, file: &Utf8Path) -> Option<&Package> {
        file.ancestors().skip(1).find_map(|dir| self.packages.get(dir).copied())
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
