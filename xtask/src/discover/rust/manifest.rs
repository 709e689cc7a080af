//! What `cargo metadata` does not tell of manifests and lock files.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::semver::VersionReq;
use toml::{Table, Value};

use super::super::paths::resolve;
use super::third_party::CRATES_IO;
use super::{Dependency, DependencyKind, Package, Patch, RootKind, SourceRoot};
use crate::files::tree::{Below as _, Tree};

/// What the root manifest of a workspace says for all members.
#[derive(Debug, Default)]
pub(super) struct RootManifest {
    /// Cargo's resolver: 1, 2 or 3.
    pub(super) resolver: String,
    /// The packages that stand in for others.
    pub(super) patches: Vec<Patch>,
}

/// Reads the root manifest in `dir`. One that does not parse is Cargo's to refuse.
pub(super) fn root(tree: &Tree, dir: &Utf8Path) -> Result<RootManifest> {
    let Some(manifest) = table(tree, &dir.below("Cargo.toml"))? else { return Ok(RootManifest::default()) };
    let patches = patches(&dir.below("Cargo.toml"), dir, &manifest);
    Ok(RootManifest { resolver: resolver(&manifest), patches })
}

pub(super) fn table(tree: &Tree, path: &Utf8Path) -> Result<Option<Table>> {
    let text = tree.read(path)?;
    Ok(text.and_then(|bytes| String::from_utf8_lossy(&bytes).parse().ok()))
}

/// The packages that a root manifest or a configuration, `file`, puts in the place of others; its paths begin at `dir`.
pub(super) fn patches(file: &Utf8Path, dir: &Utf8Path, document: &Table) -> Vec<Patch> {
    let section = |name: &str| document.get(name).and_then(Value::as_table);
    let patches = section("patch").into_iter().flat_map(Table::values).filter_map(Value::as_table);
    patches.chain(section("replace")).flat_map(|table| patches_of(file, dir, table)).collect()
}

fn patches_of(file: &Utf8Path, dir: &Utf8Path, table: &Table) -> Vec<Patch> {
    let patches = table.iter().filter_map(|(key, value)| {
        let path = value.get("path")?.as_str()?;
        let name = value.get("package").and_then(Value::as_str).unwrap_or(key);
        // A `[replace]` says which version it is for.
        let name = name.split(':').next().unwrap_or(name).to_owned();
        Some(Patch { name, dir: resolve(dir, path), text: path.to_owned(), file: file.to_owned(), is_override: false })
    });
    patches.collect()
}

/// The resolver, by its own key or by the edition of the root package.
fn resolver(manifest: &Table) -> String {
    let (package, workspace) = (manifest.get("package"), manifest.get("workspace"));
    let text = |section: Option<&Value>, key: &str| Some(section?.get(key)?.as_str()?.to_owned());
    let inherited = || text(workspace?.get("package"), "edition");
    let edition = package.and_then(|package| package.get("edition")).and_then(|edition| match edition {
        Value::String(edition) => Some(edition.clone()),
        _ => inherited(),
    });
    let by_edition = || match edition.as_deref() {
        None | Some("2015" | "2018") => "1".to_owned(),
        Some("2021") => "2".to_owned(),
        Some(_) => "3".to_owned(),
    };
    text(workspace, "resolver").or_else(|| text(package, "resolver")).unwrap_or_else(by_edition)
}

/// Whether a manifest takes a key from its workspace.
pub(super) fn inherits(manifest: &str, key: &str) -> bool {
    manifest.lines().any(|line| {
        let line: String = line.chars().filter(|character| !character.is_whitespace()).collect();
        line.starts_with(&format!("{key}.workspace=true")) || line.starts_with(&format!("{key}={{workspace=true"))
    })
}

/// Whether a manifest speaks of its workspace at all, so that Cargo reads the workspace's manifest along.
pub(super) fn needs_workspace(manifest: &str) -> bool {
    manifest.contains("workspace")
}

/// A source that has to exist for Cargo to accept a package's manifest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) file: Utf8PathBuf,
    /// The folder of the package, where any source of its targets will do.
    pub(super) unless_compiled: Option<Utf8PathBuf>,
}

/// The sources that Cargo demands of a package before it compiles anything: those of targets that the manifest speaks of
/// without a path. Where it speaks of none, one of those that were found, since a package has to have a target; none
/// where one is declared with its path, which Cargo believes.
pub(super) fn demands(tree: &Tree, package: &Package) -> Result<Vec<Demand>> {
    let manifest = table(tree, &package.manifest())?.unwrap_or_default();
    let bins = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    let bins: Vec<_> = bins.collect();
    let is_named = |bin: &Value, name: &str| bin.get("name").and_then(Value::as_str) == Some(name);
    let declaration = |root: &SourceRoot| match &root.kind {
        RootKind::Binary(name) => bins.iter().find(|bin| is_named(bin, name)).copied(),
        RootKind::BuildScript => None,
        RootKind::Library | RootKind::ProcMacro => manifest.get("lib"),
    };
    let runs_by_default =
        |root: &SourceRoot| matches!(&root.kind, RootKind::Binary(name) if package.default_run.as_ref() == Some(name));
    let (mut always, mut any) = (Vec::new(), None);
    let mut is_believed = false;
    // A build script need not exist where it does not run.
    for root in package.roots.iter().filter(|root| root.kind != RootKind::BuildScript) {
        match declaration(root) {
            Some(declared) if declared.get("path").is_some() => is_believed = true,
            Some(_) => always.push(root.file.clone()),
            None if runs_by_default(root) => always.push(root.file.clone()),
            None if any.is_none() && tree.is_file(&root.file) => any = Some(root.file.clone()),
            None => {}
        }
    }
    let any = any.filter(|_| always.is_empty() && !is_believed);
    let any = any.map(|file| Demand { file, unless_compiled: Some(package.dir.clone()) });
    Ok(always.into_iter().map(|file| Demand { file, unless_compiled: None }).chain(any).collect())
}

/// A package that only a `[patch]` leads to. Cargo does not describe it, as it is no member of any workspace.
pub(super) fn patch_package(tree: &Tree, dir: &Utf8Path, workspace: &Utf8Path) -> Result<Option<Package>> {
    let Some(manifest) = table(tree, &dir.below("Cargo.toml"))? else { return Ok(None) };
    let Some(package) = manifest.get("package").and_then(Value::as_table) else { return Ok(None) };
    let text = |table: Option<&Value>, key: &str| Some(table?.get(key)?.as_str()?.to_owned());
    let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
    let library = text(manifest.get("lib"), "path").unwrap_or_else(|| "src/lib.rs".to_owned());
    let is_proc_macro =
        manifest.get("lib").and_then(|lib| lib.get("proc-macro")).and_then(Value::as_bool) == Some(true);
    let build_script = package.get("build").and_then(Value::as_str).unwrap_or("build.rs");
    let mut roots = Vec::new();
    for (file, kind) in [
        (library.as_str(), if is_proc_macro { RootKind::ProcMacro } else { RootKind::Library }),
        (build_script, RootKind::BuildScript),
    ] {
        let file = resolve(dir, file).filter(|file| tree.is_file(file));
        roots.extend(file.map(|file| SourceRoot { file, kind }));
    }
    roots.sort();
    let mut dependencies = dependencies(dir, &manifest, None);
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    for (target, table) in targets {
        dependencies
            .extend(table.as_table().map(|table| self::dependencies(dir, table, Some(target))).unwrap_or_default());
    }
    let mut features: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (feature, values) in manifest.get("features").and_then(Value::as_table).into_iter().flatten() {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        features.insert(feature.clone(), values.map(str::to_owned).collect());
    }
    for dependency in dependencies.iter().filter(|dependency| dependency.optional) {
        features.entry(dependency.key.clone()).or_insert_with(|| vec![format!("dep:{}", dependency.key)]);
    }
    Ok(Some(Package {
        name: name.to_owned(),
        dir: dir.to_owned(),
        workspace: workspace.to_owned(),
        bins: Vec::new(),
        required_features: BTreeMap::new(),
        default_run: None,
        rust_version: None,
        is_fuzzer: false,
        is_published: false,
        packager: None,
        roots,
        features,
        dependencies,
    }))
}

fn dependencies(dir: &Utf8Path, table: &Table, target: Option<&str>) -> Vec<Dependency> {
    let mut found = Vec::new();
    for (section, kind) in [("dependencies", DependencyKind::Normal), ("build-dependencies", DependencyKind::Build)] {
        for (key, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
            let flag = |name: &str| value.get(name).and_then(Value::as_bool);
            let features = value.get("features").and_then(Value::as_array).into_iter().flatten();
            found.push(Dependency {
                key: key.clone(),
                name: value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned(),
                path: value.get("path").and_then(Value::as_str).and_then(|path| resolve(dir, path)),
                requirement: requirement(value),
                source: source(value),
                kind,
                optional: flag("optional").unwrap_or(false),
                default_features: flag("default-features").unwrap_or(true),
                features: features.filter_map(Value::as_str).map(str::to_owned).collect(),
                target: target.map(str::to_owned),
            });
        }
    }
    found
}

fn requirement(dependency: &Value) -> VersionReq {
    let text = dependency.as_str().or_else(|| dependency.get("version")?.as_str());
    text.and_then(|text| text.parse().ok()).unwrap_or(VersionReq::STAR)
}

/// The source of a dependency, as Cargo writes it.
fn source(dependency: &Value) -> Option<String> {
    let text = |key: &str| dependency.get(key).and_then(Value::as_str);
    if text("path").is_some() {
        return None;
    }
    let Some(url) = text("git") else { return Some(CRATES_IO.to_owned()) };
    let reference = ["rev", "tag", "branch"].into_iter().find_map(|key| Some(format!("?{key}={}", text(key)?)));
    Some(format!("git+{url}{}", reference.unwrap_or_default()))
}

/// The names and values that all these strings and lists of a document hold.
pub(super) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Table(table) => table.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolver_follows_from_the_root_manifest() {
        for (manifest, expected) in [
            ("[workspace]\nmembers = []", "1"),
            ("[workspace]\nresolver = \"2\"", "2"),
            ("[workspace]\nresolver = \"1\"\n[package]\nedition = \"2024\"", "1"),
            ("[package]\nname = \"a\"", "1"),
            ("[package]\nedition = \"2018\"", "1"),
            ("[package]\nedition = \"2021\"", "2"),
            ("[package]\nedition.workspace = true\n[workspace.package]\nedition = \"2024\"", "3"),
            ("[package]\nedition = \"2018\"\nresolver = \"2\"", "2"),
        ] {
            assert_eq!(resolver(&manifest.parse().expect("is TOML")), expected, "{manifest}");
        }
    }

    #[test]
    fn inheritance_is_seen_in_both_spellings() {
        assert!(inherits("version.workspace = true", "version"));
        assert!(inherits("version = { workspace = true }", "version"));
        assert!(!inherits("rust-version.workspace = true", "version"));
    }
}
