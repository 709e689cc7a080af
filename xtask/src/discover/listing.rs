//! Exactly the files that can change an image, each with the reason.

mod shared;

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::paths::{below, matching, resolve};
use super::{Discovery, go, go_flags, prepare, rust, rust_inputs};
use crate::files::tree::{Below as _, Tree};
use crate::parallel;
use crate::service::{Service, Source};
use shared::{Gathered, Shared};

/// The files that many images come from. Every path is relative to the repository.
#[derive(Debug)]
pub struct Listings {
    /// The paths of what many services share, each once, sorted as text.
    pub shared: Vec<Utf8PathBuf>,
    /// What each service's image comes from, in the order of the services; or what stops it from being built: a source
    /// that cannot be read, what Go would refuse.
    pub of_services: Vec<Result<Listing>>,
}

/// The files that an image comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that can change it, as numbers of [`Listings::shared`] in ascending order. A Go service has no others.
    pub shared: Vec<u32>,
    /// Those of a Rust service, sorted as text.
    pub own: Vec<Utf8PathBuf>,
    /// Those that have to exist, whatever is in them, sorted as text.
    pub stubs: Vec<Utf8PathBuf>,
}

impl Listings {
    /// The files of a listing that can change its image, sorted as text.
    pub fn files<'a>(&'a self, listing: &'a Listing) -> impl Iterator<Item = &'a Utf8Path> {
        let shared = listing.shared.iter().map(|number| &self.shared[*number as usize]);
        shared.chain(&listing.own).map(Utf8PathBuf::as_path)
    }
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
    /// What a person adds to the bake file.
    pub overrides: &'a [Utf8PathBuf],
}

impl Lister<'_> {
    /// Exactly the files that can change the images of services.
    pub fn list(&self, services: &[&Service]) -> Listings {
        prepare(self.tree, services, self.platforms);
        let gathered = parallel::map(services, parallel::SMALL, |service| self.gather(service));
        let table = Shared::of(gathered.iter().flatten());
        let numbers = parallel::map(&gathered, parallel::SMALL, |gathered| match gathered {
            Ok(gathered) => table.numbers(gathered),
            Err(_) => Vec::new(),
        });
        let shared = table.into_paths();
        let listing = |(gathered, shared): (Result<Gathered>, _)| Ok(Listing { shared, ..gathered?.listing });
        Listings { shared, of_services: gathered.into_iter().zip(numbers).map(listing).collect() }
    }

    fn gather(&self, service: &Service) -> Result<Gathered> {
        service.sound()?;
        let of_any_language = self.of_any_language(service)?;
        let package = match &service.source {
            Source::Go(main) => {
                let (groups, mut single) = go::shared_files(self.tree, main, &go_flags(service, main, self.platforms))?;
                single.extend(of_any_language.into_keys());
                return Ok(Gathered { groups, single, listing: Listing::default() });
            }
            Source::Rust(package) => package,
        };
        let inputs = rust_inputs(self.tree, self.discovery, service, package, self.platforms)?;
        let stubs = inputs.stubs().into_iter().filter(|stub| !of_any_language.contains_key(*stub)).cloned().collect();
        let mut own: Vec<_> = inputs.all_files().cloned().chain(of_any_language.into_keys()).collect();
        // The order of paths is by folder: `a/b` comes before `a.b`, which no other tool expects.
        own.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        own.dedup_by(|a, b| a.as_str() == b.as_str());
        Ok(Gathered { listing: Listing { own, stubs, ..Listing::default() }, ..Gathered::default() })
    }

    /// What `work` makes of each of many services, in parallel and in their order.
    pub fn each<R: Send>(&self, services: &[&Service], work: impl Fn(&Service) -> R + Sync) -> Vec<R> {
        prepare(self.tree, services, self.platforms);
        parallel::map(services, parallel::SMALL, |service| work(service))
    }

    /// Why a file is among those of [`Lister::list`], or why it is not.
    ///
    /// # Errors
    /// See [`Lister::list`].
    pub fn explain(&self, service: &Service, file: &Utf8Path) -> Result<Explanation> {
        service.sound()?;
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
            files.extend(
                matching(self.tree, &service.dir, glob)?
                    .into_iter()
                    .map(|file| (file, format!("`inputs` names it: `{glob}`"))),
            );
        }
        let local = service.settings.files.iter().flatten().filter(|file| file.image.is_none());
        for copied in local {
            let found = from_service(&copied.from).map(|path| below(self.tree, &path)).transpose()?;
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
        let adds = |file: &Utf8PathBuf| (file.clone(), "it may change how any image is built".to_owned());
        files.extend(self.overrides.iter().map(adds));
        Ok(files)
    }
}
