//! The comparison itself: main packages, executables, files, refusals.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use xtask::discover::go::{Flags, GoTree, Lines, Main, Module, WorkFile, files, inputs, read};
use xtask::files::tree::Tree;

use super::go::{self, Go, Package};

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Trees of files that were looked at.
    pub trees: usize,
    /// Main packages that Go and the tool both have, with cgo on and off.
    pub mains: usize,
    /// Packages, main ones among them, whose imports were followed, with cgo on and off.
    pub packages: usize,
    /// Of these, those that Go refuses, and so does the tool.
    pub refused: usize,
    /// Main packages and modules that Go cannot load without other people's modules.
    pub incomparable: usize,
    /// Files that were compared.
    pub files: usize,
    /// Where the two do not agree.
    pub disagreements: Vec<String>,
}

impl Comparison {
    pub fn add(&mut self, other: Self) {
        self.trees += other.trees;
        self.mains += other.mains;
        self.packages += other.packages;
        self.refused += other.refused;
        self.incomparable += other.incomparable;
        self.files += other.files;
        self.disagreements.extend(other.disagreements);
    }
}

/// Compares every module below a folder.
pub fn compare(go: &Go, root: &Utf8Path) -> Comparison {
    let tree = Tree::new(root.to_owned());
    let found = read(&tree).expect("can read the tree");
    let mut comparison = Comparison { trees: 1, ..Comparison::default() };
    let has_cgo = has_cgo(root);
    for module in modules(root) {
        let go = if is_left_out(&root.join(&module)) { &go.with(&without_workspace()) } else { go };
        let mut off = go.list(&root.join(&module), false);
        if lacks_sums(&off) {
            // Scripts leave out the checksums of what their own proxy serves.
            go.run(&root.join(&module), &["mod", "download", "all"]);
            off = go.list(&root.join(&module), false);
        }
        let on = has_cgo.then(|| go.list(&root.join(&module), true));
        let listed = comparison.compare_module(&tree, &found, &module, &off, on.as_ref().unwrap_or(&off));
        if let Some(listed) = listed {
            comparison.compare_names(go, &tree, &found, &module, listed);
        }
    }
    comparison
}

/// Whether a `go.work` is in force in a module that it does not use. Go then builds nothing there; the builder does, as
/// it never sees that `go.work`.
fn is_left_out(module: &Utf8Path) -> bool {
    let Some(folder) = module.ancestors().find(|folder| folder.join("go.work").is_file()) else { return false };
    let text = std::fs::read_to_string(folder.join("go.work")).expect("reads");
    WorkFile::parse(&text).is_ok_and(|work| {
        !work.uses.iter().any(|(_, used)| folder.join(used).canonicalize_utf8().is_ok_and(|used| used == module))
    })
}

/// Whether anything in a tree may depend on cgo.
fn has_cgo(root: &Utf8Path) -> bool {
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir_utf8().expect("lists") {
            let path = entry.expect("lists").into_path();
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let c = ["c", "cc", "cpp", "cxx", "m", "S", "sx", "swig", "swigcxx", "f", "F", "for", "f90"];
            let text = String::from_utf8_lossy(&std::fs::read(&path).expect("reads")).into_owned();
            let is_c = path.extension().is_some_and(|extension| c.contains(&extension));
            if is_c || text.contains("\"C\"") || text.contains("cgo") {
                return true;
            }
        }
    }
    false
}

fn without_workspace() -> BTreeMap<String, String> {
    BTreeMap::from([("GOWORK".to_owned(), "off".to_owned())])
}

/// The folders of all modules.
fn modules(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut modules = Vec::new();
    let mut waiting = vec![Utf8PathBuf::new()];
    while let Some(dir) = waiting.pop() {
        if root.join(&dir).join("go.mod").is_file() {
            modules.push(dir.clone());
        }
        for entry in root.join(&dir).read_dir_utf8().expect("lists") {
            let entry = entry.expect("lists");
            let name = entry.file_name();
            let is_folder = entry.file_type().expect("has a type").is_dir();
            if is_folder && !name.starts_with('.') && dir.file_name() != Some("vendor") {
                waiting.push(dir.join(name));
            }
        }
    }
    modules.sort();
    modules
}

impl Comparison {
    fn compare_module(
        &mut self,
        tree: &Tree,
        found: &GoTree,
        module: &Utf8Path,
        off: &Result<Vec<Package>, String>,
        on: &Result<Vec<Package>, String>,
    ) -> Option<BTreeSet<Utf8PathBuf>> {
        let own: BTreeMap<&Utf8Path, &Main> = found
            .mains
            .iter()
            .filter(|main| main.module.dir == module)
            .map(|main| (main.dir.as_path(), main))
            .collect();
        let mut listed = BTreeSet::new();
        for (list, cgo) in [(off, false), (on, true)] {
            match list {
                Ok(packages) => listed.extend(self.compare_mains(tree, &own, packages, cgo)),
                Err(message) if needs_elsewhere(message) => {
                    self.incomparable += 1;
                }
                Err(message) => {
                    for main in own.values() {
                        self.expect_refusal(tree, main, cgo, message);
                    }
                }
            }
        }
        (names_all(off) && names_all(on)).then_some(listed)
    }

    /// Compares the folders of main packages: Go's, with cgo on or off, and the tool's.
    fn compare_names(
        &mut self,
        go: &Go,
        tree: &Tree,
        found: &GoTree,
        module: &Utf8Path,
        mut listed: BTreeSet<Utf8PathBuf>,
    ) {
        let own = || found.mains.iter().filter(|main| main.module.dir == module).map(|main| &main.dir);
        if own().any(|dir| !listed.contains(dir)) {
            // The tool asks for both architectures that a laptop may have.
            let arm = go.with(&BTreeMap::from([("GOARCH".to_owned(), "arm64".to_owned())]));
            for list in [false, true].map(|cgo| arm.list(&tree.absolute(module), cgo)) {
                if !names_all(&list) {
                    return;
                }
                let packages = list.unwrap_or_default();
                let is_main = |package: &&Package| package.name == "main" && !package.dep_only && package.is_built();
                listed.extend(packages.iter().filter(is_main).filter_map(|package| package.dir_in(tree)));
            }
        }
        for dir in own().filter(|dir| !listed.contains(*dir)) {
            self.disagreements.push(format!("{dir}: not a main package to Go"));
        }
    }

    /// Compares the main packages of one list; returns their folders.
    fn compare_mains(
        &mut self,
        tree: &Tree,
        own: &BTreeMap<&Utf8Path, &Main>,
        packages: &[Package],
        cgo: bool,
    ) -> Vec<Utf8PathBuf> {
        let mut dirs = Vec::new();
        let by_path: BTreeMap<&str, &Package> =
            packages.iter().map(|package| (package.import_path.as_str(), package)).collect();
        for package in packages {
            let Some(dir) = package.dir_in(tree).filter(|_| !package.dep_only) else { continue };
            if package.name != "main" || !package.is_built() {
                // No service, yet its imports are followed in the same way.
                if let Some(module) = package.module.as_ref().filter(|_| package.is_built()) {
                    self.compare_closure(tree, &as_main(module, tree, &dir), package, &by_path, cgo);
                }
                continue;
            }
            dirs.push(dir.clone());
            self.mains += 1;
            let Some(main) = own.get(dir.as_path()) else {
                self.disagreements.push(format!("{dir}: a main package to Go, cgo {cgo}"));
                continue;
            };
            let executable = Utf8Path::new(&package.target).file_name().unwrap_or_default();
            if !executable.is_empty() && executable != main.executable {
                self.disagreements.push(format!("{dir}: Go calls it {executable}, not {}", main.executable));
            }
            self.compare_closure(tree, main, package, &by_path, cgo);
        }
        dirs
    }

    fn compare_closure(
        &mut self,
        tree: &Tree,
        main: &Main,
        package: &Package,
        by_path: &BTreeMap<&str, &Package>,
        cgo: bool,
    ) {
        let mut closure: BTreeMap<&str, &Package> = BTreeMap::new();
        let mut waiting = vec![package];
        while let Some(package) = waiting.pop() {
            if !package.standard && closure.insert(&package.import_path, package).is_none() {
                waiting.extend(package.imports.iter().filter_map(|import| by_path.get(import.as_str())));
            }
        }
        let errors: Vec<_> = closure.values().filter_map(|package| package.error.as_ref()).collect();
        self.packages += 1;
        let is_elsewhere = |error: &go::PackageError| needs_elsewhere(&error.err) || error.pos.contains("/pkg/mod/");
        if let Some(error) = errors.iter().find(|error| !is_elsewhere(error)) {
            return self.expect_refusal(tree, main, cgo, &format!("{}: {}", error.pos, error.err));
        }
        if let Some(empty) = closure.values().find(|package| !package.is_built() && package.error.is_none()) {
            // The list is content with a package that has only tests; the build is not.
            return self.expect_refusal(tree, main, cgo, &format!("{} has only tests", empty.import_path));
        }
        let is_whole = errors.is_empty();
        if !is_whole {
            self.incomparable += 1;
        }
        let wanted: BTreeSet<Utf8PathBuf> = closure
            .values()
            .filter_map(|package| Some((package.dir_in(tree)?, package)))
            .flat_map(|(dir, package)| package.files().map(move |file| dir.join(file)))
            .collect();
        let own = match files(tree, main, &flags(cgo)) {
            Ok(own) => own,
            Err(_) if !is_whole => return,
            Err(error) => {
                self.disagreements.push(format!("{}: Go builds it, cgo {cgo}; refused: {error:#}", main.dir));
                return;
            }
        };
        self.files += wanted.len();
        if let Err(error) = inputs(tree, main, &flags(cgo)) {
            self.disagreements.push(format!("{}: its inputs are refused: {error:#}", main.dir));
        }
        let own: BTreeSet<_> = own.iter().map(|file| file.to_path_buf()).collect();
        for file in wanted.difference(&own) {
            self.disagreements.push(format!("{}: Go reads {file}, cgo {cgo}", main.dir));
        }
        // Of a list with holes it is not known what it leaves out.
        for file in own.difference(&wanted).filter(|file| is_whole && !is_beyond_list(tree, file, &wanted)) {
            self.disagreements.push(format!("{}: Go does not read {file}, cgo {cgo}", main.dir));
        }
    }

    fn expect_refusal(&mut self, tree: &Tree, main: &Main, cgo: bool, message: &str) {
        if files(tree, main, &flags(cgo)).is_ok() {
            let message = message.lines().collect::<Vec<_>>().join(" / ");
            self.disagreements.push(format!("{}: Go refuses it, cgo {cgo}: {message}", main.dir));
        } else {
            self.refused += 1;
        }
    }
}

/// A package as if it were a main package.
fn as_main(module: &go::Module, tree: &Tree, dir: &Utf8Path) -> Main {
    let module_dir = Utf8Path::new(&module.dir).strip_prefix(tree.root()).expect("is in the tree").to_owned();
    let module = Module { dir: module_dir.clone(), path: module.path.clone() };
    Main {
        dir: dir.to_owned(),
        executable: String::new(),
        name: String::new(),
        module,
        lines: Lines::default(),
        run_dir: module_dir,
        package: String::new(),
    }
}

fn flags(cgo: bool) -> Flags {
    Flags { goarchs: vec!["amd64".to_owned()], cgo, tags: Vec::new(), go_minor: go::minor() }
}

/// What `go list` does not tell although the build reads it: the modules' files, the profile, headers and libraries, what
/// links lead to.
fn is_beyond_list(tree: &Tree, file: &Utf8Path, wanted: &BTreeSet<Utf8PathBuf>) -> bool {
    let names = ["go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt", "default.pgo"];
    let is_end_of_link = || {
        let real = tree.absolute(file).canonicalize_utf8().expect("is there");
        wanted.iter().any(|other| tree.absolute(other).canonicalize_utf8().is_ok_and(|other| other == real))
    };
    file.file_name().is_some_and(|name| names.contains(&name))
        || file.extension().is_some_and(|extension| ["h", "a"].contains(&extension))
        || tree.absolute(file).is_symlink()
        || is_end_of_link()
}

/// Whether a list tells every package's name. Where Go refuses the module it tells none, and a package that a module from
/// elsewhere might have as well has no name until that is here.
fn names_all(list: &Result<Vec<Package>, String>) -> bool {
    let is_named = |package: &Package| !package.name.is_empty() || package.error.is_none();
    list.as_ref().is_ok_and(|list| list.iter().all(is_named))
}

fn lacks_sums(list: &Result<Vec<Package>, String>) -> bool {
    let lacks = |message: &str| message.contains("missing go.sum entry");
    match list {
        Ok(packages) => packages.iter().filter_map(|package| package.error.as_ref()).any(|error| lacks(&error.err)),
        Err(message) => lacks(message),
    }
}

/// Whether Go only misses a module that is not here.
fn needs_elsewhere(message: &str) -> bool {
    [
        "missing go.sum entry",
        "updates to go.mod needed",
        "GOPROXY",
        "cannot find module providing",
        "reading file:",
        "no matching versions",
        "verifying module",
        "checksum mismatch",
        "unknown revision",
        "unrecognized import path",
    ]
    .iter()
    .any(|part| message.contains(part))
}
