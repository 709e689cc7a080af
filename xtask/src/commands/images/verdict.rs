//! What is said of the images that were built: measured, judged, pushed where nothing speaks against it, and reported.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context as _, Result};

use super::talk::{say_failures, say_from_threads, say_what_is_kept_back, write_step_summary};
use super::{Run, measured, say_verdict};
use crate::budget::lock::LockedImage;
use crate::cli::ImagesArguments;
use crate::commands::inside::Look;
use crate::commands::judge::{Grounds, compressor, exact, judge, judge_all_nodes};
use crate::commands::repository::{Repository, current_folder};
use crate::commands::state::{Recipe, State};
use crate::commands::{Answer, Console, environment, html, refused, sizes, write_file};
use crate::engine::archive;
use crate::engine::{BuiltImage, Destination, Engine, Outcome};
use crate::error::{Error, ExitCode};
use crate::explain::{Explanation, Inside};
use crate::measure::{How, ImageSize};
use crate::oci::reference::Reference;
use crate::plan::{ImagePlan, Refusal};
use crate::registry::{PushedTag, Session, TagState, look_at_tags};
use crate::report::{self, ImageReport, Place, Report};

impl Run<'_> {
    pub(super) fn check_and_push(
        &self,
        outcome: Outcome,
        mut state: State,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<(Report, Vec<Explanation>)> {
        let destination = self.destination(arguments)?;
        say_failures(&outcome.failures, console);
        let mut report = Report {
            refused: refused::failures(&self.refused),
            failures: outcome.failures,
            misfits: outcome.misfits,
            is_release: arguments.push,
            ..Report::default()
        };
        let (mut keys, mut explanations) = (Vec::new(), Vec::new());
        for built in &outcome.built {
            keys.push(self.check_image(built, &destination, &mut state, &mut report)?);
            if arguments.html.is_some() {
                explanations.extend(explain(built, &destination)?);
            }
        }
        say_failures(&report.misfits, console);
        judge_all_nodes(&mut report, &self.repository.settings);
        let may_push = report.not_built().next().is_none() && report.misfits.is_empty() && !report.has_failed();
        if let Some(file) = arguments.tarball.as_ref().filter(|_| may_push && !outcome.built.is_empty()) {
            archive::save(&outcome.built, &destination, &current_folder()?.join(file))?;
            console.say(format_args!("wrote {file}"));
        }
        if arguments.push && may_push {
            self.push(&mut report, &outcome.built, &destination, arguments.verbose, console)?;
        }
        // It only makes the next run faster, and this one has its answer already.
        if let Err(error) = self.remember(state, &outcome.built, &keys, &report) {
            console.say(format_args!("warning: {error:#}"));
        }
        Ok((report, explanations))
    }

    /// Measures and judges an image. Returns the key of its sizes in the state.
    fn check_image(
        &self,
        built: &BuiltImage,
        destination: &Destination,
        state: &mut State,
        report: &mut Report,
    ) -> Result<String> {
        let (key, sizes) = measured::sizes(self, built, destination, state)?;
        // One that was measured before was also checked before.
        if !state.sizes.contains_key(&key) {
            let misfit = measured::misfit(self, built, &sizes, &state.layers);
            if misfit.is_none() {
                state.sizes.insert(key.clone(), sizes.clone());
            }
            report.misfits.extend(misfit);
        }
        let look =
            Look { image: self.plan_of(&built.name)?, key: key.clone(), explain: || explain(built, destination) };
        let mut seen = std::mem::take(&mut state.inside);
        for size in sizes {
            let judge = |inside: Option<&Inside>| self.judge(built, size.clone(), state, inside);
            report.images.push(look.judge(&size.platform, &mut seen, judge)?);
        }
        state.inside = seen;
        Ok(key)
    }

    /// Keeps what later runs and commands ask of this one.
    fn remember(&self, mut state: State, built: &[BuiltImage], keys: &[String], report: &Report) -> Result<()> {
        let recipe = Recipe { is_native: self.builder.is_none(), request: self.request.clone() };
        state.recipes.extend(built.iter().map(|built| (built.name.clone(), recipe.clone())));
        state.measured = report.sound().map(as_locked).collect();
        let keys_of_last = report.images.iter().map(|image| measured::last_key(&image.size, &image.base));
        let bytes = report.images.iter().map(|image| image.size.unpacked.bytes);
        state.last.extend(keys_of_last.zip(bytes));
        let own: HashSet<_> = self.images.iter().map(|image| image.name.as_str()).collect();
        let is_anothers = |name: &str| self.names.contains(name) && !own.contains(name);
        state.save(self.repository.root(), keys, is_anothers)
    }

    pub(super) fn write_reports(
        &self,
        report: &Report,
        explanations: &[Explanation],
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<()> {
        write_reports(self.repository, &self.images, report, explanations, arguments, console)
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
        let grounds = Grounds::of(image, self.builder.is_none());
        let previous = state.last.get(&measured::last_key(&size, grounds.base)).copied();
        let report = judge(image, size, grounds, &self.repository.settings, &self.accepted, inside);
        let is_on_a_node = self.repository.settings.nodes.values().any(|node| node.images.contains(&image.name));
        let is_limited = !report.budgets.is_empty() || is_on_a_node;
        let own_engine = if self.builder.is_none() { Engine::Native } else { Engine::Bake };
        let named = self.repository.settings.engine.filter(|engine| *engine != Engine::Auto);
        // Budgets hold on every base; but what is released is what the settings name. Where they name no engine, only a
        // limit says which base is meant.
        let is_anothers = named.map_or(is_limited && report.base != report.set_base, |named| named != own_engine);
        let is_kept_back = self.request.is_release && is_anothers;
        Ok(ImageReport { references: built.references.clone(), previous, is_kept_back, ..report })
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
        let mut failures = outcome.failures;
        let mut all_pushed = outcome.built;
        if !failures.is_empty() {
            let is_pushed = |image: &&BuiltImage| all_pushed.iter().any(|pushed| pushed.name == image.name);
            let missing: Vec<_> = built.iter().filter(|image| !is_pushed(image)).collect();
            let tags = self.look_at_tags(&missing, console)?;
            let is_there = |image: &&BuiltImage| {
                image.references.iter().all(|reference| tags.get(reference) == Some(&TagState::Pushed))
            };
            let there: Vec<_> = missing.into_iter().filter(is_there).cloned().collect();
            failures.iter_mut().for_each(|failure| {
                failure.names.retain(|name| there.iter().all(|image| image.name != *name));
            });
            all_pushed.extend(there);
            report.tags = tags;
        }
        for pushed in all_pushed {
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
        report.unpushed = failures;
        Ok(())
    }

    /// What the registry says of the tags of images whose push failed, by their references.
    fn look_at_tags(&self, images: &[&BuiltImage], console: &mut Console) -> Result<BTreeMap<String, TagState>> {
        let mut tags = BTreeMap::new();
        for image in images {
            let digests: Vec<_> = [&image.digest].into_iter().chain(&image.config_digest).cloned().collect();
            for text in &image.references {
                let reference: Reference =
                    text.parse().map_err(|problem: String| Error::usage(problem).hint("fix --image-prefix"))?;
                tags.insert(text.clone(), PushedTag { reference, digests: digests.clone() });
            }
        }
        let (references, tags): (Vec<_>, Vec<_>) = tags.into_iter().unzip();
        let environment = environment().collect();
        let say = say_from_threads(console);
        let session = Session::new(&environment, &self.request.insecure_registries, &say);
        Ok(references.into_iter().zip(look_at_tags(&tags, &session)).collect())
    }

    pub(super) fn answer(&self, report: &Report, arguments: &ImagesArguments, console: &mut Console) -> Answer {
        answer(report, &self.refused, arguments, console)
    }
}

fn write_reports(
    repository: &Repository,
    images: &[ImagePlan],
    report: &Report,
    explanations: &[Explanation],
    arguments: &ImagesArguments,
    console: &mut Console,
) -> Result<()> {
    if let Some(file) = &arguments.markdown {
        write_file(file, &report::markdown(report, Place::Comment), console)?;
    }
    let Some(file) = &arguments.html else { return Ok(()) };
    html::write_report(file, repository, images, report, explanations, console)
}

/// The answer of a run that has no image to build, since nothing can be made of what was asked for.
pub(super) fn answer_without_images(
    repository: &Repository,
    refused: &[Refusal],
    arguments: &ImagesArguments,
    console: &mut Console,
) -> Result<Answer> {
    refused::say(refused, console);
    let report = Report { refused: refused::failures(refused), is_release: arguments.push, ..Report::default() };
    let answer = answer(&report, refused, arguments, console);
    let written = write_reports(repository, &[], &report, &[], arguments, console);
    Ok(answer.with_files(written, console))
}

fn answer(report: &Report, refused: &[Refusal], arguments: &ImagesArguments, console: &mut Console) -> Answer {
    write_step_summary(report, console);
    let is_too_large = report.has_failed();
    let has_failed = !report.failures.is_empty() || !report.unpushed.is_empty();
    let code = match (has_failed, is_too_large || !report.misfits.is_empty()) {
        (true, _) => ExitCode::Failure,
        (false, true) => ExitCode::CheckFailed,
        (false, false) => ExitCode::Success,
    };
    let code = code.max(refused::exit_code(refused));
    say_verdict(report, console);
    if code != ExitCode::Success {
        say_what_is_kept_back(report, arguments, console);
    }
    let stdout = if arguments.json { report::json(report) } else { report::text(report) };
    Answer { stdout, code }
}

/// What an image is made of.
fn explain(built: &BuiltImage, destination: &Destination) -> Result<Vec<Explanation>> {
    match destination {
        Destination::Layouts(folder) => sizes::explain_layout(&built.name, &folder.join(&built.name), &[]),
        Destination::Load | Destination::Registry | Destination::Symbols(_) => {
            sizes::explain_saved(&built.name, built.references.first().unwrap_or(&built.digest), &[])
        }
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
