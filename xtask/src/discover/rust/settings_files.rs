//! The files that tell Cargo and rustup how to build in a folder: those of the folder and of all above it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::super::paths::resolve;
use super::manifest::strings;
use crate::files::tree::{Below as _, Tree};

/// Tables of Cargo's configuration that leave a build as it is.
const CHANGING_NOTHING: [&str; 4] = ["alias", "cargo-new", "future-incompat-report", "term"];

/// Keys that name a program.
const PROGRAMS: [&str; 5] = ["linker", "runner", "rustc", "rustc-workspace-wrapper", "rustc-wrapper"];

/// Cargo's configuration of a workspace.
#[derive(Debug, Default)]
pub(super) struct CargoConfig {
    /// The files, sorted.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Names that `--cfg` sets.
    pub(super) flags: BTreeSet<String>,
    /// Files and folders that they name, each with the file that does.
    pub(super) named: Vec<(Utf8PathBuf, Utf8PathBuf)>,
}

/// Cargo's configuration files from `workspace` up to the repository's root. One that builds nothing differently, as
/// it only names aliases, is left out.
pub(super) fn cargo_config(tree: &Tree, workspace: &Utf8Path) -> Result<CargoConfig> {
    let mut config = CargoConfig::default();
    for folder in workspace.ancestors() {
        // Of two, Cargo takes the first.
        for name in [".cargo/config", ".cargo/config.toml"] {
            let file = folder.below(name);
            let Some(bytes) = tree.read(&file)? else { continue };
            // What does not parse is Cargo's to refuse.
            let table: Option<Table> = String::from_utf8_lossy(&bytes).parse().ok();
            if table.as_ref().is_none_or(|table| table.keys().any(|key| !CHANGING_NOTHING.contains(&key.as_str()))) {
                let table = table.unwrap_or_default();
                config.flags.extend(flags(&table));
                let named = named_in(folder, &table).into_iter().filter(|path| tree.exists(path));
                config.named.extend(named.map(|path| (path, file.clone())));
                config.files.push(file);
            }
            break;
        }
    }
    config.files.sort();
    Ok(config)
}

/// The registries that the configuration around a manifest gives names to, each as a setting for cargo's `--config`.
///
/// Cargo accepts no manifest that speaks of a registry it does not know. A name and an address make nothing run.
pub(super) fn registries(tree: &Tree, manifest: &Utf8Path) -> Result<Vec<String>> {
    let mut settings = BTreeMap::new();
    for folder in manifest.ancestors().skip(1) {
        for name in [".cargo/config", ".cargo/config.toml"] {
            let Some(bytes) = tree.read(&folder.below(name))? else { continue };
            let table: Table = String::from_utf8_lossy(&bytes).parse().unwrap_or_default();
            let registries = table.get("registries").and_then(Value::as_table).into_iter().flatten();
            for (name, registry) in registries {
                let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
                if let Some(Value::String(index)) = registry.get("index")
                    && is_name
                    && index.contains("://")
                    && !index.contains(['\'', '\n', '\r'])
                {
                    let setting = format!("registries.{name}.index = '{index}'");
                    settings.entry(name.clone()).or_insert(setting);
                }
            }
            break;
        }
    }
    Ok(settings.into_values().collect())
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

/// Programs, folders of vendored crates and relative variables that a configuration in `folder` names.
fn named_in(folder: &Utf8Path, table: &Table) -> Vec<Utf8PathBuf> {
    let mut paths = Vec::new();
    let mut waiting = vec![table];
    while let Some(table) = waiting.pop() {
        for (key, value) in table {
            match value {
                Value::Table(table) => waiting.push(table),
                // A program without a folder is looked up in PATH.
                Value::String(path) if PROGRAMS.contains(&key.as_str()) && path.contains('/') => paths.push(path),
                _ => {}
            }
        }
    }
    let section = |name: &str| table.get(name).and_then(Value::as_table).into_iter().flat_map(Table::values);
    for source in section("source") {
        paths.extend(["directory", "local-registry"].iter().filter_map(|key| match source.get(key) {
            Some(Value::String(path)) => Some(path),
            _ => None,
        }));
    }
    for variable in section("env") {
        if variable.get("relative").and_then(Value::as_bool) == Some(true)
            && let Some(Value::String(path)) = variable.get("value")
        {
            paths.push(path);
        }
    }
    let resolved = paths.into_iter().filter_map(|path| resolve(folder, path));
    // All of a folder above would be the whole repository, and say nothing.
    resolved.filter(|path| !folder.starts_with(path)).collect()
}

/// The toolchain file that governs a workspace, with its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolchainFile {
    /// The file.
    pub file: Utf8PathBuf,
    /// The channel that it names.
    pub channel: Option<String>,
}

/// The nearest toolchain file.
pub(super) fn toolchain(tree: &Tree, workspace: &Utf8Path) -> Result<Option<ToolchainFile>> {
    for folder in workspace.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            let file = folder.below(name);
            let Some(text) = tree.read_text(&file)? else { continue };
            let channel = match text.parse::<Table>() {
                Ok(table) => table.get("toolchain").and_then(|table| table.get("channel")?.as_str().map(str::to_owned)),
                // The older form is the channel alone.
                Err(_) => text.lines().next().map(|line| line.trim().to_owned()),
            };
            return Ok(Some(ToolchainFile { file, channel }));
        }
    }
    Ok(None)
}
