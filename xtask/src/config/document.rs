//! TOML documents and the messages for what is wrong in them.

use anyhow::Result;
use camino::Utf8Path;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ServiceSettings, Settings};
use crate::error::Error;
use crate::suggest::nearest;

/// The part of a root `Cargo.toml` that is ours.
#[derive(Deserialize)]
pub(super) struct RootManifest {
    workspace: Option<Section<WorkspaceMetadata>>,
}

/// The part of a package's `Cargo.toml` that is ours.
#[derive(Deserialize)]
pub(super) struct PackageManifest {
    package: Option<Section<PackageMetadata>>,
}

#[derive(Deserialize)]
struct Section<Metadata> {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct WorkspaceMetadata {
    images: Option<Settings>,
}

#[derive(Deserialize)]
struct PackageMetadata {
    image: Option<ServiceSettings>,
}

impl RootManifest {
    pub(super) fn settings(self) -> Settings {
        self.workspace.and_then(|section| section.metadata).and_then(|metadata| metadata.images).unwrap_or_default()
    }
}

impl PackageManifest {
    pub(super) fn settings(self) -> ServiceSettings {
        self.package.and_then(|section| section.metadata).and_then(|metadata| metadata.image).unwrap_or_default()
    }
}

/// Whether a root manifest holds settings.
pub(super) fn has_settings(manifest: &str) -> bool {
    let table: Option<toml::Table> = manifest.parse().ok();
    table.is_some_and(|table| {
        let metadata = table.get("workspace").and_then(|workspace| workspace.get("metadata"));
        metadata.and_then(|metadata| metadata.get("images")).is_some()
    })
}

/// Parses a document; `path` is for messages.
pub(super) fn parse<Document: DeserializeOwned>(path: &Utf8Path, text: &str) -> Result<Document> {
    toml::from_str(text).map_err(|error| explain(path, text, &error).into())
}

fn explain(path: &Utf8Path, text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    let message = error.message().trim().replace('\n', "; ");
    match unknown_key(&message) {
        Some((key, known)) => {
            let nearest = nearest(key, known.iter().copied());
            let question = nearest.map(|nearest| format!("did you mean `{nearest}`? ")).unwrap_or_default();
            Error::usage(format!("{path}:{line}: unknown key `{key}`"))
                .hint(format!("{question}known keys: {}", known.join(", ")))
        }
        None => Error::usage(format!("{path}:{line}: {message}")).hint(format!("mend line {line} of {path}")),
    }
}

/// The key and the known keys in serde's "unknown field `a`, expected one of `b`, `c`".
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let key = quoted.next()?;
    Some((key, quoted.collect()))
}
