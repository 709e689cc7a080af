//! Reading the Go side of a repository as Go itself would, without Go.

mod build_list;
mod byte_set;
mod cgo;
mod closure;
mod constraint;
mod embed;
mod explain;
mod fault;
mod files;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod glob;
mod graph;
mod header;
mod module_file;
mod module_files;
mod named;
mod names;
mod package;
mod platforms;
mod quote;
mod statement;
#[cfg(test)]
mod tests;
mod vendor;
mod version;
mod walk;
mod why;
mod work_file;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Hidden, Problem, is_template};
use crate::files::tree::Tree;
use crate::parallel;
use closure::Closure;
use files::Files;
use folder::{Folders, Kind};
use module_files::ModuleFiles;
use platforms::{Mask, Platforms};
use walk::Candidate;

pub use fault::Fault;
pub(super) use files::FileGroup;
pub use module_file::{ModuleFile, Replacement, Requirement, Target};
pub use platforms::OTHER_SYSTEMS;
pub use version::GoVersion;
pub use work_file::WorkFile;

/// A Go module. Paths are relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// The folder of its go.mod.
    pub dir: Utf8PathBuf,
    /// Its module path.
    pub path: String,
}

/// The lines that say which Go builds a main package: those of the go.work in force, else of the module's go.mod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// The `go` line, as `1.26.0`: a least version.
    pub go: Option<String>,
    /// The `toolchain` line, as `go1.26.3`: a choice, unless the `go` line asks for a newer one.
    pub toolchain: Option<String>,
}

/// A main package that has at least one Go file that is no test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Main {
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// Go's own name for the executable.
    pub executable: String,
    /// The name of its service where no settings give one: that of the executable, or of what a folder `cmd` belongs to.
    pub name: String,
    /// The module it belongs to.
    pub module: Module,
    /// Which Go builds it.
    pub lines: Lines,
    /// The folder Go runs in: the module's, or that of the go.work in force.
    pub run_dir: Utf8PathBuf,
    /// The package as seen from `run_dir`, as `./cmd/worker` or `.`.
    pub package: String,
}

/// All that was found, with what could not be read.
#[derive(Debug, Default)]
pub struct GoTree {
    /// The main packages, sorted by folder.
    pub mains: Vec<Main>,
    /// Those that Go would refuse since a file of theirs does not parse, each with the reason.
    pub broken: Vec<(Main, Problem)>,
    /// What else could not be read, each with its file and line.
    pub problems: Vec<Problem>,
}

/// How a main package is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flags {
    /// The architectures, as `amd64`, or with their level, as `arm/v6`; sorted. The inputs are the union over them.
    pub goarchs: Vec<String>,
    /// Whether cgo is on.
    pub cgo: bool,
    /// Build tags.
    pub tags: Vec<String>,
    /// N in the release `1.N` of the toolchain.
    pub go_minor: u32,
}

/// What the build of a main package reads. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// `go.mod`, `go.sum`, `go.work` and the like of all modules that the build loads, sorted.
    pub module_files: Vec<Utf8PathBuf>,
    /// The newest `go` line of the modules among them.
    pub go: Option<GoVersion>,
    /// The folder of vendored modules, where Go takes them from there.
    pub vendor: Option<Utf8PathBuf>,
    /// Whether Go wants to know what modules from elsewhere require, also where no package of theirs is imported.
    pub loads_all_modules: bool,
    /// The packages of the repository that are compiled, sorted by folder.
    pub packages: Vec<Arc<InputPackage>>,
    /// Files that no pattern by package folder names, sorted: a profile for the optimiser, headers and libraries from
    /// elsewhere in the repository, what symbolic links lead to.
    pub named: Vec<Utf8PathBuf>,
    /// The packages of other modules that these import, sorted by path.
    pub third_party: Vec<ThirdParty>,
    /// What the builder is not shown.
    pub hidden: Hidden,
}

/// A package of another module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThirdParty {
    /// Its import path.
    pub path: String,
    /// The architectures that it is imported on, without their levels; sorted. None for all that were asked for.
    pub goarchs: Vec<String>,
}

/// A package of the repository that is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPackage {
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// The names of the files in it that are compiled, sorted.
    pub files: Vec<String>,
    /// Its embed patterns, sorted.
    pub embeds: Vec<String>,
}

impl Main {
    /// The path that Go knows the package by.
    fn import_path(&self) -> String {
        import_path(&self.module.path, &self.module.dir, &self.dir)
    }
}

/// Finds every main package of every module.
///
/// # Errors
/// A folder or a file that cannot be read. A `go.mod` or `go.work` that Go would refuse is a [`Problem`].
pub fn read(tree: &Tree) -> Result<GoTree> {
    let walk = walk::walk(tree)?;
    let platforms = [false, true].map(|cgo| {
        let goarchs = ["amd64", "arm64"].map(str::to_owned).to_vec();
        Platforms::new(&Flags { goarchs, cgo, tags: Vec::new(), go_minor: NEWEST })
    });
    let (mut mains, mut broken, mut problems) = (Vec::new(), Vec::new(), walk.problems);
    for found in parallel::map(&walk.candidates, parallel::SMALL, |candidate| find_main(tree, candidate, &platforms)) {
        match found? {
            Found::Main(main) => mains.push(main),
            Found::Broken(main, problem) => broken.push((main, problem)),
            Found::Problem(problem) => problems.push(problem),
            Found::Nothing => {}
        }
    }
    mains.sort_by(|a, b| a.dir.cmp(&b.dir));
    // What a service tells of needs no note beside it.
    problems.retain(|problem| broken.iter().all(|(_, told)| told != problem));
    problems.sort();
    problems.dedup();
    Ok(GoTree { mains, broken, problems })
}

/// Reads what the build of a main package reads.
///
/// # Errors
/// What Go would refuse, with its file and line.
pub fn inputs(tree: &Tree, main: &Main, flags: &Flags) -> Result<Inputs> {
    let closure = Closure::of(tree, main, flags)?;
    let named = files::named_paths(tree, &closure, main, flags)?;
    let Closure { loaded, members, third_party } = closure;
    let third_party_on =
        |path: String, platforms| ThirdParty { path, goarchs: loaded.platforms.architectures(platforms) };
    let mut third_party: Vec<_> =
        third_party.into_iter().map(|(path, platforms)| third_party_on(path, platforms)).collect();
    let mut packages: Vec<Arc<InputPackage>> = Vec::with_capacity(members.len());
    for member in members {
        if member.package.is_vendored {
            third_party.push(third_party_on(member.package.import_path.clone(), member.platforms));
        } else {
            let input = member.package.input_for(tree, &loaded.platforms, member.platforms)?;
            if !member.is_optional && !input.embeds.is_empty() {
                files::check_embeds(tree, &member.package, member.platforms)?;
            }
            packages.push(input);
        }
    }
    third_party.sort();
    packages.sort_by(|a, b| a.dir.as_str().cmp(b.dir.as_str()));
    // One folder may be a package of two modules, where two are replaced by it.
    packages.dedup_by(|a, b| a.dir == b.dir && a == b);
    Ok(Inputs {
        module_files: loaded.list.module_files.clone(),
        go: loaded.list.go,
        loads_all_modules: loaded.list.loads_all_modules(),
        vendor: loaded.list.vendor.as_ref().map(|vendor| vendor.dir.clone()),
        packages,
        named,
        third_party,
        hidden: Hidden::default(),
    })
}

/// Loads what the builds of many main packages have in common, all at once.
pub fn prepare(tree: &Tree, mains: &[(&Main, Flags)]) {
    Closure::prepare(tree, mains);
}

/// Every file of the repository that can change the binary of a main package, sorted as text.
///
/// # Errors
/// What Go would refuse, with its file and line.
pub fn files(tree: &Tree, main: &Main, flags: &Flags) -> Result<Vec<Utf8PathBuf>> {
    let (groups, mut files) = shared_files(tree, main, flags)?;
    files.extend(groups.iter().flat_map(|group| group.paths()).map(Utf8Path::to_owned));
    files.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    files.dedup();
    Ok(files)
}

/// The [`files`] of a main package: those that it shares with others, and the rest.
///
/// # Errors
/// What Go would refuse, with its file and line.
pub(super) fn shared_files(tree: &Tree, main: &Main, flags: &Flags) -> Result<(Vec<Arc<FileGroup>>, Vec<Utf8PathBuf>)> {
    let closure = Closure::of(tree, main, flags)?;
    Ok(Files::of(tree, &closure, main, flags)?.groups())
}

/// Says in a line why a file is among the [`files`] of a main package, or why not.
pub fn explain(tree: &Tree, main: &Main, flags: &Flags, file: &Utf8Path) -> Result<String> {
    let closure = Closure::of(tree, main, flags)?;
    let files = Files::of(tree, &closure, main, flags)?;
    Ok(match files.reason(file) {
        Some(reason) => format!("in: {reason}"),
        None => format!("out: {}", explain::why_not(tree, main, flags, &closure, file)?),
    })
}

/// The shortest way of imports from a main package into each of these modules, as `a imports b imports c`. What only other
/// modules import is left out: they are not read, unless they are vendored.
///
/// # Errors
/// What Go would refuse, with its file and line.
pub fn ways_into(tree: &Tree, main: &Main, flags: &Flags, modules: &[&str]) -> Result<BTreeMap<String, String>> {
    Ok(why::ways_into(&Closure::of(tree, main, flags)?, modules))
}

/// Later than any release: which mains there are does not hang on the toolchain.
const NEWEST: u32 = 99;

/// What a folder with Go files comes to.
enum Found {
    Main(Main),
    /// Go would refuse it.
    Broken(Main, Problem),
    /// No file says what package it is, and one is not Go.
    Problem(Problem),
    Nothing,
}

/// The main package in a folder, if there is one with any of the flags.
fn find_main(tree: &Tree, candidate: &Candidate, platforms: &[Platforms]) -> Result<Found> {
    let Candidate { dir, module, module_dir, fault } = candidate;
    let folder = tree.derived::<Folders>().get(tree, dir)?;
    let mut problem = None;
    let mut is_named = false;
    for platforms in platforms {
        let mut names = Names::default();
        for source in folder.files.iter().filter(|source| source.kind == Kind::Go) {
            // Most folders are settled by their first file.
            if names.is_settled(platforms) {
                break;
            }
            // A file that Go cannot read says nothing about the package; the build will tell.
            let by_name = platforms.file_name(&source.name);
            let Some(header) = (by_name != 0).then(|| folder.header(tree, source).ok()).flatten() else { continue };
            let mask = header.constraints.iter().fold(by_name, |mask, one| mask & platforms.matching(one));
            if header.unreadable.is_some() || mask == 0 {
                continue;
            }
            match header.package.as_str() {
                "documentation" => {}
                "" => {
                    let fault = header.fault.as_ref();
                    problem = problem.or_else(|| fault.map(|fault| (folder.path(source), fault.clone())));
                }
                name => names.add(name, mask, platforms.cgo() || !header.is_cgo()),
            }
        }
        if names.main & names.built != 0 {
            let main = main_package(tree, dir, module, module_dir)?;
            let fault = match fault {
                Some(fault) => Some(fault.clone()),
                None => tree.derived::<ModuleFiles>().workspace_fault(tree, module_dir)?,
            };
            return Ok(match fault {
                Some(fault) => Found::Broken(main, fault),
                None => Found::Main(main),
            });
        }
        is_named |= names.named != 0;
    }
    let Some((file, fault)) = problem.filter(|_| !is_named) else { return Ok(Found::Nothing) };
    let problem = fault.in_file(&file);
    Ok(if is_meant_to_run(tree, &file, &fault)? {
        Found::Broken(main_package(tree, dir, module, module_dir)?, problem)
    } else {
        Found::Problem(problem)
    })
}

/// Whether a file that does not parse is the program of a person, and no template for one.
fn is_meant_to_run(tree: &Tree, file: &Utf8Path, fault: &Fault) -> Result<bool> {
    let text = String::from_utf8_lossy(&tree.read(file)?.unwrap_or_default()).into_owned();
    let line = text.lines().nth(fault.line.saturating_sub(1) as usize).unwrap_or_default();
    let is_template = [file.as_str(), line].iter().any(|text| is_template(text));
    Ok(!is_template && text.lines().any(|line| line.starts_with("func main()")))
}

/// What the files of a folder say of its package, each for the platforms that it is meant for.
#[derive(Default)]
struct Names {
    /// Where a file says what the package is called; the first one counts.
    named: Mask,
    /// Where it is called `main`.
    main: Mask,
    /// Where a file is built.
    built: Mask,
}

impl Names {
    fn add(&mut self, name: &str, mask: Mask, is_built: bool) {
        if name == "main" {
            self.main |= mask & !self.named;
        }
        self.named |= mask;
        // A file with C says what the package is called, also where cgo is off.
        self.built |= if is_built { mask } else { 0 };
    }

    /// Whether no further file can change the answer.
    fn is_settled(&self, platforms: &Platforms) -> bool {
        self.main & self.built != 0 || self.named == platforms.all() && self.main == 0
    }
}

fn main_package(tree: &Tree, dir: &Utf8Path, file: &module_file::ModuleFile, module_dir: &Utf8Path) -> Result<Main> {
    let module = Module { dir: module_dir.to_owned(), path: file.module.clone().unwrap_or_default() };
    let workspace = tree.derived::<ModuleFiles>().workspace(tree, module_dir)?;
    let (go, toolchain) =
        workspace.as_ref().map_or((&file.go, &file.toolchain), |(_, work)| (&work.go, &work.toolchain));
    let lines = Lines { go: go.clone(), toolchain: toolchain.clone() };
    let run_dir = workspace.map_or_else(|| module_dir.to_owned(), |(dir, _)| dir);
    let package = match dir.strip_prefix(&run_dir).map(Utf8Path::as_str) {
        Ok("") | Err(_) => ".".to_owned(),
        Ok(below) => format!("./{below}"),
    };
    let import_path = import_path(&module.path, module_dir, dir);
    let executable = executable(&import_path);
    let name = name(&import_path, &executable);
    Ok(Main { dir: dir.to_owned(), executable, name, module, lines, run_dir, package })
}

fn import_path(module: &str, module_dir: &Utf8Path, dir: &Utf8Path) -> String {
    match dir.strip_prefix(module_dir).map(Utf8Path::as_str) {
        Ok("") | Err(_) => module.to_owned(),
        Ok(below) => format!("{module}/{below}"),
    }
}

/// `tap` for `example.com/shop/tap/cmd`. Where every service has a folder `cmd`, that would be the name of all.
fn name(import_path: &str, of_executable: &str) -> String {
    let is_domain = |path: &str| path.contains('.') && !path.contains('/');
    match import_path.rsplit_once("/cmd") {
        Some((owner, _)) if of_executable == "cmd" && !is_domain(owner) => executable(owner),
        _ => of_executable.to_owned(),
    }
}

/// The last element of an import path, or the one before where that is a major version.
fn executable(import_path: &str) -> String {
    let (rest, last) = import_path.rsplit_once('/').unwrap_or(("", import_path));
    let is_version = |element: &str| {
        let number = element.strip_prefix('v').unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && !number.starts_with('0') && number != "1"
    };
    let name = if !rest.is_empty() && is_version(last) { rest.rsplit('/').next().unwrap_or(rest) } else { last };
    name.to_owned()
}
