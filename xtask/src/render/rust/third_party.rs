//! The manifests of two packages that hold nothing of their own: one depends on all third-party crates of a workspace that
//! are compiled, the other on those that Cargo resolves besides.

use std::collections::BTreeMap;

use crate::plan::Crate;

/// The package's name.
pub(super) const PACKAGE: &str = "third-party";

/// The manifest, from the workspace's folder.
pub(super) const MANIFEST: &str = ".third-party/Cargo.toml";

/// The second manifest, from the workspace's folder.
pub(super) const NOT_COMPILED_MANIFEST: &str = ".third-party/not-compiled/Cargo.toml";

/// The manifest of what is compiled.
pub(super) fn manifest(crates: &[Crate]) -> String {
    let mut sections: BTreeMap<(Option<&str>, bool), String> = BTreeMap::new();
    for crate_ in crates {
        let section = sections.entry((crate_.target.as_deref(), crate_.on_builder)).or_default();
        section.push_str(&format!("{} = {}\n", crate_.key, dependency(crate_)));
    }
    let mut text = package(PACKAGE);
    for ((target, on_builder), dependencies) in sections {
        let target = target.map(|target| format!("target.{}.", quoted(target))).unwrap_or_default();
        let kind = if on_builder { "build-dependencies" } else { "dependencies" };
        text.push_str(&format!("\n[{target}{kind}]\n{dependencies}"));
    }
    text
}

/// The manifest of what Cargo resolves and nothing compiles: for no platform at all, so that only the index is read for it
/// and nothing is downloaded.
pub(super) fn not_compiled_manifest(crates: &[Crate]) -> String {
    let dependencies: String =
        crates.iter().map(|crate_| format!("{} = {}\n", crate_.key, dependency(crate_))).collect();
    format!("{}\n[target.'cfg(any())'.dependencies]\n{dependencies}", package("third-party-not-compiled"))
}

fn package(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[lib]\npath = \"lib.rs\"\n")
}

/// The value of a dependency, on one line: the script that reads the lock file looks for its name and version.
fn dependency(crate_: &Crate) -> String {
    let mut keys = Vec::new();
    let mut text = |key: &str, value: &str| keys.push(format!("{key} = \"{value}\""));
    if crate_.key != crate_.name {
        text("package", &crate_.name);
    }
    if !crate_.version.is_empty() {
        text("version", &crate_.version);
    }
    match crate_.source.as_deref().map(|source| (source, source.strip_prefix("git+"))) {
        Some((_, Some(git))) => {
            let (url, reference) = git.split_once('?').unwrap_or((git, ""));
            text("git", url);
            if let Some((key, value)) = reference.split_once('=') {
                text(key, value);
            }
        }
        Some((registry, None)) => text("registry-index", registry.trim_start_matches("registry+")),
        None => {}
    }
    if !crate_.default_features {
        keys.push("default-features = false".to_owned());
    }
    if !crate_.features.is_empty() {
        let features: Vec<_> = crate_.features.iter().map(|feature| format!("\"{feature}\"")).collect();
        keys.push(format!("features = [{}]", features.join(", ")));
    }
    match keys.as_slice() {
        [_] if !crate_.version.is_empty() => format!("\"{}\"", crate_.version),
        _ => format!("{{ {} }}", keys.join(", ")),
    }
}

fn quoted(target: &str) -> String {
    if target.contains('\'') { format!("{target:?}") } else { format!("'{target}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_(name: &str, version: &str) -> Crate {
        Crate {
            key: name.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            source: None,
            target: None,
            on_builder: false,
            default_features: true,
            features: Vec::new(),
        }
    }

    #[test]
    fn every_kind_of_dependency() {
        let git = |reference: &str| Some(format!("git+https://git.example/x{reference}"));
        let crates = [
            crate_("anyhow", "1"),
            Crate {
                features: vec!["http1".to_owned(), "tokio".to_owned()],
                default_features: false,
                ..crate_("axum", "0.8")
            },
            Crate { key: "rand-1".to_owned(), ..crate_("rand", "0.8") },
            Crate { source: git("?rev=abc"), ..crate_("pinned", "") },
            Crate { source: git(""), ..crate_("floating", "") },
            Crate { source: Some("sparse+https://index.example/".to_owned()), ..crate_("private", "2") },
            Crate { on_builder: true, ..crate_("prost-build", "0.13") },
            Crate { target: Some("cfg(target_os = \"windows\")".to_owned()), ..crate_("win", "0.3") },
        ];
        insta::assert_snapshot!(manifest(&crates), @r#"
        [package]
        name = "third-party"
        version = "0.0.0"
        edition = "2021"

        [lib]
        path = "lib.rs"

        [dependencies]
        anyhow = "1"
        axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
        rand-1 = { package = "rand", version = "0.8" }
        pinned = { git = "https://git.example/x", rev = "abc" }
        floating = { git = "https://git.example/x" }
        private = { version = "2", registry-index = "sparse+https://index.example/" }

        [build-dependencies]
        prost-build = "0.13"

        [target.'cfg(target_os = "windows")'.dependencies]
        win = "0.3"
        "#);
    }

    #[test]
    fn what_is_only_resolved_is_for_no_platform() {
        let crates = [Crate { features: vec!["disk".to_owned()], ..crate_("engine", "0.3") }, crate_("win", "1")];
        insta::assert_snapshot!(not_compiled_manifest(&crates), @r#"
        [package]
        name = "third-party-not-compiled"
        version = "0.0.0"
        edition = "2021"

        [lib]
        path = "lib.rs"

        [target.'cfg(any())'.dependencies]
        engine = { version = "0.3", features = ["disk"] }
        win = "1"
        "#);
    }
}
