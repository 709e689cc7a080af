//! `cargo xtask sizes`: where bytes are, where they came from, and whether there may be so many.

pub(super) mod history;
mod lock;

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use serde::Serialize;
use xshell::{Shell, cmd};

use super::judge::UPDATE;
use super::repository::Repository;
use super::state::{self, State};
use super::{Answer, Console, html};
use crate::budget::lock::SizesLock;
use crate::cli::{Cli, SizesCommand};
use crate::discover;
use crate::error::Error;
use crate::explain::{self, Change, Explanation, How, Kind, Part, Store, by_origin, compare};
use crate::files;
use crate::process::Command;
use crate::report::{self, Difference, Page, to_json};

/// The form of the documents; a key that changes its meaning raises it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Explained<'a> {
    version: u32,
    explanations: &'a [Explanation],
}

#[derive(Serialize)]
struct Compared<'a> {
    version: u32,
    difference: i128,
    change: &'a Change,
    origins: &'a Change,
}

pub(super) fn run(cli: &Cli, command: &SizesCommand, console: &mut Console) -> Result<Answer> {
    let open = || Repository::open(cli.directory.as_deref(), cli.config.as_deref());
    match command {
        SizesCommand::Check { json, html } => lock::check(&open()?, *json, html.as_deref(), console),
        SizesCommand::Update { names, tighten } => lock::update(&open()?, names, *tighten, console),
        SizesCommand::History { name, json } => history::run(&open()?, name, *json, console),
        SizesCommand::Explain { what, all, json, html } => {
            let explanations = explain(cli, what)?;
            if let Some(file) = html {
                html::write(file, &Page { explanations: &explanations, ..Page::default() }, console)?;
            }
            if *json {
                return Ok(Answer::yes(to_json(&Explained { version: VERSION, explanations: &explanations })));
            }
            let text = explanations.iter().map(|explanation| report::explanation(explanation, *all));
            Ok(Answer::yes(text.collect::<Vec<_>>().join("\n")))
        }
        SizesCommand::Diff { before, after, all, json, html } => {
            let (before, after) = both(cli, before, after)?;
            let (before, after) = same_platform(&before, &after, console)?;
            let change = compare(&before.whole, &after.whole);
            let origins = compare(&origins(&before.whole), &origins(&after.whole));
            if let Some(file) = html {
                let (before, after) = (&before.whole.name, &after.whole.name);
                let difference = Difference { before, after, change: &change, origins: &origins };
                html::write(file, &Page { difference: Some(difference), ..Page::default() }, console)?;
            }
            if *json {
                let difference = change.difference();
                let document = Compared { version: VERSION, difference, change: &change, origins: &origins };
                return Ok(Answer::yes(to_json(&document)));
            }
            Ok(Answer::yes(report::changes(&change, &origins, *all)))
        }
    }
}

/// Explains two words. One may be a lock file: then it is what that says of the other's image.
fn both(cli: &Cli, before: &str, after: &str) -> Result<(Vec<Explanation>, Vec<Explanation>)> {
    let of_lock = |path: &str, text: &str, images: &[Explanation]| {
        let lock = SizesLock::parse(text).map_err(|message| Error::usage(format!("{path}: {message}")))?;
        images.iter().map(|image| locked(path, &lock, image)).collect::<Result<Vec<_>>>()
    };
    match (lock_file(before)?, lock_file(after)?) {
        (None, None) => Ok((explain(cli, before)?, explain(cli, after)?)),
        (Some(text), None) => {
            let after = explain(cli, after)?;
            Ok((of_lock(before, &text, &after)?, after))
        }
        (None, Some(text)) => {
            let before = explain(cli, before)?;
            let after = of_lock(after, &text, &before)?;
            Ok((before, after))
        }
        (Some(_), Some(_)) => Err(Error::usage(format!("{before} and {after} are lock files: expected an image"))
            .hint("`cargo xtask sizes history NAME` shows how the lock changed")
            .into()),
    }
}

/// The text of a lock file, if that is what a word names.
fn lock_file(what: &str) -> Result<Option<String>> {
    let path = Utf8Path::new(what);
    if path.extension() != Some("lock") || files::is_folder(path) {
        return Ok(None);
    }
    Ok(files::read_text_if_exists(path)?.filter(|text| SizesLock::is_generated(text)))
}

/// What a lock file says of an image: the bytes of the base's layers and of its own.
fn locked(path: &str, lock: &SizesLock, image: &Explanation) -> Result<Explanation> {
    let platform = image.platform();
    let name = image.whole.name.strip_suffix(platform).unwrap_or_default().trim_end();
    let Some(locked) = lock.image(name, platform) else {
        let message = format!("{path} has no image `{name}` for {platform}");
        return Err(Error::usage(message).hint(format!("it has those that `{UPDATE}` wrote; name a service")).into());
    };
    let parts = [(Kind::Base, "base", locked.unpacked - locked.own), (Kind::Own, "own", locked.own)];
    let parts = parts.into_iter().filter(|(_, _, bytes)| *bytes > 0);
    let parts = parts.map(|(kind, name, bytes)| Part::leaf(kind, name, bytes, How::Exact)).collect();
    let whole = Part::sum(Kind::Image, format!("{name} {platform}"), How::Exact, parts);
    Ok(Explanation { whole, builds: BTreeMap::new(), remarks: Vec::new() })
}

/// The modules and crates of a tree as one part.
fn origins(whole: &Part) -> Part {
    Part::sum(whole.kind, &whole.name, whole.how, by_origin(whole))
}

/// The two to compare. Of several platforms, the first that both have.
fn same_platform<'a>(
    before: &'a [Explanation],
    after: &'a [Explanation],
    console: &mut Console,
) -> Result<(&'a Explanation, &'a Explanation)> {
    let pairs = before.iter().flat_map(|before| after.iter().map(move |after| (before, after)));
    let several = before.len() > 1 || after.len() > 1;
    let pair = pairs.clone().find(|(before, after)| !several || before.platform() == after.platform());
    let pair = pair
        .ok_or_else(|| Error::usage("the two have no platform in common").hint("build both for the same --platform"))?;
    if several {
        console.say(format_args!("compared for {}", pair.0.platform()));
    }
    Ok(pair)
}

/// Explains what a word names: a file or folder, else the image of a service.
fn explain(cli: &Cli, what: &str) -> Result<Vec<Explanation>> {
    let path = Utf8Path::new(what);
    if files::is_folder(path) && files::exists(&path.join("index.json")) {
        let name = files::canonical(path)?.file_name().unwrap_or(what).to_owned();
        return explain_layout(&name, path);
    }
    if files::exists(path) && !files::is_folder(path) {
        return explain_file(path);
    }
    let repository = Repository::open(cli.directory.as_deref(), cli.config.as_deref())?;
    explain_service(&repository, what, &State::load(repository.root()))
}

fn explain_file(path: &Utf8Path) -> Result<Vec<Explanation>> {
    let mut bytes = Vec::new();
    files::open(path)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
    let name = path.file_name().unwrap_or(path.as_str());
    if !is_archive(&bytes) {
        return Ok(vec![explain::file(name, &bytes)]);
    }
    let images = Store::of_archive(bytes.as_slice()).and_then(|store| explain::images(name, &store));
    images.with_context(|| format!("{path} is no image's archive"))
}

/// Whether the bytes begin as a tar archive does.
fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

pub(super) fn explain_layout(name: &str, folder: &Utf8Path) -> Result<Vec<Explanation>> {
    let mut store = Store::default();
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
fn explain_service(repository: &Repository, name: &str, state: &State) -> Result<Vec<Explanation>> {
    let measured = state.measured(name).ok_or_else(|| unknown(repository, name))?;
    let folder = state::work_folder(repository.root()).join("layouts").join(name);
    if measured.in_engine {
        return explain_saved(name, &measured.digest);
    }
    if files::is_folder(&folder) {
        return explain_layout(name, &folder);
    }
    let hint = "name the folder that --output wrote it to, or build it again";
    Err(Error::usage(format!("the image of {name} is not in {folder}")).hint(hint).into())
}

/// An image in the Docker engine.
pub(super) fn explain_saved(name: &str, reference: &str) -> Result<Vec<Explanation>> {
    let shell = Shell::new()?;
    let save = Command::from(cmd!(shell, "docker image save {reference}"));
    save.pipe(|archive| explain::images(name, &Store::of_archive(archive)?))
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
