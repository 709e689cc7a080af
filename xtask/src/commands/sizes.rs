//! `cargo xtask sizes`: where bytes are, where they came from, and whether there may be so many.

mod copies;
mod diff;
pub(super) mod history;
mod lock;
mod reference;
pub(super) mod release;
mod why;

use std::io::Read as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use serde::Serialize;
use xshell::{Shell, cmd};

use self::copies::Copies;
use self::reference::{explain_reference, reference_of};
use super::repository::Repository;
use super::state::{self, State};
use super::{Answer, Console, html};
use crate::cli::{Cli, SizesCommand};
use crate::discover;
use crate::error::Error;
use crate::explain::{self, CrateVersions, Explanation, Remark, Store};
use crate::files;
use crate::process::Command;
use crate::report::{self, Page, to_json};

/// The form of the documents; a key that changes its meaning raises it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Explained<'a> {
    version: u32,
    explanations: &'a [Explanation],
}

pub(super) fn run(cli: &Cli, command: &SizesCommand, console: &mut Console) -> Result<Answer> {
    let open = || Repository::open(cli.directory.as_deref(), cli.config.as_deref());
    match command {
        SizesCommand::Check { json, markdown, html } => {
            let asked = lock::Asked { json: *json, markdown: markdown.as_deref(), html: html.as_deref() };
            lock::check(&open()?, asked, console)
        }
        SizesCommand::Update { names, tighten } => lock::update(&open()?, names, *tighten, console),
        SizesCommand::History { name, json } => history::run(&open()?, name, *json, console),
        SizesCommand::Explain { what, symbols, all, json, html } => {
            let copies = Copies::find(cli, symbols.as_deref(), &[what], console)?;
            let mut explanations = explain(cli, what, &copies.binaries, console)?;
            copies.check(explanations.iter(), console)?;
            if symbols.is_none() {
                explanations.iter_mut().for_each(|explanation| name_remedy(what, explanation));
            }
            let page = Page { explanations: &explanations, ..Page::default() };
            let written = html::write_if_asked(html.as_deref(), &page, console);
            let stdout = if *json {
                to_json(&Explained { version: VERSION, explanations: &explanations })
            } else {
                let text = explanations.iter().map(|explanation| report::explanation(explanation, *all));
                text.collect::<Vec<_>>().join("\n")
            };
            Ok(Answer::yes(stdout).with_files(written, console))
        }
        SizesCommand::Diff { before, after, symbols, all, json, html } => {
            let (before, after) = (before.as_str(), after.as_str());
            let symbols = symbols.as_deref();
            let request = diff::Request { before, after, symbols, all: *all, json: *json, html: html.as_deref() };
            diff::run(cli, request, console)
        }
    }
}

/// Explains what a word names: a file or folder, an image by its reference, else the image of a service.
fn explain(cli: &Cli, what: &str, copies: &[Vec<u8>], console: &mut Console) -> Result<Vec<Explanation>> {
    let path = Utf8Path::new(what);
    if is_place(what) && files::is_folder(path) {
        let name = files::canonical(path)?.file_name().unwrap_or(what).to_owned();
        return explain_layout(&name, path, copies);
    }
    if is_place(what) {
        return explain_file(path, copies);
    }
    let repository = Repository::open(cli.directory.as_deref(), cli.config.as_deref())?;
    if let Some(reference) = reference_of(what) {
        return explain_reference(&repository, what, &reference, copies, console);
    }
    let mut explanations = explain_service(&repository, what, &State::load(repository.root()), copies)?;
    let discovery = if copies.is_empty() { None } else { Some(repository.discover()?) };
    if let Some(service) = discovery.iter().flat_map(|found| &found.services).find(|service| service.name == what) {
        let versions = crate_versions(&repository.root().join(&service.dir).join("Cargo.toml"))?;
        explanations.iter_mut().for_each(|explanation| versions.name(&mut explanation.whole));
    }
    Ok(explanations)
}

/// Says what tells the crates of binaries that do not name them.
fn name_remedy(what: &str, explanation: &mut Explanation) {
    let remedy = if is_service(what) {
        format!("`cargo xtask sizes explain {what} --symbols` builds a copy with its symbols")
    } else {
        "`--symbols=FILE` takes a copy with its symbols".to_owned()
    };
    let of_file = |(file, bytes): (&String, &u64)| Remark {
        bytes: *bytes,
        text: format!("{file} is stripped, and does not name its crates: {remedy}"),
    };
    explanation.remarks.extend(explanation.nameless.iter().map(of_file));
}

/// Whether a word can only be the name of a service.
fn is_service(what: &str) -> bool {
    !is_place(what) && reference_of(what).is_none()
}

/// Whether a word names a file, an archive or a layout.
fn is_place(what: &str) -> bool {
    let path = Utf8Path::new(what);
    if files::is_folder(path) { files::exists(&path.join("index.json")) } else { files::exists(path) }
}

fn explain_file(path: &Utf8Path, copies: &[Vec<u8>]) -> Result<Vec<Explanation>> {
    let mut bytes = Vec::new();
    files::open(path)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
    let name = path.file_name().unwrap_or(path.as_str());
    if !is_archive(&bytes) {
        let mut explanation = explain::file(name, &bytes, copies);
        crate_versions(path)?.name(&mut explanation.whole);
        return Ok(vec![explanation]);
    }
    let images =
        Store::with_copies(copies).read_archive(bytes.as_slice()).and_then(|store| explain::images(name, &store));
    images.with_context(|| format!("{path} is no image's archive"))
}

/// The versions in the nearest lock file above a binary: Cargo's own folder for binaries is beside it.
fn crate_versions(binary: &Utf8Path) -> Result<CrateVersions> {
    let binary = files::canonical(binary)?;
    for folder in binary.ancestors().skip(1) {
        if let Some(lock) = files::read_text_if_exists(&folder.join("Cargo.lock"))? {
            return Ok(CrateVersions::parse(&lock));
        }
    }
    Ok(CrateVersions::default())
}

/// Whether the bytes begin as a tar archive does.
fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

pub(super) fn explain_layout(name: &str, folder: &Utf8Path, copies: &[Vec<u8>]) -> Result<Vec<Explanation>> {
    let mut store = Store::with_copies(copies);
    let blobs = folder.join("blobs/sha256");
    let files = files::file_names(&blobs)?.into_iter().map(|file| format!("blobs/sha256/{file}"));
    for path in files.chain(["index.json".to_owned()]) {
        let file = files::open(&folder.join(&path))?;
        let size = file.metadata().with_context(|| format!("cannot read {path}"))?.len();
        store.add(&path, size, file)?;
    }
    explain::images(name, &store).with_context(|| format!("{folder} is no image"))
}

/// The image that the last run built of a service.
fn explain_service(repository: &Repository, name: &str, state: &State, copies: &[Vec<u8>]) -> Result<Vec<Explanation>> {
    let measured = state.measured(name).ok_or_else(|| unknown(repository, name))?;
    let folder = state::work_folder(repository.root()).join("layouts").join(name);
    if measured.in_engine {
        return explain_saved(name, &measured.digest, copies);
    }
    if files::is_folder(&folder) {
        return explain_layout(name, &folder, copies);
    }
    let hint = "name the folder that --output wrote it to, or build it again";
    Err(Error::usage(format!("the image of {name} is not in {folder}")).hint(hint).into())
}

/// An image in the Docker engine.
pub(super) fn explain_saved(name: &str, reference: &str, copies: &[Vec<u8>]) -> Result<Vec<Explanation>> {
    let shell = Shell::new()?;
    let save = Command::from(cmd!(shell, "docker image save {reference}"));
    save.pipe(|archive| explain::images(name, &Store::with_copies(copies).read_archive(archive)?))
}

/// Why there is no image of that name: it was not built here, or there is no such service.
fn unknown(repository: &Repository, name: &str) -> anyhow::Error {
    let discovery = match repository.discover() {
        Ok(discovery) => discovery,
        Err(error) => return error,
    };
    let services = || discovery.services.iter().map(|service| service.name.as_str());
    if services().any(|service| service == name) {
        let message = format!("the image of {name} was not built on this machine");
        return Error::usage(message).hint(format!("run `cargo xtask image {name}` first")).into();
    }
    let message = format!("neither a file nor a service is named `{name}`");
    discover::unknown_service(message, name, services()).into()
}
