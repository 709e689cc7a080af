//! `cargo xtask images`: generate, build, measure, check, and only then push.

mod measured;
mod request;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use indicatif::ProgressDrawTarget;

use self::why::Inquiry;
use super::inside::{Denials, SeenImages};
use super::judge::{Grounds, UPDATE, exact, judge, judge_all_nodes, read_lock};
use super::repository::{Repository, current_folder};
use super::state::{self, State};
use super::{Answer, Console, environment, generate, html, sizes};
use crate::budget::Verdict;
use crate::budget::lock::{LOCK_FILE, LockedImage, SizesLock};
use crate::cli::ImagesArguments;
use crate::discover;
use crate::engine::archive;
use crate::engine::bake::Bake;
use crate::engine::builder::{Asked, Builder, Question};
use crate::engine::display::{Display, Options, Output};
use crate::engine::native::{self, Native};
use crate::engine::{BuildFailure, BuildRequest, BuiltImage, Destination, Engine, Outcome};
use crate::error::{Error, ExitCode};
use crate::explain::Explanation;
use crate::files;
use crate::measure::{How, ImageSize};
use crate::plan::ImagePlan;
use crate::process::interrupted;
use crate::render::{self, render};
use crate::report::{self, ImageReport, Page, Report};
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
    lock: SizesLock,
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
    let remembered = state.builder(&question).filter(|_| !arguments.dry_run);
    // The engine takes its time to answer; the repository is read meanwhile.
    let asked = (engine != Engine::Native).then(|| question.ask(remembered.is_some()));
    let all = repository.plan()?;
    let images = chosen(repository, &all, names)?;
    let (builder, asked) = match remembered.filter(|_| asked.is_some()) {
        Some(builder) => (Some(builder), asked),
        None => (asked.map_or(Ok(None), |asked| answer(asked, engine, console))?, None),
    };
    let request = request::build_request(repository, &images, arguments, environment())?;
    let overrides: Vec<_> = render::bake_overrides().into_iter().filter(|file| repository.tree.is_file(file)).collect();
    let work = state::work_folder(repository.root());
    let lock = read_lock(repository.root())?;
    let names = all.iter().map(|image| image.name.clone()).collect();
    let mut run = Run { repository, images, names, request, builder, overrides, work, lock };
    run.check(arguments)?;

    let generated = render(&all, &repository.settings);
    let changes = sync::compare(repository.root(), &generated)?;
    if arguments.dry_run {
        return run.dry_run(arguments);
    }
    sync::apply(repository.root(), &changes)?;
    generate::say_changes(&changes, console);
    // Nothing of the images depends on it, here and below.
    let inquiry = or_warn(Inquiry::begin(&run, &state, &generated, arguments.explain), console).flatten();
    let mut outcome = run.build(&mut state, arguments, console)?;
    if let Some(asked) = asked
        && run.takes(answer(asked, engine, console)?)
    {
        run.check(arguments)?;
        outcome = run.build(&mut state, arguments, console)?;
    }
    if let Some(builder) = &run.builder {
        state.remember(&question, builder);
    }
    let rebuilds = inquiry.and_then(|inquiry| or_warn(inquiry.end(&run, &outcome, &question), console)).flatten();
    if arguments.explain && run.builder.is_none() {
        console.say("what is compiled again, go and cargo decide by caches of their own, and do not say why");
    }
    let (report, explanations) = run.check_and_push(outcome, state, arguments, console)?;
    let report = Report { rebuilds, ..report };
    let mut answer = run.answer(&report, arguments, console);
    if let Err(error) = run.write_page(&report, &explanations, arguments, console) {
        // What was pushed must still be told.
        console.say(format_args!("error: {error:#}"));
        answer.code = ExitCode::Failure;
    }
    Ok(answer)
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

/// What says a line for each that a thread has.
fn say_from_threads(console: &mut Console) -> impl Fn(&str) + Sync {
    let talk = Mutex::new(&mut *console.talk);
    // That nobody listens is no reason to stop.
    move |line| drop(talk.lock().map(|mut talk| writeln!(talk, "{line}")))
}

fn say_failures(failures: &[BuildFailure], console: &mut Console) {
    for failure in failures {
        console.say(format_args!("\nerror: {}\nhint: {}", failure.text, failure.hint));
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

    fn bake<'a>(&'a self, destination: &'a Destination) -> Bake<'a> {
        Bake {
            root: self.repository.root(),
            work: &self.work,
            request: &self.request,
            destination,
            overrides: &self.overrides,
            rewrites_timestamps: !self.is_engine(),
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

    /// Builds the images, to be measured.
    fn build(&self, state: &mut State, arguments: &ImagesArguments, console: &mut Console) -> Result<Outcome> {
        let destination = self.destination(arguments)?;
        let (None, Destination::Layouts(folder)) = (&self.builder, &destination) else {
            return self.bake_to(&destination, arguments.verbose, console);
        };
        let environment = environment().collect();
        let say = say_from_threads(console);
        let outcome = self.native(folder, &environment).run(&self.images, &mut state.layers, &say)?;
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
            let denials = self.denials(built, &key, &destination, &mut state.inside)?;
            for size in sizes {
                let denied = denials.of(&size.platform)?;
                report.images.push(ImageReport { denied, ..self.judge(built, size, &state)? });
            }
            if arguments.html.is_some() {
                explanations.extend(explain(built, &destination)?);
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
        state.measured = report.sound().map(as_locked).collect();
        state
            .last
            .extend(report.images.iter().map(|image| (measured::last_key(&image.size), image.size.unpacked.bytes)));
        // It only makes the next run faster, and this one has its answer already.
        if let Err(error) = state.save(self.repository.root(), &used) {
            console.say(format_args!("warning: {error:#}"));
        }
        Ok((report, explanations))
    }

    fn write_page(
        &self,
        report: &Report,
        explanations: &[Explanation],
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<()> {
        let Some(file) = &arguments.html else { return Ok(()) };
        let histories = html::histories_of(self.repository, &self.images, console);
        let page = Page { report: Some(report), explanations, histories: &histories, ..Page::default() };
        html::write(file, &page, console)
    }

    fn bake_to(&self, destination: &Destination, verbose: bool, console: &mut Console) -> Result<Outcome> {
        let targets: Vec<_> = self.images.iter().map(ImagePlan::target).collect();
        let terminal = ProgressDrawTarget::stderr();
        // Nothing would be seen on one that is hidden, such as a terminal that cannot move its cursor.
        let is_terminal = console.is_terminal && !terminal.is_hidden();
        let options = Options { color: console.color && is_terminal, verbose };
        let output = if is_terminal { Output::Terminal(terminal) } else { Output::Plain(&mut *console.talk) };
        let mut display = Display::new(output, options, &targets);
        self.bake(destination).run(&self.images, &mut display)
    }

    /// What must not be in an image, and is.
    fn denials(
        &self,
        built: &BuiltImage,
        key: &str,
        destination: &Destination,
        seen: &mut SeenImages,
    ) -> Result<Denials<'_>> {
        Denials::read(self.plan_of(&built.name)?, key, seen, || explain(built, destination))
    }

    fn plan_of(&self, name: &str) -> Result<&ImagePlan> {
        let image = self.images.iter().find(|image| image.name == name);
        image.with_context(|| format!("{name} was built, and nobody asked for it"))
    }

    fn judge(&self, built: &BuiltImage, size: ImageSize, state: &State) -> Result<ImageReport> {
        let image = self.plan_of(&size.name)?;
        let previous = state.last.get(&measured::last_key(&size)).copied();
        let grounds = Grounds::of(image, self.builder.is_none());
        let report = judge(image, size, grounds, &self.repository.settings, &self.lock);
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
            _ => self.bake_to(&Destination::Registry, verbose, console)?,
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
        Destination::Layouts(folder) => sizes::explain_layout(&built.name, &folder.join(&built.name)),
        Destination::Load | Destination::Registry => {
            sizes::explain_saved(&built.name, built.references.first().unwrap_or(&built.digest))
        }
    }
}

/// Says what is wrong with the images in a line, and what mends it.
pub(super) fn say_verdict(report: &Report, console: &mut Console) {
    console.say(format_args!("\n{}", report.summary()));
    if let Some((_, base)) = report.on_other_bases().next() {
        console.say(format_args!("the base is `{base}`, and the budgets are for others: they are not compared"));
        console
            .say("hint: the key `engine = \"native\"`, or a service's `base = \"embedded\"`, makes them hold for it");
    }
    let verdicts: Vec<_> = report.verdicts().collect();
    if verdicts.iter().any(|verdict| verdict.has_failed(false)) {
        console.say("hint: make it smaller, or raise `budget` in the settings");
    }
    if report.is_release && verdicts.contains(&Verdict::NotChecked) {
        console.say(
            "hint: build all images, with a builder beside the engine, which states what a registry sends: `docker buildx \
             create --name images`, and --builder images",
        );
    }
    if report.images.iter().any(|image| !image.denied.found.is_empty()) {
        console.say("hint: `go mod why -m MODULE` and `go list -deps` say what pulls it in; or take it out of `deny`");
    }
    if report.images.iter().any(|image| image.growth.verdict.has_failed()) {
        console.say(format_args!("hint: make it smaller, or accept it: run `{UPDATE}`, and commit {LOCK_FILE}"));
    }
}

/// What the lock file would say of a measured image.
fn as_locked(image: &ImageReport) -> LockedImage {
    // A push has told the exact bytes since.
    LockedImage { transfer: exact(image.size.transfer), ..image.growth.now.clone() }
}

/// Adds the report to the summary that a workflow shows, if it asks for one.
fn write_step_summary(report: &Report, console: &mut Console) {
    let path = environment().find(|(name, path)| name == "GITHUB_STEP_SUMMARY" && !path.is_empty());
    let Some((_, path)) = path else { return };
    if let Err(error) = files::append(&Utf8PathBuf::from(path), report::markdown(report).as_bytes()) {
        console.say(format_args!("warning: no summary for the workflow: {error:#}"));
    }
}

fn say_what_is_kept_back(report: &Report, arguments: &ImagesArguments, console: &mut Console) {
    if report.unpushed.is_empty() {
        let why = "every image has to be built and within its budget first";
        if arguments.push {
            console.say(format_args!("nothing was pushed: {why}"));
        }
        if let Some(file) = &arguments.tarball {
            console.say(format_args!("{file} was not written: {why}"));
        }
        return;
    }
    let (pushed, not_pushed): (Vec<_>, Vec<_>) = report.images.iter().partition(|image| image.pushed);
    for (what, images) in [("pushed", pushed), ("not pushed", not_pushed)] {
        let mut names: Vec<_> = images.into_iter().map(|image| image.size.name.as_str()).collect();
        names.dedup();
        if !names.is_empty() {
            console.say(format_args!("{what}: {}", names.join(", ")));
        }
    }
}
