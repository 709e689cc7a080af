//! What a repository says about its images. Everything has a default.
//!
//! Three places hold the same keys: `[workspace.metadata.images]` of the root `Cargo.toml` (or the file of
//! `--config`), `[package.metadata.image]` of a Rust service's `Cargo.toml`, and `image.toml` beside a Go service's
//! main package. An unknown key is an error that names the file, the line and the nearest known key.

mod document;
mod values;

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Growth, Node, WarnAt};
use crate::engine::Engine;
use crate::engine::cache::CacheStore;
use crate::error::Error;
use crate::files;
use crate::oci::compression::Compression;
use crate::oci::reference::RegistryHost;

pub use values::check_platform;

/// Settings of the whole repository.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Globs of package folders to select although a default leaves them out.
    pub include: Vec<String>,
    /// Globs of package folders to leave out.
    pub exclude: Vec<String>,
    /// What every image without a budget of its own must keep.
    #[serde(deserialize_with = "values::budget")]
    pub budget: Option<Budget>,
    /// From which part of a budget on it is worth a word, unless the service says otherwise.
    pub warn_at: Option<WarnAt>,
    /// How much the own bytes of every image may grow against the lock file, unless its service says otherwise.
    pub growth: Option<Growth>,
    /// The same against the lock file of the last release.
    pub growth_since_release: Option<Growth>,
    /// How the layers of every image are compressed, unless its service says otherwise.
    pub compression: Option<Compression>,
    /// An image without any budget fails.
    pub require_budget: bool,
    /// What stands before every image's name, as `registry.example.com/team/`.
    #[serde(deserialize_with = "values::prefix")]
    pub image_prefix: Option<String>,
    /// Registries that are spoken to in plain HTTP, e.g. `registry.internal:5000`, beside those of this machine.
    pub insecure_registries: Vec<RegistryHost>,
    /// Platforms to build for, as `linux/arm64`; empty for the builder's own.
    #[serde(deserialize_with = "values::platforms")]
    pub platforms: Vec<String>,
    /// What builds the images; what it builds is what may be pushed, and what the lock file has.
    pub engine: Option<Engine>,
    /// Where layers are kept for other machines, as `ghcr.io/team/cache` or `type=gha`. Runs read from it; one with
    /// `--cache-export` writes to it.
    pub cache: Option<CacheStore>,
    /// Images that run on one node, by a name for it, and what they may weigh together.
    #[serde(deserialize_with = "values::nodes")]
    pub nodes: BTreeMap<String, Node>,
    /// Go module patterns that are fetched without proxy and checksum database, as Go's own GOPRIVATE.
    #[serde(deserialize_with = "values::line")]
    pub goprivate: Option<String>,
    /// Settings by service name. They win over the service's own, key by key.
    pub services: BTreeMap<String, ServiceSettings>,
}

/// Settings of one service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServiceSettings {
    /// The image's name, where the executable's or package's does not fit.
    pub name: Option<String>,
    /// Found, but not to be built.
    pub skip: Option<bool>,
    /// The binaries that go in; the first is the entrypoint.
    pub bins: Option<Vec<String>>,
    /// One image for each of the package's binaries instead of one for all.
    pub image_per_binary: Option<bool>,
    /// What the container runs, where it is not the binary itself.
    #[serde(deserialize_with = "values::command")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments of the entrypoint (a Dockerfile's `CMD`).
    #[serde(deserialize_with = "values::arguments")]
    pub args: Option<Vec<String>>,
    /// Environment of the container.
    #[serde(deserialize_with = "values::env")]
    pub env: Option<BTreeMap<String, String>>,
    /// Ports that the service listens on, as `8080/tcp`.
    #[serde(deserialize_with = "values::ports")]
    pub ports: Option<Vec<String>>,
    /// The container's health check, as an argument vector.
    #[serde(deserialize_with = "values::command")]
    pub healthcheck: Option<Vec<String>>,
    /// The folder in which the container starts.
    #[serde(deserialize_with = "values::absolute")]
    pub workdir: Option<String>,
    /// Files that go in beside the binaries.
    #[serde(deserialize_with = "values::files")]
    pub files: Option<Vec<ExtraFile>>,
    /// Debian packages that the build stage needs, as `protobuf-compiler`.
    #[serde(deserialize_with = "values::packages")]
    pub packages: Option<Vec<String>>,
    /// Cargo features of the package.
    #[serde(deserialize_with = "values::features")]
    pub features: Option<Vec<String>>,
    /// Compile other people's crates with the features that this service wants, not those of the whole workspace.
    pub own_features: Option<bool>,
    /// Go build tags.
    #[serde(deserialize_with = "values::tags")]
    pub tags: Option<Vec<String>>,
    /// Build Go with cgo: a C compiler in the build stage, a base with libc.
    pub cgo: Option<bool>,
    /// The image that the final stage starts from.
    #[serde(deserialize_with = "values::image")]
    pub base: Option<String>,
    /// The image that the build stages start from.
    #[serde(deserialize_with = "values::image")]
    pub builder: Option<String>,
    /// Build secrets by id. Each is mounted at `/run/secrets/<id>` in the build stages, never in the image.
    #[serde(deserialize_with = "values::secrets")]
    pub secrets: Option<Vec<String>>,
    /// Globs, from the service's folder, of files that the build reads and no scan can see, as `../proto/**`.
    #[serde(deserialize_with = "values::globs")]
    pub inputs: Option<Vec<String>>,
    /// What the image must keep.
    #[serde(deserialize_with = "values::budget")]
    pub budget: Option<Budget>,
    /// From which part of its budget on it is worth a word.
    pub warn_at: Option<WarnAt>,
    /// How much the image's own bytes may grow against the lock file.
    pub growth: Option<Growth>,
    /// The same against the lock file of the last release.
    pub growth_since_release: Option<Growth>,
    /// How its layers are compressed on their way to a registry.
    pub compression: Option<Compression>,
    /// Go packages and modules that must not be inside, as `github.com/x/y`.
    #[serde(deserialize_with = "values::go_paths")]
    pub deny: Option<Vec<String>>,
}

/// A file or folder that an image holds beside its binaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraFile {
    /// The source: relative to the service's folder, or absolute in `image`.
    pub from: String,
    /// The absolute path in the image.
    pub to: String,
    /// The image it comes from; the repository where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl ServiceSettings {
    /// These settings, with those of `stronger` in front, key by key.
    #[must_use]
    pub fn overridden_by(self, stronger: &Self) -> Self {
        macro_rules! first {
            ($($key:ident),+ $(,)?) => {
                Self { $($key: stronger.$key.clone().or(self.$key)),+ }
            };
        }
        first!(
            name,
            skip,
            bins,
            image_per_binary,
            entrypoint,
            args,
            env,
            ports,
            healthcheck,
            workdir,
            files,
            packages,
            features,
            own_features,
            tags,
            cgo,
            base,
            builder,
            secrets,
            inputs,
            budget,
            warn_at,
            growth,
            growth_since_release,
            compression,
            deny,
        )
    }
}

/// Reads the repository's settings: from `config` where it is named, else from `[workspace.metadata.images]` of the
/// root `Cargo.toml`, else the defaults.
///
/// # Errors
/// A file that cannot be read or parsed, an unknown key, a value of the wrong shape: each with file and line.
pub fn read_settings(root: &Utf8Path, config: Option<&Utf8Path>) -> Result<Settings> {
    if let Some(path) = config {
        let text = files::read_text_if_exists(path)?.ok_or_else(|| {
            Error::usage(format!("no such file: {path}")).hint("--config takes a TOML file with the images' settings")
        })?;
        return document::parse(path, &text);
    }
    let manifest = root.join("Cargo.toml");
    let Some(text) = files::read_text_if_exists(&manifest)? else { return Ok(Settings::default()) };
    let manifest: document::RootManifest = document::parse(Utf8Path::new("Cargo.toml"), &text)?;
    Ok(manifest.settings())
}

/// The file that [`read_settings`] takes them from, relative to `root`; nothing where there are none or they lie
/// elsewhere.
///
/// # Errors
/// A file that cannot be read.
pub fn settings_file(root: &Utf8Path, config: Option<&Utf8Path>) -> Result<Option<Utf8PathBuf>> {
    if let Some(path) = config {
        let path = files::canonical(path)?;
        return Ok(path.strip_prefix(root).ok().map(Utf8Path::to_owned));
    }
    let text = files::read_text_if_exists(&root.join("Cargo.toml"))?;
    let has_settings = text.is_some_and(|text| document::has_settings(&text));
    Ok(has_settings.then(|| "Cargo.toml".into()))
}

/// The settings in a Go service's `image.toml`. `path` is for messages.
///
/// # Errors
/// See [`read_settings`].
pub fn parse_image_file(path: &Utf8Path, text: &str) -> Result<ServiceSettings> {
    document::parse(path, text)
}

/// The settings in `[package.metadata.image]` of a Rust service's `Cargo.toml`. `path` is for messages.
///
/// # Errors
/// See [`read_settings`].
pub fn parse_package_manifest(path: &Utf8Path, text: &str) -> Result<ServiceSettings> {
    let manifest: document::PackageManifest = document::parse(path, text)?;
    Ok(manifest.settings())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    #[test]
    fn an_unknown_key_names_file_line_and_the_nearest_key() {
        let path = Utf8Path::new("cmd/server/image.toml");
        let error = parse_image_file(path, "ports = [\"80/tcp\"]\nbugdet = \"12 MB\"\n").expect_err("is unknown");
        insta::assert_snapshot!(describe(&error), @r"
        error: cmd/server/image.toml:2: unknown key `bugdet`
        hint: did you mean `budget`? known keys: name, skip, bins, image-per-binary, entrypoint, args, env, ports, healthcheck, workdir, files, packages, features, own-features, tags, cgo, base, builder, secrets, inputs, budget, warn-at, growth, growth-since-release, compression, deny
        ");
    }

    #[test]
    fn other_tools_metadata_is_theirs() {
        let manifest =
            "[package]\nname = \"a\"\n[package.metadata.other]\nx = 1\n[package.metadata.image]\nskip = true\n";
        let settings = parse_package_manifest(Utf8Path::new("Cargo.toml"), manifest).expect("parses");
        assert_eq!(settings.skip, Some(true));
    }

    #[test]
    fn the_repositorys_word_wins_key_by_key() {
        let own = parse_image_file(Utf8Path::new("image.toml"), "args = [\"a\"]\nports = [\"80\"]").expect("parses");
        let stronger = ServiceSettings { args: Some(vec!["b".into()]), ..ServiceSettings::default() };
        let merged = own.overridden_by(&stronger);
        assert_eq!(merged.args, Some(vec!["b".into()]));
        assert_eq!(merged.ports, Some(vec!["80".into()]));
    }

    #[test]
    fn a_value_of_the_wrong_shape_names_the_line() {
        let error = parse_image_file(Utf8Path::new("image.toml"), "\n\nports = 8080\n").expect_err("is no list");
        assert!(describe(&error).starts_with("error: image.toml:3: "), "{}", describe(&error));
    }
}
