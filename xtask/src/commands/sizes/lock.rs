//! `cargo xtask sizes check` and `sizes update`: the last run's images, their budgets and the lock file.

use anyhow::Result;
use camino::Utf8Path;

use super::explain_service;
use crate::budget::lock::{LOCK_FILE, LockAction, LockChange, LockedImage, SizesLock};
use crate::budget::{ByteSize, pair};
use crate::commands::inside::{Look, SeenImages};
use crate::commands::judge::{Accepted, Grounds, UPDATE, judge, judge_all_nodes, read_lock};
use crate::commands::repository::Repository;
use crate::commands::state::State;
use crate::commands::{Answer, Console, environment, html, images, refused, write_file};
use crate::error::{Error, ExitCode};
use crate::explain::{Explanation, Inside};
use crate::files;
use crate::measure::{How, ImageSize, Measured};
use crate::oci::document::Platform;
use crate::plan::{ImagePlan, Plans};
use crate::report::{self, Place, Report};

/// The forms in which a report is wanted, beside text.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) json: bool,
    pub(super) markdown: Option<&'a Utf8Path>,
    pub(super) html: Option<&'a Utf8Path>,
}

/// Judges the images of the last run as the run itself did.
pub(super) fn check(repository: &Repository, asked: Asked, console: &mut Console) -> Result<Answer> {
    let Plans { images: all, refused } = repository.plan()?.plans;
    refused::say(&refused, console);
    let accepted = Accepted::read(repository.root(), &all, true)?;
    let state = State::load(repository.root());
    let mut seen = state.inside.clone();
    // What was not checked is no yes.
    let mut report = Report { refused: refused::failures(&refused), is_release: true, ..Report::default() };
    for (image, measured) in measured_images(&all, &state)? {
        // Budgets hold whichever engine built it; growth is not compared then.
        is_as_planned(
            measured,
            &[Grounds::as_set(image, &repository.settings), Grounds::of(image, true), Grounds::of(image, false)],
        )?;
        let size = size_of(&state, measured).ok_or_else(|| not_measured(&[&image.name]))?;
        let judge = |inside: Option<&Inside>| {
            let grounds = Grounds::of_measured(measured);
            Ok(judge(image, size.clone(), grounds, &repository.settings, &accepted, inside))
        };
        report.images.push(look(repository, image, &state).judge(&measured.platform, &mut seen, judge)?);
    }
    judge_all_nodes(&mut report, &repository.settings);
    images::say_verdict(&report, console);
    let code = if report.has_failed() { ExitCode::CheckFailed } else { ExitCode::Success };
    let code = code.max(refused::exit_code(&refused));
    let stdout = if asked.json { report::json(&report) } else { report::text(&report) };
    let written = write_reports(repository, &all, &state, &report, asked, console);
    Ok(Answer { stdout, code }.with_files(written, console))
}

fn write_reports(
    repository: &Repository,
    all: &[ImagePlan],
    state: &State,
    report: &Report,
    asked: Asked,
    console: &mut Console,
) -> Result<()> {
    if let Some(file) = asked.markdown {
        write_file(file, &report::markdown(report, Place::Comment), console)?;
    }
    let Some(file) = asked.html else { return Ok(()) };
    let explanations = all.iter().map(|image| explain_service(repository, &image.name, state, &[]));
    let explanations = explanations.collect::<Result<Vec<_>>>()?.concat();
    html::write_report(file, repository, all, report, &explanations, console)
}

/// Writes the sizes of the last run into the lock file.
pub(super) fn update(
    repository: &Repository,
    names: &[String],
    only_lower: bool,
    console: &mut Console,
) -> Result<Answer> {
    if environment().any(|(name, value)| name == "CI" && !["", "0", "false"].contains(&value.as_str())) {
        let message = format!("CI never writes {LOCK_FILE}: a change of it is for a person to make and to review");
        return Err(Error::usage(message)
            .hint(format!("run `cargo xtask images` and `{UPDATE}` on your machine, and commit the file"))
            .into());
    }
    let survey = repository.plan()?;
    let Plans { images: chosen, refused } = images::chosen(&survey, names)?;
    refused::say(&refused, console);
    let path = repository.root().join(LOCK_FILE);
    let text = files::read_text_if_exists(&path)?;
    if text.as_ref().is_some_and(|text| !SizesLock::is_generated(text)) {
        let message = format!("{LOCK_FILE} is in the way: this tool did not write it");
        return Err(Error::usage(message).hint("move it elsewhere").into());
    }
    let lock = read_lock(repository.root())?;
    let state = State::load(repository.root());
    let measured = measured_images(&chosen, &state)?;
    for (image, measured) in &measured {
        is_as_planned(measured, &[Grounds::as_set(image, &repository.settings)])?;
    }
    let mut seen = state.inside.clone();
    let measured = measured.into_iter().map(|(image, measured)| {
        with_toolchain(repository, image, measured, &state, &mut seen).unwrap_or_else(|error| {
            let image = format!("{} {}", measured.name, measured.platform);
            console.say(format_args!("warning: the toolchain's part of {image} is not known: {error:#}"));
            measured.clone()
        })
    });
    let measured: Vec<_> = measured.collect();
    let is_kept = |image: &LockedImage| {
        let is_asked = names.is_empty() || names.contains(&image.name);
        let is_refused = refused.iter().any(|refusal| refusal.name == image.name);
        // Without a list of platforms each machine builds for its own, and has a word only in that.
        let is_of_another_machine = repository.settings.platforms.is_empty();
        !is_asked || is_refused || is_of_another_machine && survey.plans.names().any(|name| name == image.name)
    };
    let update = lock.update(measured, only_lower, is_kept);
    update.changes.iter().for_each(|change| console.say(sentence(change)));
    let new = update.lock.render();
    if text.is_some_and(|text| text.replace("\r\n", "\n") == new) {
        console.say(format_args!("{LOCK_FILE} is up to date"));
    } else {
        files::write(&path, new.as_bytes())?;
        console.say(format_args!("wrote {LOCK_FILE}"));
    }
    Ok(Answer { stdout: String::new(), code: refused::exit_code(&refused) })
}

/// Looks into the image of the last run.
fn look<'a>(
    repository: &'a Repository,
    image: &'a ImagePlan,
    state: &'a State,
) -> Look<'a, impl Fn() -> Result<Vec<Explanation>>> {
    let key = state.measured(&image.name).map(|measured| measured.key).unwrap_or_default();
    Look { image, key, explain: move || explain_service(repository, &image.name, state, &[]) }
}

/// The entry of an image with what its binaries say of the toolchain.
fn with_toolchain(
    repository: &Repository,
    image: &ImagePlan,
    measured: &LockedImage,
    state: &State,
    seen: &mut SeenImages,
) -> Result<LockedImage> {
    let look = look(repository, image, state);
    let inside = look.inside(&measured.platform, seen)?;
    let (compiler, toolchain_bytes) = (inside.compiler.clone(), inside.toolchain_bytes);
    Ok(LockedImage { compiler, toolchain_bytes, ..measured.clone() })
}

fn sentence(change: &LockChange) -> String {
    let (before, after) = (change.before.map(ByteSize), change.after.map(ByteSize));
    let sizes = match (before, after) {
        (Some(before), Some(after)) if before == after => format!("own {before}, as before"),
        (Some(before), Some(after)) => {
            let (before, after) = pair(before, after);
            format!("own {before} → {after}")
        }
        (Some(size), None) | (None, Some(size)) => format!("own {size}"),
        (None, None) => String::new(),
    };
    let verb = match change.action {
        LockAction::Added => "add",
        LockAction::Changed => "change",
        LockAction::Removed => "remove",
        LockAction::LeftAsItIs => "not smaller, left as it is:",
    };
    format!("{verb} {}: {sizes}", change.image)
}

/// What the last run measured of these images, sorted by name and platform.
///
/// # Errors
/// An image that it did not measure, for a platform that the settings name or at all.
fn measured_images<'a>(images: &'a [ImagePlan], state: &'a State) -> Result<Vec<(&'a ImagePlan, &'a LockedImage)>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for image in images {
        let of_image = state.measured.iter().filter(|measured| measured.name == image.name);
        let wanted: Vec<_> = image.platforms.iter().map(|platform| Platform::parse(platform)).collect();
        let is_wanted =
            |measured: &&LockedImage| wanted.is_empty() || wanted.contains(&Platform::parse(&measured.platform));
        let measured: Vec<_> = of_image.filter(is_wanted).collect();
        let is_there =
            |platform: &Platform| measured.iter().any(|measured| Platform::parse(&measured.platform) == *platform);
        if measured.is_empty() || !wanted.iter().all(is_there) {
            missing.push(image.name.as_str());
        }
        found.extend(measured.into_iter().map(|measured| (image, measured)));
    }
    if !missing.is_empty() {
        return Err(not_measured(&missing).into());
    }
    Ok(found)
}

/// Checks that an image was built as one of these say now, of which the first is what the settings name.
fn is_as_planned(measured: &LockedImage, planned: &[Grounds]) -> Result<()> {
    match planned {
        [as_set, ..] if !planned.contains(&Grounds::of_measured(measured)) => {
            Err(built_otherwise(measured, as_set).into())
        }
        _ => Ok(()),
    }
}

fn not_measured(names: &[&str]) -> Error {
    let (images, were) = if names.len() == 1 { ("the image", "was") } else { ("the images", "were") };
    Error::usage(format!("{images} of {} {were} not measured by the last run", names.join(", ")))
        .hint("`cargo xtask images` builds and measures them all")
}

fn built_otherwise(measured: &LockedImage, as_set: &Grounds) -> Error {
    let unknown = "unknown ones";
    let message = if (&*measured.toolchain, &*measured.base) == (as_set.toolchain, as_set.base) {
        let (were, are) = (measured.flags.as_deref(), as_set.flags.as_deref());
        format!(
            "{} was last built with the flags {}; expected {}",
            measured.name,
            were.unwrap_or(unknown),
            are.unwrap_or(unknown)
        )
    } else {
        format!(
            "{} was last built by the toolchain {} on the base {}; expected {} and {}",
            measured.name, measured.toolchain, measured.base, as_set.toolchain, as_set.base
        )
    };
    Error::usage(message).hint(
        "`cargo xtask images` builds it anew; where no builder answers, the key `engine = \"native\"` makes the lock one \
         of this machine's compilers",
    )
}

/// The size that the last run read, with what the registry said of it.
fn size_of(state: &State, measured: &LockedImage) -> Option<ImageSize> {
    let is_it = |size: &&ImageSize| size.name == measured.name && size.platform == measured.platform;
    let mut size = state.sizes.values().flatten().find(is_it)?.clone();
    if let Some(bytes) = measured.transfer.filter(|_| !size.transfer.how.is_exact()) {
        size.transfer = Measured { bytes, how: How::Registry };
        size.compressor.clone_from(&measured.compressor);
    }
    Some(size)
}
