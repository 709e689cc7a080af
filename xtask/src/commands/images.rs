//! `cargo xtask images`: generate, build, measure, check, and only then push.

mod build;
mod choice;
mod made_from;
mod measured;
mod request;
mod talk;
mod unchanged;
mod verdict;

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8PathBuf;

use self::choice::Asking;
use self::made_from::MadeFrom;
pub(super) use self::request::once_more;
pub(super) use self::talk::{bake_shown, say_from_threads, say_verdict};
use self::unchanged::Makers;
use super::judge::Accepted;
use super::repository::Repository;
use super::state::{self, State};
use super::{Answer, Console, environment, generate};
use crate::cli::ImagesArguments;
use crate::discover;
use crate::engine::BuildRequest;
use crate::engine::builder::Builder;
use crate::error::Error;
use crate::plan::ImagePlan;
use crate::render::render;
use crate::report::Report;
use crate::sync;

/// A run, from the plan to the report.
struct Run<'a> {
    repository: &'a Repository,
    /// The images that were asked for.
    images: Vec<ImagePlan>,
    /// The names of all images of the repository.
    names: BTreeSet<String>,
    request: BuildRequest,
    /// The builder; without one, this machine's compilers build.
    builder: Option<Builder>,
    overrides: Vec<Utf8PathBuf>,
    work: Utf8PathBuf,
    /// The sizes that the repository has accepted.
    accepted: Accepted,
}

pub(super) fn run(
    repository: &Repository,
    names: &[String],
    arguments: &ImagesArguments,
    console: &mut Console,
) -> Result<Answer> {
    let mut state = State::load(repository.root());
    // The engine takes its time to answer; the repository is read meanwhile.
    let asking = Asking::start(repository, arguments, &state)?;
    let all = repository.plan()?;
    let images = chosen(repository, &all, names)?;
    let (choice, builder) = asking.answer(console)?;
    let request = request::build_request(repository, &images, arguments, environment())?;
    let overrides = repository.bake_overrides();
    let work = state::work_folder(repository.root());
    let accepted = Accepted::read(repository.root(), &images, arguments.push)?;
    let names = all.iter().map(|image| image.name.clone()).collect();
    let mut run = Run { repository, images, names, request, builder, overrides, work, accepted };
    run.check(arguments)?;

    let generated = render(&all, &repository.settings);
    let changes = sync::compare(repository.root(), &generated)?;
    if arguments.dry_run {
        return run.dry_run(arguments, console);
    }
    sync::apply(repository.root(), &changes)?;
    generate::say_changes(&changes, console);
    // Without these two everything is built, and nothing of the images depends on them.
    let mut from = or_warn(MadeFrom::read(&run, &generated), console);
    let mut makers = or_warn(Makers::of(&run, run.destination(arguments)?, choice.key()), console);
    let kept = run.kept(from.as_ref(), makers.as_ref(), arguments, console);
    let mut outcome = run.build(&kept, &mut state, arguments, console)?;
    if choice.may_be_gone(&outcome) && run.takes(choice.ask_again(console)?) {
        run.check(arguments)?;
        makers = None;
        outcome = run.build(&[], &mut state, arguments, console)?;
    }
    choice.remember(&mut state, run.builder.as_ref());
    let mut rebuilds = None;
    if let Some(from) = &mut from {
        let made = makers.map(|makers| makers.made(from, &outcome, &kept)).unwrap_or_default();
        from.learn(&run.settings(choice.question()), &outcome, made);
        rebuilds = arguments.explain.then(|| from.rebuilds(&run, &outcome));
    }
    from.and_then(|from| or_warn(from.keep(&run, &outcome), console));
    if arguments.explain && run.builder.is_none() {
        console.say("what is compiled again, go and cargo decide by caches of their own, and do not say why");
    }
    let (report, explanations) = run.check_and_push(outcome, state, arguments, console)?;
    let report = Report { rebuilds, ..report };
    let answer = run.answer(&report, arguments, console);
    let written = run.write_reports(&report, &explanations, arguments, console);
    Ok(answer.with_files(written, console))
}

/// What was found, else a warning.
fn or_warn<T>(found: Result<T>, console: &mut Console) -> Option<T> {
    found.map_err(|error| console.say(format_args!("warning: {error:#}"))).ok()
}

/// The named images, or all; an unknown name is an error that suggests the nearest.
pub(super) fn chosen(repository: &Repository, all: &[ImagePlan], names: &[String]) -> Result<Vec<ImagePlan>> {
    let known = || all.iter().map(|image| image.name.as_str());
    match names.iter().find(|name| !known().any(|image| image == name.as_str())) {
        Some(unknown) => Err(no_image(repository, unknown, known()).into()),
        None => Ok(all.iter().filter(|image| names.is_empty() || names.contains(&image.name)).cloned().collect()),
    }
}

/// Why there is no image of that name: the service is left out, or there is none.
fn no_image<'a>(repository: &Repository, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let services = repository.discover().map(|discovery| discovery.services).unwrap_or_default();
    match services.iter().find(|service| service.name == name) {
        Some(left_out) => Error::usage(format!("no image is made of `{name}`: {}", left_out.reason))
            .hint("`skip`, `exclude` and `include` in the settings decide; `cargo xtask list` shows all"),
        None => discover::unknown_service(format!("no service is named `{name}`"), name, known),
    }
}
