//! Cargo's configuration for a folder: the files there and in all folders above, with those that they include.
//!
//! It is read here, and never by a Cargo that would run what it names: while listing, no wrapper, linker or credential
//! provider of the repository starts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::super::paths::resolve;
use super::Patch;
use super::manifest::{self, strings};
use crate::error::Error;
use crate::files::tree::{Below as _, Tree};

/// Tables that leave a build as it is.
const CHANGING_NOTHING: [&str; 6] = ["alias", "cargo-new", "doc", "future-incompat-report", "install", "term"];

/// Keys that name a program.
const PROGRAMS: [&str; 7] = [
    "credential-provider",
    "global-credential-providers",
    "linker",
    "runner",
    "rustc",
    "rustc-workspace-wrapper",
    "rustc-wrapper",
];

/// Wrappers of the compiler that only keep what it makes, and that no builder has.
const COMPILER_CACHES: [&str; 4] = ["cachepot", "ccache", "kache", "sccache"];

/// The targets that images are compiled for.
const TARGETS: [&str; 2] = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];

/// The certificates of the system, which the official builders have.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Cargo's configuration of a workspace.
#[derive(Debug, Default)]
pub(super) struct CargoConfig {
    /// The files, sorted. One that builds nothing differently, as it only names aliases, is left out.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Names that `--cfg` sets.
    pub(super) flags: BTreeSet<String>,
    /// Files and folders that they name, each with the file that does.
    pub(super) named: Vec<(Utf8PathBuf, Utf8PathBuf)>,
    /// Packages that stand in for others.
    pub(super) patches: Vec<Patch>,
    /// What is in its way.
    fault: Option<Error>,
    /// The strongest first.
    documents: Vec<Document>,
}

/// What of a configuration is not left to Cargo.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ConfigSettings {
    /// Variables that overrule, in a builder, what would be in its way there.
    pub overruled: BTreeMap<String, String>,
    /// Whether it names a target, which the image's platform overrules.
    pub names_target: bool,
    /// The flags under `build`, which count where none stand under the target.
    pub rustflags: Vec<String>,
    /// The targets, by triple or `cfg(…)`, that have flags.
    pub targets_with_flags: Vec<String>,
}

/// One file.
#[derive(Debug)]
struct Document {
    file: Utf8PathBuf,
    /// The folder that its paths begin at.
    folder: Utf8PathBuf,
    table: Table,
}

impl CargoConfig {
    /// The configuration for `workspace`, up to the repository's root.
    pub(super) fn read(tree: &Tree, workspace: &Utf8Path) -> Result<Self> {
        let mut config = Self::default();
        config.read_documents(tree, workspace)?;
        for document in &config.documents {
            let Document { file, folder, table } = document;
            if table.keys().all(|key| CHANGING_NOTHING.contains(&key.as_str())) {
                continue;
            }
            config.flags.extend(flags(table));
            let named = named_in(folder, table).into_iter().filter(|path| tree.exists(path));
            config.named.extend(named.map(|path| (path, file.clone())));
            config.patches.extend(manifest::patches(file, folder, table));
            config.patches.extend(overrides(tree, document)?);
            config.files.push(file.clone());
        }
        config.files.sort();
        config.fault =
            config.fault.take().or_else(|| config.target_fault()).or_else(|| config.certificates_fault(tree));
        Ok(config)
    }

    /// # Errors
    /// A file that does not parse, or a key that no image can be built with.
    pub(super) fn check(&self) -> Result<()> {
        self.fault.clone().map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// The registries that it gives names to, each as a setting for cargo's `--config`.
    ///
    /// Cargo accepts no manifest that speaks of a registry it does not know. A name and an address make nothing run.
    pub(super) fn registries(&self) -> Vec<String> {
        let mut settings = BTreeMap::new();
        for (name, registry) in self.entries("registries") {
            if let Some(Value::String(index)) = registry.get("index")
                && is_key(name)
                && index.contains("://")
                && !index.contains(['\'', '\n', '\r'])
            {
                settings.entry(name.clone()).or_insert(format!("registries.{name}.index = '{index}'"));
            }
        }
        settings.into_values().collect()
    }

    /// What it turns on of nightly's, each as a setting for cargo's `--config`: manifests may need it to be read.
    pub(super) fn unstable(&self) -> Vec<String> {
        let on = self.entries("unstable").filter(|(name, value)| is_key(name) && value.as_bool() == Some(true));
        let names: BTreeSet<_> = on.map(|(name, _)| format!("unstable.{name} = true")).collect();
        names.into_iter().collect()
    }

    /// What of it is not left to Cargo.
    pub(super) fn settings(&self) -> ConfigSettings {
        let mut overruled = BTreeMap::new();
        if self.value("build", "build-dir").is_some() {
            overruled.insert("CARGO_BUILD_BUILD_DIR".to_owned(), "/target".to_owned());
        }
        if self.value("net", "offline").is_some_and(|(_, value)| value.as_bool() == Some(true)) {
            overruled.insert("CARGO_NET_OFFLINE".to_owned(), "false".to_owned());
        }
        if self.value("net", "git-fetch-with-cli").is_some_and(|(_, value)| value.as_bool() == Some(true)) {
            // The builder has no git. Cargo's own fetches the same commits.
            overruled.insert("CARGO_NET_GIT_FETCH_WITH_CLI".to_owned(), "false".to_owned());
        }
        for (key, variable) in
            [("rustc-wrapper", "RUSTC_WRAPPER"), ("rustc-workspace-wrapper", "RUSTC_WORKSPACE_WRAPPER")]
        {
            let program = self.value("build", key).and_then(|(_, value)| Utf8Path::new(value.as_str()?).file_name());
            if program.is_some_and(|program| COMPILER_CACHES.contains(&program)) {
                overruled.insert(variable.to_owned(), String::new());
            }
        }
        let has_flags = self.entries("target").filter(|(_, table)| table.get("rustflags").is_some());
        let targets: BTreeSet<_> = has_flags.map(|(name, _)| name.clone()).collect();
        ConfigSettings {
            overruled,
            names_target: self.value("build", "target").is_some(),
            rustflags: self.rustflags(),
            targets_with_flags: targets.into_iter().collect(),
        }
    }

    /// The flags under `build`: Cargo joins lists, the strongest last.
    fn rustflags(&self) -> Vec<String> {
        let flags = |document: &Document| match document.table.get("build").and_then(|build| build.get("rustflags")) {
            Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            Some(value) => strings(value).into_iter().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        self.documents.iter().rev().flat_map(flags).collect()
    }

    fn value(&self, section: &str, key: &str) -> Option<(&Document, &Value)> {
        self.documents.iter().find_map(|document| Some((document, document.table.get(section)?.get(key)?)))
    }

    fn entries(&self, section: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.documents.iter().filter_map(move |document| document.table.get(section)?.as_table()).flatten()
    }

    fn read_documents(&mut self, tree: &Tree, workspace: &Utf8Path) -> Result<()> {
        for folder in workspace.ancestors() {
            // Of two, Cargo takes the first.
            let files = [".cargo/config", ".cargo/config.toml"].map(|name| folder.below(name));
            if let Some(file) = files.into_iter().find(|file| tree.is_file(file)) {
                self.read_file(tree, file)?;
            }
        }
        Ok(())
    }

    /// Reads a file and those that it includes, each of which is stronger than the one before it.
    fn read_file(&mut self, tree: &Tree, file: Utf8PathBuf) -> Result<()> {
        if self.documents.iter().any(|document| document.file == file) {
            return Ok(());
        }
        let Some(bytes) = tree.read(&file)? else { return Ok(()) };
        let table = String::from_utf8_lossy(&bytes).parse::<Table>().unwrap_or_else(|error| {
            self.blame(|| {
                let hint = format!("fix it: every cargo command in {} reads it", folder_of(&file));
                Error::usage(format!("{file}: {}", error.message())).hint(hint)
            });
            Table::new()
        });
        let inside = file.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let includes = includes(&table);
        let folder = inside.parent().unwrap_or(Utf8Path::new("")).to_owned();
        self.documents.push(Document { file: file.clone(), folder, table });
        for (path, is_optional) in includes.into_iter().rev() {
            match resolve(&inside, &path) {
                Some(included) => self.read_file(tree, included)?,
                None if is_optional => {}
                None => self.blame(|| {
                    Error::usage(format!("`include` in {file}: `{path}` lies outside the repository"))
                        .hint("copy that file into the repository, or mark it as optional: `{ path = \"…\", optional = true }`")
                }),
            }
        }
        Ok(())
    }

    fn blame(&mut self, error: impl FnOnce() -> Error) {
        if self.fault.is_none() {
            self.fault = Some(error());
        }
    }

    /// An image is compiled for its platform, so that another target would never come into it.
    fn target_fault(&self) -> Option<Error> {
        let (document, value) = self.value("build", "target")?;
        let targets = strings(value);
        let is_ours = |target: &&str| TARGETS.contains(target) || *target == "host-tuple";
        let other = match targets.as_slice() {
            [target] if is_ours(target) => return None,
            [target] => (*target).to_owned(),
            targets => targets.join(", "),
        };
        let file = &document.file;
        let what = format!("`build.target` in {file} is {other}, and images are compiled for {}", TARGETS.join(" or "));
        let hint = format!("remove `target` from [build] in {file}, and give --target to the commands that need it");
        Some(Error::usage(what).hint(hint))
    }

    /// Certificates of one machine, e.g. in a home folder: Cargo would fail in the builder at the first download.
    fn certificates_fault(&self, tree: &Tree) -> Option<Error> {
        ["cainfo", "proxy-cainfo"].iter().find_map(|key| {
            let (Document { file, folder, .. }, value) = self.value("http", key)?;
            let path = value.as_str().filter(|path| *path != SYSTEM_CERTIFICATES)?;
            if resolve(folder, path).is_some_and(|path| tree.exists(&path)) {
                return None;
            }
            let what = format!("`http.{key}` in {file} is {path}, which is no file of the repository");
            let hint = format!("remove `{key}` from [http] in {file}, and build with `--ca-bundle FILE`");
            Some(Error::usage(what).hint(hint))
        })
    }
}

fn folder_of(file: &Utf8Path) -> &str {
    let folder = file.parent().and_then(Utf8Path::parent).map_or("", Utf8Path::as_str);
    if folder.is_empty() { "." } else { folder }
}

fn is_key(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The files that a configuration includes, as it has them, each with whether it may be missing.
fn includes(table: &Table) -> Vec<(String, bool)> {
    let include = |value: &Value| match value {
        Value::String(path) => Some((path.clone(), false)),
        value => {
            let is_optional = value.get("optional").and_then(Value::as_bool).unwrap_or(false);
            Some((value.get("path")?.as_str()?.to_owned(), is_optional))
        }
    };
    match table.get("include") {
        Some(Value::Array(values)) => values.iter().filter_map(include).collect(),
        Some(value) => include(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The packages that `paths` puts in the place of others of their names.
fn overrides(tree: &Tree, document: &Document) -> Result<Vec<Patch>> {
    let mut patches = Vec::new();
    for path in document.table.get("paths").into_iter().flat_map(strings) {
        let dir = resolve(&document.folder, path);
        let manifest = dir.as_ref().map(|dir| manifest::table(tree, &dir.below("Cargo.toml"))).transpose()?.flatten();
        let name = manifest.and_then(|manifest| Some(manifest.get("package")?.get("name")?.as_str()?.to_owned()));
        let (text, file) = (path.to_owned(), document.file.clone());
        patches.push(Patch { name: name.unwrap_or_else(|| path.to_owned()), dir, text, file, is_override: true });
    }
    Ok(patches)
}

/// The names in `--cfg name`, `--cfg=name` and `--cfg 'name="value"'`.
fn flags(table: &Table) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    let words = table.values().flat_map(strings).flat_map(str::split_whitespace);
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--cfg") {
            Some("") => words.peek().copied(),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        let name = value.and_then(|value| value.trim_matches(['\'', '"']).split('=').next());
        flags.extend(name.map(str::to_owned));
    }
    flags
}

/// Programs, certificates, folders of vendored crates and relative variables that a configuration names; its paths begin
/// at `folder`.
fn named_in(folder: &Utf8Path, table: &Table) -> Vec<Utf8PathBuf> {
    let mut paths = Vec::new();
    let mut waiting = vec![table];
    while let Some(table) = waiting.pop() {
        for (key, value) in table {
            match value {
                Value::Table(table) => waiting.push(table),
                // A program without a folder is looked up in PATH.
                value if PROGRAMS.contains(&key.as_str()) => {
                    paths.extend(strings(value).into_iter().filter(|path| path.contains('/')));
                }
                _ => {}
            }
        }
    }
    let section = |name: &str| table.get(name).and_then(Value::as_table);
    let text = |table: &'_ Value, key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut named: Vec<String> = paths.into_iter().map(str::to_owned).collect();
    let http = table.get("http");
    named.extend(["cainfo", "proxy-cainfo"].iter().filter_map(|key| text(http?, key)));
    for source in section("source").into_iter().flat_map(Table::values) {
        named.extend(["directory", "local-registry"].iter().filter_map(|key| text(source, key)));
    }
    for variable in section("env").into_iter().flat_map(Table::values) {
        if variable.get("relative").and_then(Value::as_bool) == Some(true) {
            named.extend(text(variable, "value"));
        }
    }
    let resolved = named.iter().filter_map(|path| resolve(folder, path));
    // All of a folder above would be the whole repository, and say nothing.
    resolved.filter(|path| !folder.starts_with(path)).collect()
}
