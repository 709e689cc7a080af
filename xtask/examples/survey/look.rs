//! The look at one checkout: what the tool makes of it, and what Go and Cargo say of what it refuses.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::resource::{UsageWho, getrusage};
use xtask::config::{Settings, read_settings};
use xtask::discover::{Discovery, discover, inputs_of_all};
use xtask::error::hints;
use xtask::files::tree::Tree;
use xtask::plan::{Plans, plan};
use xtask::render::render;
use xtask::service::{Service, Source};

use super::class::class;
use super::oracle::{self, Word};
use super::verdict::{Refusal, Repository, Seen, Verdict};

/// Looks at a checkout.
pub fn look(root: &Utf8Path) -> Repository {
    let start = Instant::now();
    let tree = Tree::new(root.to_owned());
    let found = read_settings(root, None)
        .and_then(|settings| Ok((discover(&tree, &settings, &xtask::sync::owners(root)?)?, settings)));
    let mut repository = Repository::default();
    let mut refused = Vec::new();
    match &found {
        Err(error) => repository.whole = Some(refusal(error)),
        Ok((discovery, settings)) => {
            match plans(&tree, discovery, settings) {
                Err(error) => repository.whole = Some(refusal(&error)),
                Ok(plans) => {
                    // What cannot be rendered crashes here, and not where somebody needs it.
                    drop(render(&plans.images, &[], settings));
                    refused = plans.refused;
                }
            }
        }
    }
    repository.seconds = start.elapsed().as_secs_f64();
    repository.peak_bytes = peak_bytes();
    if let Ok((discovery, _)) = &found {
        let refusals = refused.into_iter().filter_map(|refused| {
            let is_it = |service: &Service| (&service.name, &service.dir) == (&refused.name, &refused.dir);
            let service = discovery.services.iter().position(is_it)?;
            let refusal = refusal(&refused.error.into());
            Some((service, asked(refusal, || oracle_of(root, &discovery.services[service]))))
        });
        repository.services = seen(discovery, refusals.collect());
        let problems = discovery.problems.iter();
        repository.problems = problems
            .map(|problem| {
                let text = format!("{}: {}", problem.place, problem.message);
                let refusal = Refusal { class: class(&text).to_owned(), text, ..Refusal::default() };
                asked(refusal, || oracle_of_place(root, &problem.place))
            })
            .collect();
    }
    repository
}

/// What becomes of the selected services.
fn plans(tree: &Tree, discovery: &Discovery, settings: &Settings) -> Result<Plans> {
    let selected: Vec<_> = discovery.services.iter().filter(|service| service.selected).collect();
    let inputs = inputs_of_all(tree, discovery, &selected, &settings.platforms);
    plan(selected.into_iter().zip(inputs).collect(), settings)
}

fn seen(discovery: &Discovery, mut refusals: BTreeMap<usize, Refusal>) -> Vec<Seen> {
    let services = discovery.services.iter().enumerate().map(|(number, service)| {
        let refusal = refusals.remove(&number);
        let verdict = match &refusal {
            Some(_) => Verdict::Refused,
            None if service.selected => Verdict::Planned,
            None => Verdict::NotSelected,
        };
        Seen {
            name: service.name.clone(),
            dir: service.dir.to_string(),
            language: format!("{:?}", service.language()).to_lowercase(),
            verdict,
            reason: service.reason.clone(),
            refusal,
        }
    });
    services.collect()
}

fn refusal(error: &anyhow::Error) -> Refusal {
    let text = format!("{error:#}");
    Refusal { class: class(&text).to_owned(), text, hint: hints(error).join("; "), ..Refusal::default() }
}

/// The same with what Go or Cargo says, where they have a say.
fn asked(refusal: Refusal, oracle: impl FnOnce() -> Option<Word>) -> Refusal {
    let is_ours = matches!(refusal.class.as_str(), "name" | "settings" | "config-key" | "outside");
    Refusal { oracle: if is_ours { None } else { oracle() }, ..refusal }
}

fn oracle_of(root: &Utf8Path, service: &Service) -> Option<Word> {
    let (settings, folder) = (&service.settings, root.join(&service.dir));
    Some(match &service.source {
        Source::Go(_) => {
            oracle::go(&folder, settings.cgo.unwrap_or(false), settings.tags.as_deref().unwrap_or_default())
        }
        Source::Rust(package) => oracle::cargo(root, &root.join(package.manifest())),
    })
}

/// What is said of a file, perhaps with a line, that belongs to no service.
fn oracle_of_place(root: &Utf8Path, place: &str) -> Option<Word> {
    let file: Utf8PathBuf = place.split(':').next()?.into();
    let folder = root.join(file.parent()?);
    match file.file_name()? {
        "Cargo.toml" => Some(oracle::cargo(root, &root.join(&file))),
        name if name.starts_with("go.") || name.ends_with(".go") => Some(oracle::go(&folder, false, &[])),
        _ => None,
    }
}

/// The most memory that this process had at one time.
fn peak_bytes() -> u64 {
    getrusage(UsageWho::RUSAGE_SELF).expect("the kernel tells").max_rss() as u64 * 1024
}
