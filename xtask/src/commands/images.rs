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
use super::generate::Generated;
use super::judge::Accepted;
use super::repository::{Repository, Survey};
use super::state::{self, State};
use super::{Answer, Console, environment, generate, refused};
use crate::cli::ImagesArguments;
use crate::discover::{self, Discovery};
use crate::engine::BuildRequest;
use crate::engine::builder::Builder;
use crate::error::Error;
use crate::plan::{ImagePlan, Plans, Refusal};
use crate::report::Report;
use crate::sync;

/// A run, from the plan to the report.
struct Run<'a> {
    repository: &'a Repository,
    /// The images that were asked for and can be built.
    images: Vec<ImagePlan>,
    /// The services that were asked for and cannot.
    refused: Vec<Refusal>,
    /// The names of all images of the repository, those that cannot be built among them.
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
    let survey = repository.plan()?;
    let Plans { images, refused } = chosen(&survey, names)?;
    if images.is_empty() {
        return verdict::answer_without_images(repository, &refused, arguments, console);
    }
    let (choice, builder) = asking.answer(console)?;
    let request = request::build_request(repository, &images, arguments, environment())?;
    let overrides = repository.bake_overrides();
    let work = state::work_folder(repository.root());
    let accepted = Accepted::read(repository.root(), &images, arguments.push)?;
    let names = survey.plans.names().map(str::to_owned).collect();
    let mut run = Run { repository, images, refused, names, request, builder, overrides, work, accepted };
    run.check(arguments)?;
    if run.images.is_empty() {
        return verdict::answer_without_images(repository, &run.refused, arguments, console);
    }
    let Generated { files: generated, changes } = Generated::of(repository, &survey.plans)?;
    refused::say(&run.refused, console);
    generate::say_renamed(&survey.discovery.renamed, console);
    generate::say_ignored(&run.images, console);
    if arguments.dry_run {
        return run.dry_run(arguments, console);
    }
    let _running = run.begin(arguments)?;
    sync::apply(repository.root(), &changes)?;
    generate::say_changes(&changes, console);
    let mut alone = run.lock_layouts(arguments, console)?;
    // Without these two everything is built, and nothing of the images depends on them.
    let mut from = or_warn(MadeFrom::read(&run, &generated), console);
    let mut makers = or_warn(Makers::of(&run, run.destination(arguments)?, choice.key()), console);
    let kept = run.kept(from.as_ref(), makers.as_ref(), arguments, console);
    let mut outcome = run.build(&kept, &mut state, arguments, console)?;
    if choice.may_be_gone(&outcome) && run.takes(choice.ask_again(console)?) {
        run.check(arguments)?;
        if alone.is_none() {
            alone = run.lock_layouts(arguments, console)?;
        }
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
    drop(alone);
    Ok(answer.with_files(written, console))
}

/// What was found, else a warning.
fn or_warn<T>(found: Result<T>, console: &mut Console) -> Option<T> {
    found.map_err(|error| console.say(format_args!("warning: {error:#}"))).ok()
}

/// What becomes of the named services, or of all; an unknown name is an error that suggests the nearest.
pub(super) fn chosen(survey: &Survey, names: &[String]) -> Result<Plans> {
    let Survey { discovery, plans } = survey;
    let names = names.iter().map(|name| discovery.name_of(name)).collect::<Result<Vec<_>>>()?;
    match names.iter().find(|name| !plans.names().any(|image| image == **name)) {
        Some(unknown) => Err(no_image(discovery, unknown, plans.names()).into()),
        None => Ok(plans.only(|name| names.is_empty() || names.contains(&name))),
    }
}

/// Why there is no image of that name: the service is left out, or there is none.
fn no_image<'a>(discovery: &Discovery, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    match discovery.services.iter().find(|service| service.name == name) {
        Some(left_out) => Error::usage(format!("no image is made of `{name}`: {}", left_out.reason))
            .hint("`skip`, `exclude` and `include` in the settings decide; `cargo xtask list` shows all"),
        None => discover::unknown_service(format!("no service is named `{name}`"), name, known),
    }
}
