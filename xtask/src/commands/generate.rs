//! `cargo xtask generate`: the files under `docker/`; and `cargo xtask plan`.

use anyhow::Result;
use serde::Serialize;

use super::repository::Repository;
use super::{Answer, Console};
use crate::error::ExitCode;
use crate::render::render;
use crate::report::to_json;
use crate::sync::{self, Change};

#[derive(Serialize)]
struct Document<'a> {
    changes: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    path: &'a str,
    change: &'static str,
}

pub(super) fn run(repository: &Repository, check: bool, json: bool, console: &mut Console) -> Result<Answer> {
    let images = repository.plan()?;
    let files = render(&images, &repository.settings);
    let changes = sync::compare(repository.root(), &files)?;
    if !check {
        sync::apply(repository.root(), &changes)?;
    }
    let code = if check && !changes.is_empty() { ExitCode::CheckFailed } else { ExitCode::Success };
    if json {
        let changes = changes.iter().map(|change| Listed { path: change.path.as_str(), change: change.verb() });
        return Ok(Answer { stdout: to_json(&Document { changes: changes.collect() }), code });
    }
    if check && !changes.is_empty() {
        console.say(format_args!("stale: {}", paths(&changes)));
        console.say("hint: run `cargo xtask generate` and commit what it writes");
        return Ok(Answer { stdout: sync::diff(&changes), code });
    }
    say_changes(&changes, console);
    if changes.is_empty() {
        console.say(format_args!("{} files are up to date", files.len()));
    }
    Ok(Answer::yes(String::new()))
}

/// Says which files were written.
pub(super) fn say_changes(changes: &[Change], console: &mut Console) {
    for change in changes {
        console.say(format_args!("{} {}", change.verb(), change.path));
    }
}

pub(super) fn plan(repository: &Repository) -> Result<Answer> {
    Ok(Answer::yes(to_json(&repository.plan()?)))
}

fn paths(changes: &[Change]) -> String {
    changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ")
}
