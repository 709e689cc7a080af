//! What an image of a Rust package is built from.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Package, RustTree, sources};
use crate::files::tree::Tree;

/// What the build of a package reads. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Every package whose manifest Cargo reads, sorted by folder: the workspace's members, and what any of them
    /// depends on by path.
    pub manifests: Vec<Package>,
    /// The packages that are compiled, sorted by folder.
    pub closure: Vec<Package>,
    /// The workspace's manifest and, where it has one, its lock file.
    pub workspace_files: Vec<Utf8PathBuf>,
    /// Whether there is a lock file.
    pub locked: bool,
    /// Whether a compiled package takes its version from the workspace.
    pub inherits_version: bool,
    /// Cargo's configuration for the workspace.
    pub config: Vec<Utf8PathBuf>,
    /// Files that the sources name and that lie outside their package, or that the ignore rules would hide; sorted.
    pub named: Vec<Utf8PathBuf>,
    /// The channel of the toolchain file that governs the workspace.
    pub channel: Option<String>,
}

/// Reads what the build of `package` reads.
pub fn inputs(tree: &Tree, rust: &RustTree, package: &Package) -> Result<Inputs> {
    let members = rust.workspaces.iter().filter(|workspace| workspace.dir == package.workspace);
    let members = members.flat_map(|workspace| &workspace.packages).map(|member| member.dir.as_path());
    let manifests = rust.closure(members, true);
    let closure = rust.closure([package.dir.as_path()], false);

    let lock = package.workspace.join("Cargo.lock");
    let locked = tree.is_file(&lock);
    let mut workspace_files = vec![package.workspace.join("Cargo.toml")];
    workspace_files.extend(locked.then_some(lock));

    let mut named = BTreeSet::new();
    let mut inherits_version = false;
    for compiled in &closure {
        let manifest = tree.read_text(&compiled.manifest())?.unwrap_or_default();
        inherits_version |= inherits(&manifest, "version");
        for file in rust_files(tree, &compiled.dir)? {
            let text = tree.read(&file)?.unwrap_or_default();
            named.extend(sources::named_files(&file, &compiled.dir, &String::from_utf8_lossy(&text)));
        }
    }
    named.retain(|path| tree.exists(path));
    Ok(Inputs {
        manifests,
        closure,
        workspace_files,
        locked,
        inherits_version,
        config: cargo_config(tree, &package.workspace)?,
        named: named.into_iter().collect(),
        channel: channel(tree, &package.workspace)?,
    })
}

/// Whether a package manifest takes a key from its workspace.
fn inherits(manifest: &str, key: &str) -> bool {
    manifest.lines().any(|line| {
        let line: String = line.chars().filter(|character| !character.is_whitespace()).collect();
        line.starts_with(&format!("{key}.workspace=true")) || line.starts_with(&format!("{key}={{workspace=true"))
    })
}

/// The Rust sources of a package: those of folders below that are packages of their own are not its.
fn rust_files(tree: &Tree, package: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    let mut waiting = vec![package.to_owned()];
    while let Some(dir) = waiting.pop() {
        if dir != package && tree.is_file(&dir.join("Cargo.toml")) {
            continue;
        }
        for entry in tree.entries(&dir)?.iter() {
            let path = dir.join(&entry.name);
            if entry.is_folder() && !["target", "tests", "benches", "examples"].contains(&entry.name.as_str()) {
                waiting.push(path);
            } else if entry.is_file() && path.extension() == Some("rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Cargo's configuration files from the workspace up to the repository's root. One that only names aliases builds
/// nothing differently.
fn cargo_config(tree: &Tree, workspace: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for folder in workspace.ancestors() {
        for name in [".cargo/config.toml", ".cargo/config"] {
            let file = folder.join(name);
            if tree.read_text(&file)?.is_some_and(|text| more_than_aliases(&text)) {
                files.push(file);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn more_than_aliases(config: &str) -> bool {
    // What does not parse is cargo's to refuse.
    config.parse::<toml::Table>().map_or(true, |table| table.keys().any(|key| key != "alias"))
}

/// The channel in the nearest toolchain file.
fn channel(tree: &Tree, workspace: &Utf8Path) -> Result<Option<String>> {
    for folder in workspace.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            let Some(text) = tree.read_text(&folder.join(name))? else { continue };
            let from_table = text
                .parse::<toml::Table>()
                .ok()
                .and_then(|table| table.get("toolchain")?.get("channel")?.as_str().map(str::to_owned));
            return Ok(from_table.or_else(|| text.lines().next().map(|line| line.trim().to_owned())));
        }
    }
    Ok(None)
}
