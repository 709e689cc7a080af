//! `cargo xtask images`: generate, build, measure, check, and only then push.

mod made_from;
mod measured;
mod request;
mod talk;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use self::made_from::MadeFrom;
pub(super) use self::request::once_more;
pub(super) use self::talk::{bake_shown, say_from_threads, say_verdict};
use self::talk::{say_failures, say_what_is_kept_back, write_step_summary};
use self::unchanged::Makers;
use super::inside::Look;
use super::judge::{Accepted, Grounds, compressor, exact, judge, judge_all_nodes};
use super::repository::{Repository, current_folder};
use super::state::{self, Recipe, State};
use super::{Answer, Console, environment, generate, html, sizes, write_file};
use crate::budget::lock::LockedImage;
use crate::cli::ImagesArguments;
use crate::discover;
use crate::engine::archive;
use crate::engine::bake::Bake;
use crate::engine::builder::{Asked, Builder, Question};
use crate::engine::display::listed;
use crate::engine::native::{self, Native};
use crate::engine::{BuildRequest, BuiltImage, Destination, Engine, Outcome};
use crate::error::{Error, ExitCode};
use crate::explain::{Explanation, Inside};
use crate::measure::{How, ImageSize};
use crate::plan::ImagePlan;
use crate::process::interrupted;
use crate::render::{self, render};
use crate::report::{self, ImageReport, Page, Place, Report};
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
    let engine = request::engine(repository, arguments)?;
    let mut state = State::load(repository.root());
    let question = Question::new(arguments.builder.as_deref(), environment());
    // Where it cannot be read, docker has its own words for that.
    let choice = question.choice(&environment().collect()).ok().filter(|_| engine != Engine::Native);
    let remembered = choice.as_deref().and_then(|choice| state.builder(&question, choice));
    let remembered = remembered.filter(|_| !arguments.dry_run);
    // The engine takes its time to answer; the repository is read meanwhile.
    let asked = (engine != Engine::Native && remembered.is_none()).then(|| question.ask(false));
    let all = repository.plan()?;
    let images = chosen(repository, &all, names)?;
    let is_remembered = remembered.is_some();
    let builder = match asked {
        Some(asked) => answer(asked, engine, console)?,
        None => remembered,
    };
    let request = request::build_request(repository, &images, arguments, environment())?;
    let overrides: Vec<_> = render::bake_overrides().into_iter().filter(|file| repository.tree.is_file(file)).collect();
    let work = state::work_folder(repository.root());
    let accepted = Accepted::read(repository.root(), &images, arguments.push)?;
    let names = all.iter().map(|image| image.name.clone()).collect();
    let mut run = Run { repository, images, names, request, builder, overrides, work, accepted };
    run.check(arguments)?;

    let generated = render(&all, &repository.settings);
    let changes = sync::compare(repository.root(), &generated)?;
    if arguments.dry_run {
        return run.dry_run(arguments);
    }
    sync::apply(repository.root(), &changes)?;
    generate::say_changes(&changes, console);
    // Without these two everything is built, and nothing of the images depends on them.
    let mut from = or_warn(MadeFrom::read(&run, &generated), console);
    let mut makers = or_warn(Makers::of(&run, run.destination(arguments)?, choice.as_deref()), console);
    let kept = run.kept(from.as_ref(), makers.as_ref(), arguments, console);
    let mut outcome = run.build(&kept, &mut state, arguments, console)?;
    // It may be that the builder does not answer any more.
    let may_be_gone = is_remembered && !outcome.failures.is_empty() && !interrupted();
    if may_be_gone && run.takes(answer(question.ask(true), engine, console)?) {
        run.check(arguments)?;
        makers = None;
        outcome = run.build(&[], &mut state, arguments, console)?;
    }
    if let (Some(builder), Some(choice)) = (&run.builder, &choice) {
        state.remember(&question, choice, builder);
    }
    let mut rebuilds = None;
    if let Some(from) = &mut from {
        let made = makers.map(|makers| makers.made(from, &outcome, &kept)).unwrap_or_default();
        from.learn(&run.settings(&question), &outcome, made);
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

/// The builder that answers; where none does, and the choice is this tool's, none.
fn answer(asked: Asked, engine: Engine, console: &mut Console) -> Result<Option<Builder>> {
    let error = match asked.answer() {
        Ok(builder) => return Ok(Some(builder)),
        Err(error) => error,
    };
    if engine != Engine::Auto || interrupted() {
        return Err(error);
    }
    console.say(format_args!("engine: native, this machine's go and cargo, since no builder answers ({error:#})"));
    Ok(None)
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

impl Run<'_> {
    /// Checks, before anything is written or built, that what builds can build these images.
    fn check(&self, arguments: &ImagesArguments) -> Result<()> {
        match &self.builder {
            Some(builder) => request::check_builder(&self.request, &self.images, builder, arguments.push),
            None => {
                native::check(&self.images, &self.overrides)?;
                native::check_compilers(&self.images)
            }
        }
    }

    /// Takes this builder, and says whether it is another than the one that is remembered.
    fn takes(&mut self, builder: Option<Builder>) -> bool {
        let is_other = builder != self.builder;
        self.builder = builder;
        is_other
    }

    /// Whether the images land in the engine by themselves.
    fn is_engine(&self) -> bool {
        self.builder.as_ref().is_some_and(Builder::is_engine)
    }

    /// What all stages depend on, by name: the builder, how it is found, and options.
    fn settings(&self, question: &Question) -> BTreeMap<String, String> {
        let request = &self.request;
        let settings = [
            ("builder", self.builder.as_ref().map(|builder| builder.name.clone())),
            ("--platform", Some(request.platforms.join(","))),
            ("--cache-scope", request.cache_scope.clone()),
            ("--network", request.network.clone()),
        ];
        let mut all = question.variables().clone();
        all.extend(settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        all
    }

    /// The images that need not be built: they are as an earlier run made them. What is pushed is always built, and what
    /// leaves more behind than images.
    fn kept(
        &self,
        from: Option<&MadeFrom>,
        makers: Option<&Makers>,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Vec<BuiltImage> {
        let loads = arguments.load && self.builder.is_none();
        let (Some(from), Some(makers)) = (from, makers) else { return Vec::new() };
        if arguments.push || arguments.no_cache || arguments.cache_export || loads {
            return Vec::new();
        }
        let kept = or_warn(makers.unchanged(self, from), console).unwrap_or_default();
        if !kept.is_empty() {
            let names: Vec<_> = kept.iter().map(|image| image.name.as_str()).collect();
            console.say(format_args!("unchanged: {}", listed(&names)));
        }
        kept
    }

    fn bake<'a>(&'a self, destination: &'a Destination) -> Bake<'a> {
        Bake {
            root: self.repository.root(),
            work: &self.work,
            buildx: self.builder.as_ref().and_then(Builder::buildx),
            request: &self.request,
            destination,
            overrides: &self.overrides,
            engine_platform: self.builder.as_ref().filter(|builder| builder.is_engine()).map(Builder::own_platform),
        }
    }

    /// Where the images go before they are measured.
    fn destination(&self, arguments: &ImagesArguments) -> Result<Destination> {
        if let Some(folder) = &arguments.output {
            return Ok(Destination::Layouts(current_folder()?.join(folder)));
        }
        // What this machine builds is a layout first, also on its way into the engine.
        let load = self.is_engine() || arguments.load && self.builder.is_some();
        Ok(if load { Destination::Load } else { Destination::Layouts(self.work.join("layouts")) })
    }

    fn dry_run(&self, arguments: &ImagesArguments) -> Result<Answer> {
        let mut commands = Vec::new();
        if self.builder.is_none() {
            let environment = environment().collect();
            commands = self.native(&self.work, &environment).commands(&self.images)?;
        } else {
            let mut destinations = vec![self.destination(arguments)?];
            destinations.extend(arguments.push.then_some(Destination::Registry));
            for destination in &destinations {
                commands.extend(self.bake(destination).commands(&self.images)?);
            }
        }
        let lines = commands.iter().map(|command| command.to_shell() + "\n");
        Ok(Answer::yes(lines.collect()))
    }

    fn native<'a>(&'a self, folder: &'a Utf8Path, environment: &'a BTreeMap<String, String>) -> Native<'a> {
        Native { root: self.repository.root(), work: &self.work, folder, request: &self.request, environment }
    }

    /// Builds the images, but for those that are `kept`, to be measured.
    fn build(
        &self,
        kept: &[BuiltImage],
        state: &mut State,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<Outcome> {
        if kept.is_empty() {
            return self.build_all(&self.images, state, arguments, console);
        }
        let mut built: HashMap<&str, BuiltImage> =
            kept.iter().map(|image| (image.name.as_str(), image.clone())).collect();
        let images: Vec<_> =
            self.images.iter().filter(|image| !built.contains_key(image.name.as_str())).cloned().collect();
        let mut outcome = Outcome::default();
        if !images.is_empty() {
            outcome = self.build_all(&images, state, arguments, console)?;
        }
        let new = std::mem::take(&mut outcome.built);
        built.extend(new.iter().map(|image| (image.name.as_str(), image.clone())));
        outcome.built = self.images.iter().filter_map(|image| built.remove(image.name.as_str())).collect();
        Ok(outcome)
    }

    fn build_all(
        &self,
        images: &[ImagePlan],
        state: &mut State,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<Outcome> {
        let destination = self.destination(arguments)?;
        let (None, Destination::Layouts(folder)) = (&self.builder, &destination) else {
            return self.bake_to(images, &destination, arguments.verbose, console);
        };
        let environment = environment().collect();
        let say = say_from_threads(console);
        let outcome = self.native(folder, &environment).run(images, &mut state.layers, &say)?;
        if arguments.load {
            self.native(folder, &environment).load(&outcome.built)?;
            say("loaded into the Docker engine");
        }
        Ok(outcome)
    }

    fn check_and_push(
        &self,
        outcome: Outcome,
        mut state: State,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<(Report, Vec<Explanation>)> {
        let destination = self.destination(arguments)?;
        say_failures(&outcome.failures, console);
        let mut report = Report {
            failures: outcome.failures,
            misfits: outcome.misfits,
            is_release: arguments.push,
            ..Report::default()
        };
        let (mut used, mut explanations) = (Vec::new(), Vec::new());
        for built in &outcome.built {
            let (key, sizes) = measured::sizes(self, built, &destination, &mut state)?;
            // One that was measured before was also checked before.
            if !state.sizes.contains_key(&key) {
                let misfit = measured::misfit(self, built, &sizes, &state.layers);
                if misfit.is_none() {
                    state.sizes.insert(key.clone(), sizes.clone());
                }
                report.misfits.extend(misfit);
            }
            let explain = || explain(built, &destination);
            let look = Look { image: self.plan_of(&built.name)?, key: &key, explain };
            let mut seen = std::mem::take(&mut state.inside);
            for size in sizes {
                let judge = |inside: Option<&Inside>| self.judge(built, size.clone(), &state, inside);
                report.images.push(look.judge(&size.platform, &mut seen, judge)?);
            }
            state.inside = seen;
            if arguments.html.is_some() {
                explanations.extend(explain()?);
            }
            used.push(key);
        }
        say_failures(&report.misfits, console);
        judge_all_nodes(&mut report, &self.repository.settings);
        let may_push = report.failures.is_empty() && report.misfits.is_empty() && !report.has_failed();
        if let Some(file) = arguments.tarball.as_ref().filter(|_| may_push && !outcome.built.is_empty()) {
            archive::save(&outcome.built, &destination, &current_folder()?.join(file))?;
            console.say(format_args!("wrote {file}"));
        }
        if arguments.push && may_push {
            self.push(&mut report, &outcome.built, &destination, arguments.verbose, console)?;
        }
        let recipe = Recipe { is_native: self.builder.is_none(), request: self.request.clone() };
        state.recipes.extend(outcome.built.iter().map(|built| (built.name.clone(), recipe.clone())));
        state.measured = report.sound().map(as_locked).collect();
        state
            .last
            .extend(report.images.iter().map(|image| (measured::last_key(&image.size), image.size.unpacked.bytes)));
        // It only makes the next run faster, and this one has its answer already.
        let own: HashSet<_> = self.images.iter().map(|image| image.name.as_str()).collect();
        let is_anothers = |name: &str| self.names.contains(name) && !own.contains(name);
        if let Err(error) = state.save(self.repository.root(), &used, is_anothers) {
            console.say(format_args!("warning: {error:#}"));
        }
        Ok((report, explanations))
    }

    fn write_reports(
        &self,
        report: &Report,
        explanations: &[Explanation],
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<()> {
        if let Some(file) = &arguments.markdown {
            write_file(file, &report::markdown(report, Place::Comment), console)?;
        }
        let Some(file) = &arguments.html else { return Ok(()) };
        let histories = html::histories_of(self.repository, &self.images, console);
        let page = Page { report: Some(report), explanations, histories: &histories, ..Page::default() };
        html::write(file, &page, console)
    }

    fn bake_to(
        &self,
        images: &[ImagePlan],
        destination: &Destination,
        verbose: bool,
        console: &mut Console,
    ) -> Result<Outcome> {
        bake_shown(&self.bake(destination), images, verbose, console)
    }

    fn plan_of(&self, name: &str) -> Result<&ImagePlan> {
        let image = self.images.iter().find(|image| image.name == name);
        image.with_context(|| format!("{name} was built, and nobody asked for it"))
    }

    fn judge(
        &self,
        built: &BuiltImage,
        size: ImageSize,
        state: &State,
        inside: Option<&Inside>,
    ) -> Result<ImageReport> {
        let image = self.plan_of(&size.name)?;
        let previous = state.last.get(&measured::last_key(&size)).copied();
        let grounds = Grounds::of(image, self.builder.is_none());
        let report = judge(image, size, grounds, &self.repository.settings, &self.accepted, inside);
        Ok(ImageReport { references: built.references.clone(), previous, ..report })
    }

    /// Pushes what is built: from its layouts, or by a bake whose every step comes from the builder's cache.
    fn push(
        &self,
        report: &mut Report,
        built: &[BuiltImage],
        destination: &Destination,
        verbose: bool,
        console: &mut Console,
    ) -> Result<()> {
        let outcome = match (&self.builder, destination) {
            (None, Destination::Layouts(folder)) => {
                let environment = environment().collect();
                self.native(folder, &environment).push(built, &say_from_threads(console))?
            }
            _ => self.bake_to(&self.images, &Destination::Registry, verbose, console)?,
        };
        say_failures(&outcome.failures, console);
        for pushed in outcome.built {
            for image in report.images.iter_mut().filter(|image| image.size.name == pushed.name) {
                image.pushed = true;
                if self.builder.is_some() {
                    measured::read_registry(&mut image.size, &pushed)?;
                } else {
                    // The registry has said that it stored the very manifest that was measured.
                    image.size.transfer.how = How::Registry;
                }
            }
        }
        report.unpushed = outcome.failures;
        Ok(())
    }

    fn answer(&self, report: &Report, arguments: &ImagesArguments, console: &mut Console) -> Answer {
        write_step_summary(report, console);
        let is_too_large = report.has_failed();
        let has_failed = !report.failures.is_empty() || !report.unpushed.is_empty();
        let code = match (has_failed, is_too_large || !report.misfits.is_empty()) {
            (true, _) => ExitCode::Failure,
            (false, true) => ExitCode::CheckFailed,
            (false, false) => ExitCode::Success,
        };
        say_verdict(report, console);
        if code != ExitCode::Success {
            say_what_is_kept_back(report, arguments, console);
        }
        let stdout = if arguments.json { report::json(report) } else { report::text(report) };
        Answer { stdout, code }
    }
}

/// What an image is made of.
fn explain(built: &BuiltImage, destination: &Destination) -> Result<Vec<Explanation>> {
    match destination {
        Destination::Layouts(folder) => sizes::explain_layout(&built.name, &folder.join(&built.name), &[]),
        _ => sizes::explain_saved(&built.name, built.references.first().unwrap_or(&built.digest), &[]),
    }
}

/// What the lock file would say of a measured image.
fn as_locked(image: &ImageReport) -> LockedImage {
    // A push has told the exact bytes since.
    LockedImage {
        transfer: exact(image.size.transfer),
        compressor: compressor(&image.size),
        ..image.growth.now.clone()
    }
}
