//! The commands: each takes the parsed command line and returns what goes to stdout.

mod doctor;
mod generate;
mod html;
mod images;
mod inputs;
mod inside;
mod judge;
mod list;
mod refused;
mod repository;
mod running;
mod sizes;
mod state;

use std::io::Write;

use anyhow::Result;
use camino::Utf8Path;

use crate::cli::{Cli, Command};
use crate::error::{self, ExitCode};
use crate::files;

use repository::{Repository, current_folder};

/// Where commands talk to a person while they work.
pub struct Console<'a> {
    /// Standard error, or what stands for it.
    pub talk: &'a mut (dyn Write + Send),
    /// Whether a person watches it on a terminal.
    pub is_terminal: bool,
    /// Whether to use colours.
    pub color: bool,
}

/// What a command ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The data it was asked for: all of stdout.
    pub stdout: String,
    /// Yes, or no.
    pub code: ExitCode,
}

impl Console<'_> {
    /// Says a line. That nobody listens is no reason to stop.
    fn say(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.talk, "{line}");
    }
}

impl Answer {
    fn yes(stdout: String) -> Self {
        Self { stdout, code: ExitCode::Success }
    }

    /// The same after the files that were asked for too: where one cannot be written, the answer is not lost.
    fn with_files(self, written: Result<()>, console: &mut Console) -> Self {
        let Err(error) = written else { return self };
        console.say(error::describe(&error));
        Self { code: error::exit_code(&error), ..self }
    }
}

/// Runs a command.
///
/// # Errors
/// What goes wrong is described by [`crate::error::describe`], and ends in [`crate::error::exit_code`].
pub fn run(cli: &Cli, console: &mut Console) -> Result<Answer> {
    let open = || Repository::open(cli.directory.as_deref(), cli.config.as_deref());
    match &cli.command {
        Command::Images(arguments) => images::run(&open()?, &[], arguments, console),
        Command::Image { names, arguments } => images::run(&open()?, names, arguments, console),
        Command::List { json } => list::run(&open()?, *json, console),
        Command::Inputs { names, explain, json } => inputs::run(&open()?, names, explain.as_deref(), *json, console),
        Command::Generate { check, json } => generate::run(&open()?, *check, *json, console),
        Command::Sizes(command) => sizes::run(cli, command, console),
        Command::Plan => generate::plan(&open()?, console),
        Command::Doctor { builder, json } => doctor::run(open, builder.as_deref(), *json),
    }
}

/// Writes a report into a file, whose path is seen from where the command was called.
fn write_file(file: &Utf8Path, text: &str, console: &mut Console) -> Result<()> {
    files::write(&current_folder()?.join(file), text.as_bytes())?;
    console.say(format_args!("wrote {file}"));
    Ok(())
}

/// The environment, variables that are not UTF-8 left out: none that means anything here is.
#[expect(clippy::disallowed_methods, reason = "commands read the environment for all below")]
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
