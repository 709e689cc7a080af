//! Exactly the files that can change an image, each with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::paths::{matching, resolve};
use super::{Discovery, go, go_flags, prepare, rust, rust_inputs};
use crate::files::tree::{Below as _, Tree};
use crate::parallel;
use crate::service::{Service, Source};

/// The files that an image comes from. Every path is relative to the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that can change it, sorted as text.
    pub files: Vec<Arc<Utf8Path>>,
    /// Those that have to exist, whatever is in them, sorted likewise.
    pub stubs: Vec<Arc<Utf8Path>>,
}

/// Whether a file can change an image, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it can.
    pub included: bool,
    /// The reason, in a line.
    pub why: String,
}

/// Tells which files the images of a repository come from.
#[derive(Debug, Clone, Copy)]
pub struct Lister<'a> {
    /// The repository's files.
    pub tree: &'a Tree,
    /// What was found in it.
    pub discovery: &'a Discovery,
    /// The platforms of the images, as `linux/arm64`; empty for any that a laptop or a runner may have.
    pub platforms: &'a [String],
    /// Where the settings of all images are, if that is a file of the repository.
    pub settings_file: Option<&'a Utf8Path>,
}

impl Lister<'_> {
    /// Exactly the files that can change the image of a service.
    ///
    /// # Errors
    /// What stops the image from being built: a source that cannot be read, what Go would refuse.
    pub fn list(&self, service: &Service) -> Result<Listing> {
        let (mut files, mut stubs) = match &service.source {
            Source::Go(main) => (go::files(self.tree, main, &go_flags(service, main, self.platforms))?, Vec::new()),
            Source::Rust(package) => {
                let inputs = rust_inputs(self.tree, self.discovery, service, package, self.platforms)?;
                (shared(inputs.all_files()), shared(inputs.stubs()))
            }
        };
        files.extend(self.of_any_language(service)?.into_keys().map(Arc::from));
        // The order of paths is by folder: `a/b` comes before `a.b`, which no other tool expects.
        for paths in [&mut files, &mut stubs] {
            paths.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            paths.dedup_by(|a, b| a.as_str() == b.as_str());
        }
        stubs.retain(|stub| files.binary_search_by(|file| file.as_str().cmp(stub.as_str())).is_err());
        Ok(Listing { files, stubs })
    }

    /// [`Lister::list`] and the like for many services, in parallel and in their order.
    pub fn each<R: Send>(&self, services: &[&Service], work: impl Fn(&Service) -> R + Sync) -> Vec<R> {
        prepare(self.tree, services, self.platforms);
        parallel::map(services, parallel::SMALL, |service| work(service))
    }

    /// Why a file is among those of [`Lister::list`], or why it is not.
    ///
    /// # Errors
    /// See [`Lister::list`].
    pub fn explain(&self, service: &Service, file: &Utf8Path) -> Result<Explanation> {
        let text = match &service.source {
            Source::Go(main) => go::explain(self.tree, main, &go_flags(service, main, self.platforms), file)?,
            Source::Rust(package) => {
                let inputs = rust_inputs(self.tree, self.discovery, service, package, self.platforms)?;
                rust::explain(&self.discovery.rust, &inputs, package, file)
            }
        };
        if let Some(why) = text.strip_prefix("in: ") {
            return Ok(Explanation { included: true, why: why.to_owned() });
        }
        Ok(match self.of_any_language(service)?.remove(file) {
            Some(why) => Explanation { included: true, why },
            None => Explanation { included: false, why: text.strip_prefix("out: ").unwrap_or(&text).to_owned() },
        })
    }

    /// The files that are inputs whatever the service is written in, each with the reason.
    fn of_any_language(&self, service: &Service) -> Result<BTreeMap<Utf8PathBuf, String>> {
        let mut files = BTreeMap::new();
        let from_service = |path: &str| resolve(&service.dir, path);
        for glob in service.settings.inputs.iter().flatten() {
            let found = from_service(glob).map(|pattern| matching(self.tree, &pattern)).transpose()?;
            files.extend(found.into_iter().flatten().map(|file| (file, format!("`inputs` names it: `{glob}`"))));
        }
        let local = service.settings.files.iter().flatten().filter(|file| file.image.is_none());
        for copied in local {
            let found = from_service(&copied.from).map(|pattern| matching(self.tree, &pattern)).transpose()?;
            let why = format!("`files` copies it into the image: `{}`", copied.from);
            files.extend(found.into_iter().flatten().map(|file| (file, why.clone())));
        }
        let own = service.dir.below("image.toml");
        if matches!(service.source, Source::Go(_)) && self.tree.is_file(&own) {
            files.insert(own, format!("it holds the settings of {}", service.name));
        }
        if let Some(settings_file) = self.settings_file {
            files.insert(settings_file.to_owned(), "it holds the settings of all images".to_owned());
        }
        Ok(files)
    }
}

fn shared<'a>(paths: impl IntoIterator<Item = &'a Utf8PathBuf>) -> Vec<Arc<Utf8Path>> {
    paths.into_iter().map(|path| Arc::from(path.as_path())).collect()
}
