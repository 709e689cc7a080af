//! Packages that Cargo refuses: what can be told of them by their manifests and files, so that their services have names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8Path;
use toml::{Table, Value};

use super::Package;
use crate::discover::is_template;
use crate::files::tree::{Below as _, Tree};

/// The package of a manifest that Cargo refuses, if it has binaries that somebody may want to ship. Templates are none, nor
/// are fuzz targets.
pub(super) fn package(tree: &Tree, manifest: &Utf8Path) -> Result<Option<Package>> {
    let dir = manifest.parent().unwrap_or(Utf8Path::new(""));
    let text = String::from_utf8_lossy(&tree.read(manifest)?.unwrap_or_default()).into_owned();
    let table: Option<Table> = text.parse().ok();
    let of_package = |key: &str| table.as_ref()?.get("package")?.get(key);
    let name = match &table {
        Some(_) => of_package("name").and_then(Value::as_str),
        None => name_line(&text).or(dir.file_name()),
    };
    let Some(name) = name.filter(|name| !is_template(name) && !is_template(dir.as_str())) else { return Ok(None) };
    for above in dir.ancestors() {
        if tree.has_file(above, "cargo-generate.toml")? {
            return Ok(None);
        }
    }
    let is_fuzzer = of_package("metadata").is_some_and(|metadata| metadata.get("cargo-fuzz").is_some());
    let bins = binaries(tree, dir, name, table.as_ref(), &text)?;
    if is_fuzzer || bins.is_empty() {
        return Ok(None);
    }
    Ok(Some(Package {
        name: name.to_owned(),
        dir: dir.to_owned(),
        workspace: dir.to_owned(),
        bins: bins.into_iter().collect(),
        required_features: BTreeMap::new(),
        default_run: None,
        rust_version: None,
        is_fuzzer,
        is_published: false,
        packager: None,
        roots: Vec::new(),
        features: BTreeMap::new(),
        dependencies: Vec::new(),
    }))
}

/// The names of the binaries that the manifest declares, or that lie where Cargo looks for them.
fn binaries(
    tree: &Tree,
    dir: &Utf8Path,
    package: &str,
    manifest: Option<&Table>,
    text: &str,
) -> Result<BTreeSet<String>> {
    let declared = manifest.and_then(|table| table.get("bin")).and_then(Value::as_array).into_iter().flatten();
    let mut bins: BTreeSet<String> = declared.filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned())).collect();
    let may_declare = manifest.is_none() && text.contains("[[bin]]");
    if may_declare || tree.holds_file(&dir.below("src/main.rs"))? {
        bins.insert(package.to_owned());
    }
    for entry in tree.entries(&dir.below("src/bin"))?.iter() {
        let name = if entry.is_folder() { Some(entry.name.as_str()) } else { entry.name.strip_suffix(".rs") };
        bins.extend(name.map(str::to_owned));
    }
    Ok(bins)
}

/// What a manifest that does not parse says of the package's name.
fn name_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let value = lines.by_ref().take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then_some(value.trim())
    })?;
    value.strip_prefix('"')?.split_once('"').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::name_line;

    #[test]
    fn a_name_is_found_in_what_does_not_parse() {
        assert_eq!(name_line("[package]\nversion = \nname = \"api\" # x\n"), Some("api"));
        assert_eq!(name_line("[dependencies]\nname = \"x\"\n[package\n"), None);
        assert_eq!(name_line("[package]\n[[bin]]\nname = \"x\"\n"), None);
    }
}
