//! What a run tells people beside its report.

use std::sync::Mutex;

use anyhow::Result;
use camino::Utf8PathBuf;
use indicatif::ProgressDrawTarget;

use crate::budget::Verdict;
use crate::budget::lock::{LOCK_FILE, NATIVE_TOOLCHAIN};
use crate::budget::release::Drift;
use crate::cli::ImagesArguments;
use crate::commands::judge::UPDATE;
use crate::commands::{Console, environment};
use crate::engine::bake::Bake;
use crate::engine::display::{Display, Options, Output};
use crate::engine::{BuildFailure, Outcome};
use crate::files;
use crate::plan::ImagePlan;
use crate::report::{self, Place, Report};

/// What says a line for each that a thread has.
pub(in crate::commands) fn say_from_threads(console: &mut Console) -> impl Fn(&str) + Sync {
    let talk = Mutex::new(&mut *console.talk);
    // That nobody listens is no reason to stop.
    move |line| drop(talk.lock().map(|mut talk| writeln!(talk, "{line}")))
}

/// Runs a bake, and shows how far it is.
pub(in crate::commands) fn bake_shown(
    bake: &Bake,
    images: &[ImagePlan],
    verbose: bool,
    console: &mut Console,
) -> Result<Outcome> {
    let targets: Vec<_> = images.iter().map(ImagePlan::target).collect();
    let terminal = ProgressDrawTarget::stderr();
    // Nothing would be seen on one that is hidden, such as a terminal that cannot move its cursor.
    let is_terminal = console.is_terminal && !terminal.is_hidden();
    let options = Options { color: console.color && is_terminal, verbose };
    let output = if is_terminal { Output::Terminal(terminal) } else { Output::Plain(&mut *console.talk) };
    bake.run(images, &mut Display::new(output, options, &targets))
}

pub(super) fn say_failures(failures: &[BuildFailure], console: &mut Console) {
    for failure in failures {
        console.say(format_args!("\nerror: {}\nhint: {}", failure.text, failure.hint));
    }
}

/// Says what is wrong with the images in a line, and what mends it.
pub(in crate::commands) fn say_verdict(report: &Report, console: &mut Console) {
    console.say(format_args!("\n{}", report.summary()));
    if let Some(image) = report.kept_back().next() {
        console.say(if image.growth.now.toolchain == NATIVE_TOOLCHAIN {
            "hint: the key `engine = \"native\"` makes this what is pushed"
        } else {
            "hint: --engine native, which the key `engine` names"
        });
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
    if report.images.iter().any(|image| image.growth.has_failed(false)) {
        console.say(format_args!("hint: make it smaller, or accept it: run `{UPDATE}`, and commit {LOCK_FILE}"));
    }
    if report.is_release && report.images.iter().any(|image| image.growth.is_unknown()) {
        console.say("hint: the key `engine` says which engine pushes, and whose sizes the lock file has");
    }
    if report.images.iter().filter_map(|image| image.drift.as_ref()).any(Drift::is_over) {
        console.say("hint: make it smaller, or accept it: raise `growth-since-release` in the settings");
    }
}

/// Adds the report to the summary that a workflow shows, if it asks for one.
pub(super) fn write_step_summary(report: &Report, console: &mut Console) {
    let path = environment().find(|(name, path)| name == "GITHUB_STEP_SUMMARY" && !path.is_empty());
    let Some((_, path)) = path else { return };
    if let Err(error) = files::append(&Utf8PathBuf::from(path), report::markdown(report, Place::Summary).as_bytes()) {
        console.say(format_args!("warning: no summary for the workflow: {error:#}"));
    }
}

pub(super) fn say_what_is_kept_back(report: &Report, arguments: &ImagesArguments, console: &mut Console) {
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
    report.tag_lines().for_each(|line| console.say(line));
}
