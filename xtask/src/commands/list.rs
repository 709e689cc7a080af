//! `cargo xtask list`: what was found, and why it is selected or not.

use anyhow::Result;
use comfy_table::{Table, TableStyle};
use serde::Serialize;

use super::repository::{Repository, Survey};
use super::{Answer, Console, generate};
use crate::discover::{Discovery, Problem};
use crate::error::Error;
use crate::plan::{Plans, Refusal};
use crate::report::to_json;
use crate::service::{Language, Service};

#[derive(Serialize)]
struct Document<'a> {
    services: Vec<Listed<'a>>,
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    language: Language,
    dir: &'a str,
    bins: &'a [String],
    selected: bool,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

pub(super) fn run(repository: &Repository, json: bool, console: &mut Console) -> Result<Answer> {
    let Survey { discovery, plans } = repository.survey()?;
    if json {
        let services = discovery.services.iter().map(|service| listed(service, &plans)).collect();
        return Ok(Answer::yes(to_json(&Document { services, problems: &discovery.problems })));
    }
    for problem in &discovery.problems {
        console.say(format_args!("warning: {}: {}", problem.place, problem.message));
    }
    generate::say_renamed(&discovery.renamed, console);
    if discovery.services.is_empty() {
        console.say(format_args!("no Go main package and no Rust package with a binary in {}", repository.root()));
    }
    Ok(Answer::yes(table(&discovery, &plans)))
}

fn listed<'a>(service: &'a Service, plans: &'a Plans) -> Listed<'a> {
    let error = refusal(service, plans).map(|refusal| &refusal.error);
    Listed {
        error: error.map(ToString::to_string),
        hint: error.map(Error::hints),
        name: &service.name,
        language: service.language(),
        dir: service.folder(),
        bins: &service.bins,
        selected: service.selected,
        reason: &service.reason,
    }
}

fn table(discovery: &Discovery, plans: &Plans) -> String {
    if discovery.services.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["SERVICE", "LANGUAGE", "FOLDER", "IMAGE", "WHY"]);
    // Those that become images come first: they are what is looked for.
    let (selected, others): (Vec<_>, Vec<_>) = discovery.services.iter().partition(|service| service.selected);
    for service in selected.into_iter().chain(others) {
        let language = match service.language() {
            Language::Go => "go",
            Language::Rust => "rust",
        };
        let refusal = refusal(service, plans).map(|refusal| in_a_line(&refusal.error));
        let (image, why) = match &refusal {
            Some(error) => ("fails", error),
            None => (if service.selected { "yes" } else { "no" }, &service.reason),
        };
        table.add_row([&service.name, language, service.folder(), image, why]);
    }
    table.lines().fold(String::new(), |text, line| text + line.trim() + "\n")
}

/// Why no image can be made of a selected service.
fn refusal<'a>(service: &Service, plans: &'a Plans) -> Option<&'a Refusal> {
    let is_of = |refusal: &&Refusal| refusal.name == service.name && refusal.dir == service.dir;
    plans.refused.iter().find(is_of).filter(|_| service.selected)
}

/// An error in a cell of a table.
fn in_a_line(error: &Error) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
