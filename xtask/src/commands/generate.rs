//! `cargo xtask generate`: the files under `docker/`; and `cargo xtask plan`.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use super::repository::{Repository, Survey};
use super::{Answer, Console, refused};
use crate::discover::Renamed;
use crate::error::ExitCode;
use crate::files;
use crate::plan::{ImagePlan, Plans};
use crate::render::{self, GeneratedFile, render};
use crate::report::{NotBuilt, to_json};
use crate::sync::{self, Change};

#[derive(Serialize)]
struct Document<'a> {
    changes: Vec<Listed<'a>>,
    failures: Vec<NotBuilt<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    path: &'a str,
    change: &'static str,
}

/// The files of a repository, and what has to happen for them to stand on the disk.
pub(super) struct Generated {
    pub(super) files: Vec<GeneratedFile>,
    pub(super) changes: Vec<Change>,
}

impl Generated {
    /// Compares the disk with the plans. What belongs to a service that cannot be planned stays as it is: its Dockerfile,
    /// and its part of the bake file, so that neither changes back when the service is fixed.
    pub(super) fn of(repository: &Repository, plans: &Plans) -> Result<Self> {
        let root = repository.root();
        let broken: Vec<_> = plans.refused.iter().map(|refusal| refusal.dir.as_path()).collect();
        let mut kept = Vec::new();
        if !broken.is_empty() {
            let bake_file = files::read_if_exists(&root.join(render::bake_file()))?.unwrap_or_default();
            let bake_file = String::from_utf8_lossy(&bake_file).replace("\r\n", "\n");
            let names = sync::made_from(root, &broken)?;
            kept = names.iter().filter_map(|name| render::bake_target(&bake_file, name)).collect();
        }
        // Where nothing can be planned, nothing is known of the rest.
        if plans.images.is_empty() {
            return Ok(Self { files: Vec::new(), changes: Vec::new() });
        }
        let files = render(&plans.images, &kept, &repository.settings);
        let changes = sync::compare(root, &files, &broken)?;
        Ok(Self { files, changes })
    }
}

pub(super) fn run(repository: &Repository, check: bool, json: bool, console: &mut Console) -> Result<Answer> {
    let Survey { discovery, plans } = repository.plan()?;
    say_renamed(&discovery.renamed, console);
    let Generated { files, changes } = Generated::of(repository, &plans)?;
    if !check {
        sync::apply(repository.root(), &changes)?;
    }
    refused::say(&plans.refused, console);
    say_ignored(&plans.images, console);
    let stale = if check && !changes.is_empty() { ExitCode::CheckFailed } else { ExitCode::Success };
    let code = stale.max(refused::exit_code(&plans.refused));
    if json {
        let failures = refused::failures(&plans.refused);
        let changes = changes.iter().map(|change| Listed { path: change.path.as_str(), change: change.verb() });
        let failures = failures.iter().map(NotBuilt::of).collect();
        return Ok(Answer { stdout: to_json(&Document { changes: changes.collect(), failures }), code });
    }
    if check && !changes.is_empty() {
        console.say(format_args!("stale: {}", paths(&changes)));
        console.say("hint: run `cargo xtask generate` and commit what it writes");
        return Ok(Answer { stdout: sync::diff(&changes), code });
    }
    say_changes(&changes, console);
    if changes.is_empty() && !files.is_empty() {
        console.say(format_args!("{} files are up to date", files.len()));
    }
    Ok(Answer { stdout: String::new(), code })
}

/// Says which services go by other names than their own, each name in one line.
pub(super) fn say_renamed(renamed: &[Renamed], console: &mut Console) {
    for same in renamed.chunk_by(|a, b| a.own == b.own) {
        let Some(Renamed { own, place, .. }) = same.first() else { continue };
        let folder = |renamed: &Renamed| match renamed.dir.as_str() {
            "" => ".".to_owned(),
            dir => dir.to_owned(),
        };
        let all: Vec<_> = same.iter().map(|renamed| format!("{} is {}", folder(renamed), renamed.name)).collect();
        let more = "so that each image has a name of its own";
        console.say(format_args!(
            "note: several services are named `{own}`: {}, {more}; `name` in {place} sets another",
            all.join(", ")
        ));
    }
}

/// Says what builds read although git ignores it: a fresh checkout lacks it.
pub(super) fn say_ignored(images: &[ImagePlan], console: &mut Console) {
    let files: BTreeSet<_> = images.iter().flat_map(|image| &image.ignored).map(|file| file.as_str()).collect();
    let first: Vec<_> = files.iter().copied().take(3).collect();
    match files.len() {
        0 => {}
        1..=3 => console.say(format_args!("note: builds read what git ignores: {}", first.join(", "))),
        many => {
            let more = many - first.len();
            console.say(format_args!("note: builds read what git ignores: {} and {more} more", first.join(", ")));
        }
    }
}

/// Says which files were written.
pub(super) fn say_changes(changes: &[Change], console: &mut Console) {
    for change in changes {
        console.say(format_args!("{} {}", change.verb(), change.path));
    }
}

pub(super) fn plan(repository: &Repository, console: &mut Console) -> Result<Answer> {
    let Survey { discovery, plans } = repository.plan()?;
    say_renamed(&discovery.renamed, console);
    refused::say(&plans.refused, console);
    Ok(Answer { stdout: to_json(&plans.images), code: refused::exit_code(&plans.refused) })
}

fn paths(changes: &[Change]) -> String {
    changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ")
}
