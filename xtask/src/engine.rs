//! Builds the images of a plan.

pub mod archive;
pub mod bake;
pub mod builder;
pub mod cache;
pub mod display;
pub mod failure;
mod lacking;
pub mod native;
pub mod present;
pub mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use camino::Utf8PathBuf;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::oci::reference::RegistryHost;

/// What builds the images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// `bake` where a builder answers, else `native`; a push never falls back.
    #[default]
    Auto,
    /// BuildKit, by `docker buildx bake`.
    Bake,
    /// This machine's go and cargo; no Docker at all.
    Native,
}

/// How images are to be built, beyond what the generated files say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// Platforms, as `linux/arm64`; empty for those of the bake file.
    pub platforms: Vec<String>,
    /// What stands before every image's name, ended by a slash where one is meant.
    pub image_prefix: String,
    /// Registries that are spoken to in plain HTTP.
    #[serde(default)]
    pub insecure_registries: Vec<RegistryHost>,
    /// Tags of every image; at least one.
    pub tags: Vec<String>,
    /// The buildx builder; `None` for the current one.
    pub builder: Option<String>,
    /// Rebuild every step.
    pub no_cache: bool,
    /// How many services compile at once, and how many compilers each has; `None` for the builder's processors.
    pub jobs: Option<NonZeroU32>,
    /// The network of build steps, as `host`.
    pub network: Option<String>,
    /// Certificates that build steps trust. They never reach an image.
    pub ca_bundle: Option<Utf8PathBuf>,
    /// The scope of the builder's cache mounts and of the places in `cache`; `None` for the one that all share.
    pub cache_scope: Option<String>,
    /// Where layers are kept for other machines.
    #[serde(skip)]
    pub cache: Option<cache::Cache>,
    /// Whether they are to be pushed: then nothing that may be out of date is good enough.
    pub is_release: bool,
    /// Build secrets, of which build steps see the value and nothing else does.
    #[serde(skip)]
    pub secrets: Vec<Secret>,
}

impl BuildRequest {
    /// The references of an image.
    pub fn references(&self, name: &str) -> Vec<String> {
        self.tags.iter().map(|tag| format!("{}{name}:{tag}", self.image_prefix)).collect()
    }
}

/// A build secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The id that a Dockerfile mounts it by.
    pub id: String,
    /// Where its value is.
    pub source: SecretSource,
}

/// Where a secret's value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// In this variable of the environment.
    Variable(String),
    /// In this file.
    File(Utf8PathBuf),
}

/// What becomes of a built image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// It goes into the engine's image store.
    Load,
    /// It goes into an OCI layout of its name in this folder.
    Layouts(Utf8PathBuf),
    /// It goes to its registry.
    Registry,
    /// No image is made: its binaries, with their symbols, go into a folder of its name in this folder.
    Symbols(Utf8PathBuf),
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// The name in its plan.
    pub name: String,
    /// Its references, as `registry.example.com/team/worker:v1`.
    pub references: Vec<String>,
    /// The digest that the builder states. It changes whenever the image does; of what, depends on the image store.
    pub digest: String,
    /// The digest of its configuration, the same in every store, where it is one image and the builder states it.
    pub config_digest: Option<String>,
}

/// What was built, and what was not.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of the plans.
    pub built: Vec<BuiltImage>,
    /// In the order in which they failed.
    pub failures: Vec<BuildFailure>,
    /// Compiled, but of no use: their binaries would not start on their base.
    pub misfits: Vec<BuildFailure>,
    /// Images on a base that no registry could be asked for: it may be out of date.
    pub on_old_bases: BTreeSet<String>,
    /// What became of the stages, by the image's name. Compilers of this machine have none.
    pub stages: BTreeMap<String, progress::Stages>,
}

/// An image that was not built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFailure {
    /// The names of the images.
    pub names: Vec<String>,
    /// What a person needs to read.
    pub text: String,
    /// What they can do about it.
    pub hint: String,
}
