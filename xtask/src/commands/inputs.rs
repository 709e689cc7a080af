//! `cargo xtask inputs`: exactly the files that can change an image.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::repository::Repository;
use super::{Answer, Console};
use crate::discover::{self, Discovery, Lister};
use crate::error::Error;
use crate::report::to_json;
use crate::service::Service;

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    files: Vec<&'a Utf8Path>,
    stubs: Vec<&'a Utf8Path>,
}

#[derive(Serialize)]
struct ExplanationDocument<'a> {
    name: &'a str,
    file: &'a Utf8Path,
    included: bool,
    why: &'a str,
}

pub(super) fn run(
    repository: &Repository,
    name: &str,
    explain: Option<&Utf8Path>,
    json: bool,
    console: &mut Console,
) -> Result<Answer> {
    let discovery = repository.discover()?;
    let service = find(&discovery, name, console)?;
    let lister = Lister {
        tree: &repository.tree,
        discovery: &discovery,
        platforms: &repository.settings.platforms,
        settings_file: repository.settings_file.as_deref(),
    };
    if let Some(file) = explain {
        let file = in_repository(repository, file)?;
        let explanation = lister.explain(service, &file)?;
        let document = ExplanationDocument {
            name: &service.name,
            file: &file,
            included: explanation.included,
            why: &explanation.why,
        };
        let is_in = if explanation.included { "in" } else { "out" };
        let line = || format!("{file} is {is_in}: {}\n", explanation.why);
        return Ok(Answer::yes(if json { to_json(&document) } else { line() }));
    }
    let listing = lister.list(service)?;
    if json {
        let files = listing.files.iter().map(Utf8PathBuf::as_path).collect();
        let stubs = listing.stubs.iter().map(Utf8PathBuf::as_path).collect();
        return Ok(Answer::yes(to_json(&Document { name: &service.name, files, stubs })));
    }
    Ok(Answer::yes(listing.files.iter().fold(String::new(), |text, file| text + file.as_str() + "\n")))
}

/// The service of a name; one that becomes an image comes first.
fn find<'a>(discovery: &'a Discovery, name: &str, console: &mut Console) -> Result<&'a Service> {
    let named = || discovery.services.iter().filter(|service| service.name == name);
    if let Some(service) = named().find(|service| service.selected).or_else(|| named().next()) {
        return Ok(service);
    }
    // It may be part of what could not be read.
    for problem in &discovery.problems {
        console.say(format_args!("warning: {}: {}", problem.place, problem.message));
    }
    let names = discovery.services.iter().map(|service| service.name.as_str());
    Err(discover::unknown_service(format!("no service is named `{name}`"), name, names).into())
}

/// A file as a person names it, by its path from the repository's root or its whole path.
fn in_repository(repository: &Repository, file: &Utf8Path) -> Result<Utf8PathBuf> {
    let inside = file.strip_prefix(repository.root()).unwrap_or(file);
    let inside = discover::resolve(Utf8Path::new(""), inside.as_str()).filter(|file| repository.tree.is_file(file));
    inside.ok_or_else(|| {
        Error::usage(format!("no such file in the repository: {file}"))
            .hint(format!("--explain takes a path that starts at {}", repository.root()))
            .into()
    })
}
