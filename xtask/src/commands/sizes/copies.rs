//! Copies of stripped binaries that have their symbols: given, or built as the image was.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::{is_service, unknown};
use crate::cli::Cli;
use crate::commands::images::{bake_shown, chosen, once_more, say_from_threads};
use crate::commands::repository::Repository;
use crate::commands::running::Running;
use crate::commands::state::{self, Recipe, State};
use crate::commands::{Console, environment};
use crate::engine::Destination;
use crate::engine::bake::Bake;
use crate::engine::native::Native;
use crate::error::Error;
use crate::explain::{self, Explanation, How};
use crate::files;
use crate::files::tree::{Below as _, Tree};
use crate::plan::{Build, ImagePlan, Plans};

/// Copies, and where they come from.
#[derive(Default)]
pub(super) struct Copies {
    pub(super) binaries: Vec<Vec<u8>>,
    given: Vec<Utf8PathBuf>,
    /// The services that copies were built of.
    built: Vec<String>,
}

impl Copies {
    /// Those that were asked for: these files, or without one the copies of the services among these words.
    pub(super) fn find(
        cli: &Cli,
        asked: Option<&[Utf8PathBuf]>,
        words: &[&str],
        console: &mut Console,
    ) -> Result<Self> {
        match asked {
            None => Ok(Self::default()),
            Some([]) => build_all(cli, words, console),
            Some(given) => {
                let binaries = given.iter().map(|path| read_copy(path)).collect::<Result<_>>()?;
                Ok(Self { binaries, given: given.to_vec(), built: Vec::new() })
            }
        }
    }

    /// Says of which binaries the copies that were built are none.
    ///
    /// # Errors
    /// Copies were given, and their symbols say nothing of what was explained.
    pub(super) fn check<'a>(
        &self,
        mut explanations: impl Iterator<Item = &'a Explanation>,
        console: &mut Console,
    ) -> Result<()> {
        if self.given.is_empty() {
            explanations.for_each(|explanation| self.say_others(explanation, console));
            return Ok(());
        }
        if explanations.any(|explanation| explanation.whole.has(How::Symbols)) {
            return Ok(());
        }
        let files: Vec<_> = self.given.iter().map(|path| path.as_str()).collect();
        let message = format!("no binary is what {} is without its symbols: code or data differ", files.join(", "));
        let hint = "build the copy from the same sources, by the same compiler, for the same platform";
        Err(Error::usage(message).hint(hint).into())
    }

    fn say_others(&self, explanation: &Explanation, console: &mut Console) {
        let image = &explanation.whole.name;
        let name = image.strip_suffix(explanation.platform()).unwrap_or_default().trim_end();
        if self.built.iter().all(|built| built != name) {
            return;
        }
        for file in explanation.nameless.keys() {
            console.say(format_args!(
                "warning: the copy with symbols is not the code of {file} in {image}, whose crates stay unknown: its \
                 sources or its compiler changed since\nhint: `cargo xtask image {name}` builds the image anew"
            ));
        }
    }
}

/// Reads a binary with symbols.
///
/// # Errors
/// The file is no binary, or one without symbols.
fn read_copy(path: &Utf8Path) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    if explain::has_symbols(&bytes) {
        return Ok(bytes);
    }
    let hint = "a copy comes of the same build, as README.md shows; `nm FILE` lists symbols";
    Err(Error::usage(format!("{path} has no symbols: expected a binary that was not stripped")).hint(hint).into())
}

fn read(path: &Utf8Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files::open(path)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
    Ok(bytes)
}

/// Builds the copies of the Rust services among these words.
fn build_all(cli: &Cli, words: &[&str], console: &mut Console) -> Result<Copies> {
    let named: Vec<_> = words.iter().filter(|word| is_service(word)).collect();
    if named.is_empty() {
        let message = format!("--symbols builds the copy of a service, and {} is none", words.join(", "));
        return Err(Error::usage(message).hint("--symbols=FILE takes a copy that is there").into());
    }
    let repository = Repository::open(cli.directory.as_deref(), cli.config.as_deref())?;
    let (survey, state) = (repository.plan()?, State::load(repository.root()));
    let mut copies = Copies::default();
    let _running = Running::begin(&state::work_folder(repository.root()), &[])?;
    let _lock = state::lock(repository.root(), console)?;
    for name in named {
        let Plans { images, refused } = chosen(&survey, &[(*name).to_owned()])?;
        if let Some(refusal) = refused.into_iter().next() {
            return Err(anyhow::Error::new(refusal.error).context(format!("service {name}")));
        }
        let image = images.first();
        let image = image.filter(|_| state.measured(name).is_some()).ok_or_else(|| unknown(&repository, name))?;
        if matches!(image.build, Build::Go(_)) {
            continue;
        }
        let folder = build(&repository, image, state.recipe(name)?, console)?;
        copies.binaries.extend(binaries_in(&folder)?);
        copies.built.push(image.name.clone());
    }
    if copies.built.is_empty() {
        let message = format!("--symbols is for Rust: no Rust service is among {}", words.join(", "));
        return Err(Error::usage(message).hint("leave it away: a Go binary names its packages by itself").into());
    }
    Ok(copies)
}

/// Builds the binaries of an image with their symbols, as the image was built, into a folder.
fn build(repository: &Repository, image: &ImagePlan, recipe: &Recipe, console: &mut Console) -> Result<Utf8PathBuf> {
    let work = state::work_folder(repository.root());
    let folder = work.join("symbols");
    let own = folder.join(&image.name);
    files::remove_folder(&own)?;
    let request = &once_more(&recipe.request, image, environment());
    let root = repository.root();
    let failure = if recipe.is_native {
        let environment = environment().collect();
        let native = Native { root, work: &work, folder: &folder, request, environment: &environment };
        native.with_symbols(image, &own, &say_from_threads(console))?
    } else {
        let overrides = repository.bake_overrides();
        let destination = &Destination::Symbols(folder);
        let (work, settings) = (&work, &repository.settings);
        let (buildx, engine_platform) = (None, None);
        let bake = Bake { root, work, settings, buildx, request, destination, overrides: &overrides, engine_platform };
        let outcome = bake_shown(&bake, std::slice::from_ref(image), false, console)?;
        outcome.failures.into_iter().next()
    };
    match failure {
        None => Ok(own),
        Some(failure) => {
            let message = format!("cannot build {} with its symbols: {}", image.name, failure.text);
            Err(Error::failure(message).hint(failure.hint).into())
        }
    }
}

/// The binaries with symbols in a folder, and below it in one for each platform.
fn binaries_in(folder: &Utf8Path) -> Result<Vec<Vec<u8>>> {
    let tree = Tree::new(folder.to_owned());
    let (mut binaries, mut waiting) = (Vec::new(), vec![Utf8PathBuf::new()]);
    while let Some(folder) = waiting.pop() {
        for entry in tree.entries(&folder)?.iter() {
            let path = folder.below(&entry.name);
            if entry.is_folder() {
                waiting.push(path);
            } else {
                binaries.extend(Some(read(&tree.absolute(&path))?).filter(|bytes| explain::has_symbols(bytes)));
            }
        }
    }
    Ok(binaries)
}
