//! `cargo xtask inputs`: exactly the files that can change an image.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::Value;

use super::repository::Repository;
use super::{Answer, Console};
use crate::discover::{self, Discovery, Lister};
use crate::error::{self, Error, ExitCode};
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
    error: String,
}

/// What is asked of each service.
struct Question<'a> {
    lister: Lister<'a>,
    /// The file to explain, instead of a list of all.
    explain: Option<Utf8PathBuf>,
    json: bool,
    /// Whether it is asked of one service, so that lines need not say of which.
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
    let lister = Lister {
        tree: &repository.tree,
        discovery: &discovery,
        platforms: &repository.settings.platforms,
        settings_file: repository.settings_file.as_deref(),
    };
    let explain = explain.map(|file| in_repository(repository, file)).transpose()?;
    let question = Question { lister, explain, json, is_of_one: names.len() == 1 };
    let named = names.iter().map(|name| find(&discovery, name, console)).collect::<Result<Vec<_>>>()?;
    if let [service] = named[..] {
        return question.ask(service).map(Answer::yes);
    }
    let mut code = ExitCode::Success;
    let mut services = named;
    if services.is_empty() {
        services = discovery.services.iter().filter(|service| service.selected).collect();
        for problem in &discovery.problems {
            console.say(format_args!("warning: {}: {}", problem.place, problem.message));
            if problem.may_hide_service {
                code = ExitCode::Usage;
            }
        }
    }
    let mut answers = Vec::with_capacity(services.len());
    for (service, answer) in services.iter().zip(lister.each(&services, |service| question.ask(service))) {
        answers.push(answer.unwrap_or_else(|refusal| {
            code = code.max(error::exit_code(&refusal));
            let error = format!("{refusal:#}");
            console.say(error::describe(&refusal.context(format!("service {}", service.name))));
            if json { question.document(&RefusalDocument { name: &service.name, error }) } else { String::new() }
        }));
    }
    let stdout = if json { format!("[\n{}\n]\n", answers.join(",\n")) } else { answers.concat() };
    Ok(Answer { stdout, code })
}

impl Question<'_> {
    fn ask(&self, service: &Service) -> Result<String> {
        let name = service.name.as_str();
        if let Some(file) = &self.explain {
            let explanation = self.lister.explain(service, file)?;
            let (included, why) = (explanation.included, explanation.why.as_str());
            if self.json {
                return Ok(self.document(&ExplanationDocument { name, file, included, why }));
            }
            let is_in = match (included, self.is_of_one) {
                (true, true) => "in".to_owned(),
                (false, true) => "out".to_owned(),
                (true, false) => format!("in {name}"),
                (false, false) => format!("out of {name}"),
            };
            return Ok(format!("{file} is {is_in}: {why}\n"));
        }
        let listing = self.lister.list(service)?;
        if self.json {
            let [files, stubs] =
                [&listing.files, &listing.stubs].map(|paths| paths.iter().map(|path| &**path).collect());
            return Ok(if self.is_of_one {
                to_json(&Document { name, files, stubs })
            } else {
                line(name, files, stubs)
            });
        }
        let mut text = String::new();
        for file in &listing.files {
            if !self.is_of_one {
                text.extend([name, "\t"]);
            }
            text.extend([file.as_str(), "\n"]);
        }
        Ok(text)
    }

    /// A document; one of several is a line of its own.
    fn document(&self, document: &impl Serialize) -> String {
        if self.is_of_one { to_json(document) } else { serde_json::to_string(document).unwrap_or_default() }
    }
}

/// A [`Document`] as one line. Many services have hundreds of thousands of paths together: values of `serde_json` it
/// prints itself, which is optimised also where this crate is not.
fn line(name: &str, files: Vec<&Utf8Path>, stubs: Vec<&Utf8Path>) -> String {
    let [files, stubs] = [files, stubs].map(|paths| paths.into_iter().map(Utf8Path::as_str).collect::<Value>());
    format!("{{\"name\":{},\"files\":{files},\"stubs\":{stubs}}}", Value::from(name))
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
