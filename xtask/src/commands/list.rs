//! `cargo xtask list`: what was found, and why it is selected or not.

use anyhow::Result;
use comfy_table::{Table, TableStyle};
use serde::Serialize;

use super::repository::Repository;
use super::{Answer, Console};
use crate::discover::{Discovery, Problem};
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
}

pub(super) fn run(repository: &Repository, json: bool, console: &mut Console) -> Result<Answer> {
    let discovery = repository.discover()?;
    if json {
        let services = discovery.services.iter().map(listed).collect();
        return Ok(Answer::yes(to_json(&Document { services, problems: &discovery.problems })));
    }
    for problem in &discovery.problems {
        console.say(format_args!("warning: {}: {}", problem.place, problem.message));
    }
    if discovery.services.is_empty() {
        console.say(format_args!("no Go main package and no Rust package with a binary in {}", repository.root()));
    }
    Ok(Answer::yes(table(&discovery)))
}

fn listed(service: &Service) -> Listed<'_> {
    Listed {
        name: &service.name,
        language: service.language(),
        dir: folder(service),
        bins: &service.bins,
        selected: service.selected,
        reason: &service.reason,
    }
}

fn table(discovery: &Discovery) -> String {
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
        let image = if service.selected { "yes" } else { "no" };
        table.add_row([&service.name, language, folder(service), image, &service.reason]);
    }
    table.lines().fold(String::new(), |text, line| text + line.trim() + "\n")
}

fn folder(service: &Service) -> &str {
    if service.dir.as_str().is_empty() { "." } else { service.dir.as_str() }
}
