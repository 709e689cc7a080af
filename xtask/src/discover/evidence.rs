//! What the repository's own Dockerfiles, release files and release workflows build: that is shipped, wherever it lies.
//!
//! Only those few files are read, and what they lead to: makefiles and scripts. They are read as texts with tolerance, not
//! run; what is not understood says nothing.

mod build;
mod dockerfile;
mod goreleaser;
mod makefile;
mod matching;
mod shell;
mod variables;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::paths::within;
use super::selection::not_shipped;
use crate::files::tree::{Below as _, Tree};
use crate::service::{Service, Source};
use build::Build;
use matching::{Mention, What};
use variables::Variables;

pub(super) use matching::{Evidence, Shipped};

/// Longer files are no build files that a person wrote.
const LONGEST: usize = 512 * 1024;

/// How often one file may lead to another.
const DEEPEST: usize = 4;

/// Words in the name of a Dockerfile that is for those who work on the repository.
const TRIES: [&str; 13] = [
    "bench",
    "ci",
    "coverage",
    "debug",
    "dev",
    "devcontainer",
    "docs",
    "e2e",
    "lint",
    "local",
    "test",
    "tests",
    "tilt",
];

/// The services that the repository's own files ship, in their order.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn shipped(tree: &Tree, services: &[Service]) -> Result<Shipped> {
    let mut reader = Reader {
        tree,
        mentions: Vec::new(),
        images: BTreeSet::new(),
        passed: Variables::default(),
        seen: BTreeSet::new(),
        texts: BTreeMap::new(),
    };
    reader.read_all()?;
    reader.manifests(services);
    Ok(matching::shipped(tree, services, &reader.mentions, &reader.texts))
}

struct Reader<'a> {
    tree: &'a Tree,
    mentions: Vec<Mention>,
    /// Dockerfiles, or folders with one, that a release builds.
    images: BTreeSet<Utf8PathBuf>,
    /// What other files may pass to a Dockerfile.
    passed: Variables,
    /// Texts that speak of what is shipped: release workflows, and scripts that build.
    texts: BTreeMap<Utf8PathBuf, String>,
    /// What has been read, and with which target.
    seen: BTreeSet<(Utf8PathBuf, String)>,
}

/// A text in a file, and where its paths may begin.
struct Place<'a> {
    file: &'a Utf8Path,
    folders: Vec<Utf8PathBuf>,
    /// Whether it is for a release by its name, too.
    is_sure: bool,
    depth: usize,
}

impl Reader<'_> {
    fn read_all(&mut self) -> Result<()> {
        let mut dockerfiles = Vec::new();
        let mut others = Vec::new();
        let hidden = [".docker", ".build", ".ci"].map(Utf8PathBuf::from);
        for folder in self.tree.folders()?.iter().chain(&hidden) {
            for entry in self.tree.entries(folder)?.iter().filter(|entry| entry.is_file()) {
                if is_dockerfile(&entry.name) {
                    dockerfiles.push(folder.below(&entry.name));
                } else if is_of_release(&entry.name) && not_shipped(folder).is_none() {
                    others.push(folder.below(&entry.name));
                }
            }
        }
        for file in others {
            let name = file.file_name().unwrap_or_default();
            if name.contains("goreleaser") || name.contains(".ko.") {
                self.goreleaser(&file);
            } else {
                self.passes(&file);
            }
        }
        let workflows = Utf8Path::new(".github/workflows");
        let entries = self.tree.entries(workflows)?;
        for is_sure in [true, false] {
            for entry in entries.iter().filter(|entry| is_yaml(&entry.name)) {
                let file = workflows.below(&entry.name);
                let is_release = || self.text(&file).is_some_and(|text| workflow::is_release(&entry.name, &text));
                if workflow::is_named_for_release(&entry.name) == is_sure && is_release() {
                    self.workflow(&file, is_sure, 0);
                }
            }
        }
        self.scripts()?;
        // What a release builds is known by now, but for what its Dockerfiles lead to.
        for file in dockerfiles {
            if self.is_shipped(&file) {
                self.dockerfile(&file);
            }
        }
        Ok(())
    }

    /// The scripts at the root and in the usual folders that build or release something, by their names.
    fn scripts(&mut self) -> Result<()> {
        for folder in
            ["", "build", "ci", "hack", "packaging", "release", "script", "scripts", "tools"].map(Utf8Path::new)
        {
            for entry in
                self.tree.entries(folder)?.iter().filter(|entry| entry.is_file() && entry.name.ends_with(".sh"))
            {
                let words = ["build", "dist", "docker", "image", "package", "publish", "release"];
                if words.iter().any(|word| entry.name.contains(word))
                    && let Some(text) = self.text(&folder.below(&entry.name))
                {
                    self.texts.insert(folder.below(&entry.name), without_comments(&text));
                }
            }
        }
        Ok(())
    }

    /// What packagers of Cargo ship: those of a package's own manifest, and dist, which ships all that is published.
    fn manifests(&mut self, services: &[Service]) {
        for service in services {
            let Source::Rust(package) = &service.source else { continue };
            let dist = package.workspace.below("dist-workspace.toml");
            if package.packager.is_some() {
                self.mention(&package.manifest(), What::Cargo(package.name.clone()));
            } else if package.is_published && self.tree.holds_file(&dist).unwrap_or(false) {
                self.mention(&dist, What::Cargo(package.name.clone()));
            }
        }
    }

    fn text(&self, file: &Utf8Path) -> Option<String> {
        let bytes = self.tree.read(file).ok()??;
        (bytes.len() <= LONGEST).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn is_shipped(&self, file: &Utf8Path) -> bool {
        let folder = file.parent().unwrap_or(Utf8Path::new(""));
        if self.images.contains(file) || !folder.as_str().is_empty() && self.images.contains(folder) {
            return true;
        }
        let name = file.file_name().unwrap_or_default().to_ascii_lowercase();
        let is_tried = name.split(['.', '-', '_']).any(|word| TRIES.contains(&word));
        !is_tried && not_shipped(folder).is_none()
    }

    fn mention(&mut self, file: &Utf8Path, what: What) {
        self.mention_from(file, true, what);
    }

    fn mention_from(&mut self, file: &Utf8Path, is_sure: bool, what: What) {
        let mention = Mention { file: file.to_owned(), is_sure, what };
        if !self.mentions.contains(&mention) {
            self.mentions.push(mention);
        }
    }

    /// The values that a bake or compose file passes.
    fn passes(&mut self, file: &Utf8Path) {
        if let Some(text) = self.text(file) {
            self.pass(&Variables::read(&text));
        }
    }

    fn pass(&mut self, variables: &Variables) {
        self.passed.add_passed(variables, &variables.names());
    }

    fn goreleaser(&mut self, file: &Utf8Path) {
        let Some(text) = self.text(file) else { return };
        let folder = file.parent().unwrap_or(Utf8Path::new(""));
        for entry in goreleaser::entries(&text) {
            if !entry.package.is_empty() {
                self.mention(file, What::Cargo(entry.package));
                continue;
            }
            let dir = shell::without_references(&entry.dir);
            let package = if entry.main.is_empty() { "." } else { &entry.main };
            let folders: Vec<_> =
                [within(folder, &dir), within(Utf8Path::new(""), &dir)].into_iter().flatten().collect();
            let name = (!entry.binary.is_empty()).then(|| entry.binary.clone());
            self.mention(file, What::Go { folders, package: package.to_owned(), or_name: name });
        }
    }

    fn workflow(&mut self, file: &Utf8Path, is_sure: bool, depth: usize) {
        if depth > DEEPEST || !self.seen.insert((file.to_owned(), String::new())) {
            return;
        }
        let Some(text) = self.text(file) else { return };
        self.texts.insert(file.to_owned(), without_comments(&text));
        let variables = Variables::read(&text);
        self.pass(&variables);
        let mut folders = vec![Utf8PathBuf::new()];
        folders.extend(variables.values("working-directory").filter_map(|folder| within(Utf8Path::new(""), folder)));
        for key in ["bin", "bins", "binary", "binary-name", "binary_name", "bin_name", "BIN_NAME", "BINARY_NAME"] {
            for name in variables.values(key).flat_map(|value| variables.expand(value)) {
                for name in name.split([',', ' ']).filter(|name| !name.is_empty()) {
                    self.mention_from(file, is_sure, What::Named { name: name.to_owned(), near: Utf8PathBuf::new() });
                }
            }
        }
        for key in ["file", "dockerfile", "context"] {
            for path in variables.values(key).flat_map(|value| variables.expand(value)).collect::<Vec<_>>() {
                self.images.extend(folders.iter().filter(|_| is_sure).filter_map(|folder| within(folder, &path)));
            }
        }
        for run in workflow::runs(&text) {
            self.commands(&run, &variables, &Place { file, folders: folders.clone(), is_sure, depth });
        }
        if text.contains("actions-rs/cargo") || text.contains("actions-rust-cross") {
            for arguments in variables.values("args") {
                let run = format!("cargo build {arguments}");
                self.commands(&run, &variables, &Place { file, folders: folders.clone(), is_sure, depth });
            }
        }
        for line in text.lines() {
            if let Some((_, path)) = line.split_once("uses: ./") {
                let path = Utf8Path::new(path.split([' ', '#', '@']).next().unwrap_or_default().trim_end_matches('/'));
                let action = ["action.yml", "action.yaml"].map(|name| path.below(name));
                for file in [path.to_owned()].iter().chain(&action) {
                    self.workflow(file, is_sure, depth + 1);
                }
            }
        }
    }

    fn dockerfile(&mut self, file: &Utf8Path) {
        let Some(text) = self.text(file) else { return };
        // Those that this tool writes say what was selected before.
        if text.starts_with("# @generated by cargo xtask") {
            return;
        }
        let mut variables = dockerfile::variables(&text);
        variables.add_passed(&self.passed, &dockerfile::arguments(&text));
        let near = file.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let found = dockerfile::read(&text);
        for (folder, run) in &found.runs {
            let mut folders: Vec<_> = near.ancestors().map(Utf8Path::to_owned).collect();
            let at = usize::from(!near.as_str().is_empty());
            let folder = variables.expand(&shell::without_references(folder)).pop().unwrap_or_default();
            folders.splice(at..at, self.ends_in(&folder));
            self.commands(run, &variables, &Place { file, folders, is_sure: true, depth: 0 });
        }
        let expand = |words: &[String]| -> Vec<String> {
            words.iter().flat_map(|word| variables.expand(&shell::without_references(word))).collect()
        };
        let mut copied = expand(&found.from_stages);
        let is_source = |path: &String| {
            near.ancestors().any(|folder| within(folder, path).is_none_or(|path| self.tree.exists(&path)))
        };
        copied.extend(expand(&found.from_context).into_iter().filter(|path| !is_source(path)));
        for name in copied.iter().filter_map(|path| artefact(path)) {
            self.mention(file, What::Named { name, near: near.clone() });
        }
        let names: Vec<_> = expand(&found.starts).iter().filter_map(|word| artefact(word)).collect();
        if !names.is_empty() {
            self.mention(file, What::Starts { names, near });
        }
    }

    /// The folders of the repository that a path in a container may be: those whose names it ends in.
    fn ends_in(&self, path: &str) -> Vec<Utf8PathBuf> {
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let ends = (0..parts.len()).map(|from| Utf8PathBuf::from(parts[from..].join("/")));
        ends.filter(|end| !end.as_str().contains("..") && self.tree.is_folder(end)).collect()
    }

    /// What the commands of a text build.
    fn commands(&mut self, text: &str, variables: &Variables, place: &Place<'_>) {
        if place.depth > DEEPEST {
            return;
        }
        let mut folders = place.folders.clone();
        let below = |folders: &[Utf8PathBuf], path: &str| -> Vec<Utf8PathBuf> {
            folders.iter().filter_map(|folder| within(folder, path)).collect()
        };
        for words in shell::commands(text, variables) {
            for build in build::builds(&words).into_iter().flat_map(|build| build.expand(variables)) {
                match build {
                    Build::Enter(path) if path.contains(shell::UNKNOWN) => {}
                    Build::Enter(path) if matches!(path.as_str(), "-" | "..") => folders.clone_from(&place.folders),
                    Build::Enter(path) if path.starts_with('/') => folders = self.ends_in(&path),
                    Build::Enter(path) => {
                        folders = below(&folders, &path);
                        folders.retain(|folder| self.tree.is_folder(folder));
                    }
                    Build::Go { folder, package } => {
                        let folders = below(&folders, &folder);
                        self.mention_from(place.file, place.is_sure, What::Go { folders, package, or_name: None });
                    }
                    Build::Cargo(name) => {
                        self.mention_from(place.file, place.is_sure, What::Cargo(artefact(&name).unwrap_or(name)))
                    }
                    Build::CargoIn(path) => {
                        let folders = below(&folders, &path);
                        self.mention_from(place.file, place.is_sure, What::CargoIn(folders));
                    }
                    Build::Make { folder, target } => {
                        for folder in below(&folders, &folder) {
                            self.make(&folder, &target, place.is_sure, place.depth + 1);
                        }
                    }
                    Build::Script(path) => {
                        for path in below(&folders, &path) {
                            self.script(&path, place.is_sure, place.depth + 1);
                        }
                    }
                    Build::Image(path) if place.is_sure => self.images.extend(below(&folders, &path)),
                    Build::Image(_) => {}
                    Build::Taken(path) => self.mention_from(place.file, place.is_sure, What::Taken(path)),
                }
            }
        }
    }

    fn make(&mut self, folder: &Utf8Path, target: &str, is_sure: bool, depth: usize) {
        for name in ["Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", ".justfile"] {
            let file = folder.below(name);
            if !self.tree.has_file(folder, name).unwrap_or(false)
                || !self.seen.insert((file.clone(), target.to_owned()))
            {
                continue;
            }
            let Some(mut text) = self.text(&file) else { continue };
            let included = text.lines().filter_map(|line| within(folder, line.strip_prefix("include ")?.trim()));
            let included: Vec<_> = included.filter_map(|file| self.text(&file)).collect();
            text.extend(included);
            let variables = Variables::read(&text);
            let recipe = makefile::recipe(&variables_in_targets(&text, &variables), target);
            self.pass(&variables);
            self.commands(
                &recipe,
                &variables,
                &Place { file: &file, folders: vec![folder.to_owned()], is_sure, depth },
            );
        }
    }

    fn script(&mut self, file: &Utf8Path, is_sure: bool, depth: usize) {
        if !self.tree.is_file(file) || !self.seen.insert((file.to_owned(), String::new())) {
            return;
        }
        let Some(text) = self.text(file) else { return };
        let is_shell = file.as_str().ends_with(".sh")
            || text.lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("sh"));
        if is_shell {
            self.texts.insert(file.to_owned(), without_comments(&text));
            let variables = Variables::read(&text);
            self.pass(&variables);
            let folders = vec![Utf8PathBuf::new(), file.parent().unwrap_or(Utf8Path::new("")).to_owned()];
            self.commands(&text, &variables, &Place { file, folders, is_sure, depth });
        } else if !is_shell
            && ["cargo", "go build", "go install", "\"go\"", "'go'"].iter().any(|tool| text.contains(tool))
        {
            self.mention_from(file, is_sure, What::Unread);
        }
    }
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.fold(String::with_capacity(text.len()), |text, line| text + line + "\n")
}

/// A makefile whose lists of targets are written out.
fn variables_in_targets(text: &str, variables: &Variables) -> String {
    let lines = text.lines().map(|line| {
        let is_rule = !line.starts_with([' ', '\t', '#']) && line.contains(':') && line.contains('$');
        if is_rule { variables.expand_single(&shell::without_references(line)) } else { line.to_owned() }
    });
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

fn is_dockerfile(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let kind = ["dockerfile", "containerfile"].into_iter().find(|kind| name.starts_with(kind));
    let suffix = kind.and_then(|kind| name.strip_prefix(kind));
    let is_text = |suffix: &str| {
        [".dockerignore", ".md", ".go", ".rs", ".j2", ".tmpl", ".yml", ".yaml", ".json", ".py"]
            .iter()
            .any(|other| suffix.ends_with(other))
    };
    name.ends_with(".dockerfile")
        || suffix.is_some_and(|suffix| (suffix.is_empty() || suffix.starts_with(['.', '-', '_'])) && !is_text(suffix))
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

/// Whether a file configures a release, or passes values to Dockerfiles.
fn is_of_release(name: &str) -> bool {
    let is_release = (name.starts_with(".goreleaser") || name.starts_with("goreleaser") || name.starts_with(".ko."))
        && is_yaml(name);
    let is_compose = (name.starts_with("docker-compose") || name.starts_with("compose")) && is_yaml(name);
    let is_bake = name.starts_with("docker-bake.") && (name.ends_with(".hcl") || name.ends_with(".json"));
    is_release || is_compose || is_bake
}

/// The name of a program in a path like `bin/api-linux-amd64`; nothing for what is told by its ending to be none.
fn artefact(path: &str) -> Option<String> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    let ends = ["-linux", "_linux", "-amd64", "_amd64", "-x86_64", "-darwin", ".exe"];
    let end = ends.iter().filter_map(|end| name.find(end)).min().unwrap_or(name.len());
    let name = name[..end].trim_end_matches([shell::UNKNOWN, '-', '_', '.']);
    let is_name = !name.is_empty() && !name.contains([shell::UNKNOWN, '.', ' ', '=']) && !name.starts_with('-');
    is_name.then(|| name.to_owned())
}
