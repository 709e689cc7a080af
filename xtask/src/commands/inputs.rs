//! `cargo xtask inputs`: exactly the files that can change an image.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::Value;

use super::refused::in_short;
use super::repository::Repository;
use super::{Answer, Console};
use crate::discover::{self, Discovery, Explanation, Lister, Listing, Listings};
use crate::error::{self, Error};
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

/// Of a service that Go or Cargo would not build.
#[derive(Serialize)]
struct RefusalDocument<'a> {
    name: &'a str,
    error: &'a str,
}

/// How the answers are written.
struct Form {
    json: bool,
    /// Whether one service is asked about, so that lines need not say which.
    is_of_one: bool,
}

pub(super) fn run(
    repository: &Repository,
    names: &[String],
    explain: Option<&Utf8Path>,
    json: bool,
    console: &mut Console,
) -> Result<Answer> {
    let discovery = repository.discover()?;
    let overrides = repository.bake_overrides();
    let lister = Lister {
        tree: &repository.tree,
        discovery: &discovery,
        platforms: &repository.settings.platforms,
        settings_file: repository.settings_file.as_deref(),
        overrides: &overrides,
    };
    let explain = explain.map(|file| in_repository(repository, file)).transpose()?;
    let form = Form { json, is_of_one: names.len() == 1 };
    let mut services = names.iter().map(|name| find(&discovery, name, console)).collect::<Result<Vec<_>>>()?;
    if services.is_empty() {
        services = discovery.services.iter().filter(|service| service.selected).collect();
        for problem in &discovery.problems {
            console.say(format_args!("warning: {}: {}", problem.place, problem.message));
        }
    }
    match explain {
        Some(file) => {
            let explanations = lister.each(&services, |service| lister.explain(service, &file));
            let write = |out: &mut String, name: &str, explanation| form.explanation(out, name, &file, &explanation);
            form.answer(&services, explanations, write, console)
        }
        None => {
            let mut listings = lister.list(&services);
            let found = std::mem::take(&mut listings.of_services);
            // Of the paths of all services, which may be hundreds of thousands, most are shared.
            let quote = |path: &Utf8PathBuf| Value::from(path.as_str()).to_string();
            let quoted: Vec<_> = if json { listings.shared.iter().map(quote).collect() } else { Vec::new() };
            let write = |out: &mut String, name: &str, listing| form.listing(out, name, &listings, &listing, &quoted);
            form.answer(&services, found, write, console)
        }
    }
}

impl Form {
    /// Writes what was found of each service. Of several services one that Go or Cargo would not build is no end.
    fn answer<T>(
        &self,
        services: &[&Service],
        found: Vec<Result<T>>,
        write: impl Fn(&mut String, &str, T),
        console: &mut Console,
    ) -> Result<Answer> {
        let mut answer = Answer::yes(String::new());
        // A line in one go.mod may stop hundreds of services: what is the same is said once.
        let mut refusals: Vec<(String, anyhow::Error, Vec<&str>)> = Vec::new();
        let is_list = self.json && !self.is_of_one;
        if is_list {
            answer.stdout.push_str("[\n");
        }
        for (at, (service, found)) in services.iter().zip(found).enumerate() {
            if is_list && at > 0 {
                answer.stdout.push_str(",\n");
            }
            match found {
                Ok(found) => write(&mut answer.stdout, &service.name, found),
                Err(refusal) if self.is_of_one => return Err(refusal),
                Err(refusal) => {
                    answer.code = answer.code.max(error::exit_code(&refusal));
                    let error = format!("{refusal:#}");
                    if self.json {
                        answer.stdout.push_str(&self.document(&RefusalDocument { name: &service.name, error: &error }));
                    }
                    match refusals.iter_mut().find(|(other, ..)| *other == error) {
                        Some((.., names)) => names.push(&service.name),
                        None => refusals.push((error, refusal, vec![&service.name])),
                    }
                }
            }
        }
        if is_list {
            answer.stdout.push_str("\n]\n");
        }
        for (_, refusal, names) in refusals {
            console.say(error::describe(&refusal.context(in_short(&names))));
        }
        Ok(answer)
    }

    fn explanation(&self, out: &mut String, name: &str, file: &Utf8Path, explanation: &Explanation) {
        let (included, why) = (explanation.included, explanation.why.as_str());
        if self.json {
            return out.push_str(&self.document(&ExplanationDocument { name, file, included, why }));
        }
        let is_in = match (included, self.is_of_one) {
            (true, true) => "in".to_owned(),
            (false, true) => "out".to_owned(),
            (true, false) => format!("in {name}"),
            (false, false) => format!("out of {name}"),
        };
        out.extend([file.as_str(), " is ", &is_in, ": ", why, "\n"]);
    }

    /// The files of a service; `quoted` are the shared paths of all as JSON.
    fn listing(&self, out: &mut String, name: &str, all: &Listings, listing: &Listing, quoted: &[String]) {
        if !self.json {
            for file in all.files(listing) {
                if !self.is_of_one {
                    out.extend([name, "\t"]);
                }
                out.extend([file.as_str(), "\n"]);
            }
        } else if self.is_of_one {
            let stubs = listing.stubs.iter().map(|path| &**path).collect();
            out.push_str(&to_json(&Document { name, files: all.files(listing).collect(), stubs }));
        } else {
            out.extend(["{\"name\":", &Value::from(name).to_string(), ",\"files\":"]);
            if listing.shared.is_empty() {
                out.push_str(&array(&listing.own));
            } else {
                for (at, number) in listing.shared.iter().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    out.push_str(&quoted[*number as usize]);
                }
                out.push(']');
            }
            out.extend([",\"stubs\":", &array(&listing.stubs), "}"]);
        }
    }

    /// A document; one of several is a line of its own.
    fn document(&self, document: &impl Serialize) -> String {
        if self.is_of_one { to_json(document) } else { serde_json::to_string(document).unwrap_or_default() }
    }
}

/// Paths as a JSON array. Values of `serde_json` it prints itself, which is optimised also where this crate is not.
fn array(paths: &[Utf8PathBuf]) -> String {
    paths.iter().map(|path| path.as_str()).collect::<Value>().to_string()
}

/// The service of a name; one that becomes an image comes first.
fn find<'a>(discovery: &'a Discovery, name: &str, console: &mut Console) -> Result<&'a Service> {
    let name = discovery.name_of(name)?;
    let named: Vec<_> = discovery.services.iter().filter(|service| service.name == name).collect();
    match (named.iter().find(|service| service.selected), &named[..]) {
        (Some(service), _) | (None, [service]) => return Ok(service),
        (None, [first, _, ..]) => {
            let folders: Vec<_> = named.iter().map(|service| service.folder()).collect();
            let what = format!("{} services are named `{name}`: {}", named.len(), folders.join(", "));
            return Err(Error::usage(what).hint(format!("name one by its folder, e.g. `{}`", first.folder())).into());
        }
        (None, []) => {}
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
