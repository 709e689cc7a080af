//! A service: what discovery found and an image may be made of.

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::config::ServiceSettings;
use crate::discover::{go, rust};
use crate::error::Error;

/// The language a service is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Go.
    Go,
    /// Rust.
    Rust,
}

/// A Go main package or a Rust package with binaries.
#[derive(Debug, Clone)]
pub struct Service {
    /// The image's name.
    pub name: String,
    /// Its folder, from the repository's root.
    pub dir: Utf8PathBuf,
    /// The binaries that go into the image; the first is the entrypoint.
    pub bins: Vec<String>,
    /// Whether an image is made of it.
    pub selected: bool,
    /// Why it is selected, or why not.
    pub reason: String,
    /// What keeps it from being planned, where that is known before its inputs are read: its settings, a manifest or a
    /// `go.mod` that nothing can be made of. What else is said of such a service is a guess.
    pub fault: Option<Error>,
    /// Its settings, those of the repository applied.
    pub settings: ServiceSettings,
    /// What it is in its own language.
    pub source: Source,
}

/// What a service is in its own language.
#[derive(Debug, Clone)]
pub enum Source {
    /// A Go main package.
    Go(go::Main),
    /// A Rust package.
    Rust(rust::Package),
}

impl Service {
    /// The service, where nothing is known to keep it from being planned.
    ///
    /// # Errors
    /// What does.
    pub fn sound(&self) -> Result<&Self> {
        self.fault.as_ref().map_or(Ok(self), |fault| Err(fault.clone().into()))
    }

    /// The language it is written in.
    pub fn language(&self) -> Language {
        match self.source {
            Source::Go(_) => Language::Go,
            Source::Rust(_) => Language::Rust,
        }
    }

    /// Its folder as a person writes it: `.` for the repository's root.
    pub fn folder(&self) -> &str {
        if self.dir.as_str().is_empty() { "." } else { self.dir.as_str() }
    }

    /// The file, from the repository's root, that a setting of this service is written to, and the table in it.
    pub fn settings_place(&self) -> String {
        match self.source {
            Source::Go(_) => self.dir.join("image.toml").into_string(),
            Source::Rust(_) => format!("[package.metadata.image] in {}", self.dir.join("Cargo.toml")),
        }
    }
}
