//! Exactly the files that can change an image, each with the reason.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::paths::{matching, resolve};
use super::{Discovery, Inputs, inputs, rust};
use crate::files::tree::Tree;
use crate::service::{Service, Source};

/// The files that an image comes from. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that can change it, sorted as text.
    pub files: Vec<Utf8PathBuf>,
    /// Those that have to exist, whatever is in them, sorted likewise.
    pub stubs: Vec<Utf8PathBuf>,
}

/// Why a file can change an image, or why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it can.
    pub included: bool,
    /// The reason, in a line.
    pub why: String,
}

/// Lists the files that can change the image of a service. `settings_file` is where the settings of all images are.
///
/// # Errors
/// What stops the image from being built: a source that cannot be read, what Go would refuse.
pub fn list(
    tree: &Tree,
    discovery: &Discovery,
    service: &Service,
    platforms: &[String],
    settings_file: Option<&Utf8Path>,
) -> Result<Listing> {
    let (mut files, mut stubs) = match inputs(tree, discovery, service, platforms)? {
        Inputs::Rust(inputs) => (inputs.files.into_keys().collect(), inputs.stubs),
        Inputs::Go(_) => (BTreeSet::new(), Vec::new()),
    };
    files.extend(of_any_language(tree, service, settings_file)?.into_keys());
    stubs.retain(|stub| !files.contains(stub));
    // The order of paths is by folder: `a/b` comes before `a.b`, which no other tool expects.
    let sorted = |mut paths: Vec<Utf8PathBuf>| {
        paths.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        paths
    };
    Ok(Listing { files: sorted(files.into_iter().collect()), stubs: sorted(stubs) })
}

/// Explains why a file is among those of [`list`], or why it is not.
///
/// # Errors
/// See [`list`].
pub fn explain(
    tree: &Tree,
    discovery: &Discovery,
    service: &Service,
    platforms: &[String],
    settings_file: Option<&Utf8Path>,
    file: &Utf8Path,
) -> Result<Explanation> {
    let mut own = of_any_language(tree, service, settings_file)?;
    let explanation = match (inputs(tree, discovery, service, platforms)?, &service.source) {
        (Inputs::Rust(inputs), Source::Rust(package)) => Explanation {
            included: inputs.files.contains_key(file),
            why: rust::explain(&discovery.rust, &inputs, package, file),
        },
        _ => Explanation { included: false, why: String::new() },
    };
    match own.remove(file) {
        Some(why) if !explanation.included => Ok(Explanation { included: true, why }),
        _ => Ok(explanation),
    }
}

/// The files that are inputs whatever the service is written in, each with the reason.
fn of_any_language(
    tree: &Tree,
    service: &Service,
    settings_file: Option<&Utf8Path>,
) -> Result<BTreeMap<Utf8PathBuf, String>> {
    let mut files = BTreeMap::new();
    let from_service = |path: &str| resolve(&service.dir, path);
    for glob in service.settings.inputs.iter().flatten() {
        let found = from_service(glob).map(|pattern| matching(tree, &pattern)).transpose()?;
        files.extend(found.into_iter().flatten().map(|file| (file, format!("`inputs` names it: `{glob}`"))));
    }
    let local = service.settings.files.iter().flatten().filter(|file| file.image.is_none());
    for copied in local {
        let found = from_service(&copied.from).map(|pattern| matching(tree, &pattern)).transpose()?;
        let why = format!("`files` copies it into the image: `{}`", copied.from);
        files.extend(found.into_iter().flatten().map(|file| (file, why.clone())));
    }
    let own = service.dir.join("image.toml");
    if matches!(service.source, Source::Go(_)) && tree.is_file(&own) {
        files.insert(own, format!("it holds the settings of {}", service.name));
    }
    if let Some(settings_file) = settings_file {
        files.insert(settings_file.to_owned(), "it holds the settings of all images".to_owned());
    }
    Ok(files)
}
