//! What has to be compiled, as values: one step for all services that one command can compile.

mod cross;
mod go;
mod rust;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::Target;
use crate::engine::lacking::Lacking;
use crate::plan::Build;
use crate::process::Command;

pub(super) use go::installed as installed_go;
pub(super) use rust::{Linkage, Toolchain};

/// A command that compiles the binaries of some services for one platform.
#[derive(Debug, Clone)]
pub(super) struct Step<'a> {
    /// What it compiles for.
    pub(super) targets: Vec<&'a Target<'a>>,
    /// The command.
    pub(super) line: CommandLine,
    /// The folder that it leaves the binaries in.
    pub(super) output: Utf8PathBuf,
    /// The command that forgets what was compiled of the repository's own packages, where the compiler goes by file times.
    pub(super) forget: Option<CommandLine>,
}

/// A command before it is one: all that decides what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
    /// The folder that it runs in.
    pub(super) folder: Utf8PathBuf,
    /// Variables that it gets.
    pub(super) set: BTreeMap<String, String>,
    /// Variables of this machine that it does not get, since they would change the result.
    pub(super) unset: Vec<String>,
}

/// What steps need to know of where they run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The repository's root.
    pub(super) root: &'a Utf8Path,
    /// The folder for what the compilers leave behind.
    pub(super) work: &'a Utf8Path,
    /// The environment of this run.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// How many compilers a command may run at once; `None` for this machine's processors.
    pub(super) jobs: Option<NonZeroU32>,
}

impl CommandLine {
    /// The command, ready to be started.
    pub(super) fn command(&self) -> Result<Command> {
        let shell = Shell::new()?;
        shell.change_dir(&self.folder);
        let (program, arguments) = (self.program, &self.arguments);
        let mut command = cmd!(shell, "{program} {arguments...}").envs(&self.set);
        for name in &self.unset {
            command = command.env_remove(name);
        }
        Ok(Command::from(command))
    }
}

/// The steps that compile all targets, as few as can be.
pub(super) fn steps<'a>(place: Place, targets: &'a [Target<'a>]) -> Result<Vec<Step<'a>>> {
    let mut groups: BTreeMap<String, Vec<&Target>> = BTreeMap::new();
    for target in targets {
        let key = match &target.image.build {
            Build::Go(build) => go::group(target, build),
            Build::Rust(build) => rust::group(target, build),
        };
        groups.entry(key).or_default().push(target);
    }
    groups.into_values().map(|targets| step(place, targets)).collect()
}

/// One step for targets of one group.
pub(super) fn step<'a>(place: Place, targets: Vec<&'a Target<'a>>) -> Result<Step<'a>> {
    match targets.first().map(|target| &target.image.build) {
        Some(Build::Go(build)) => {
            let (line, output) = go::compile(place, &targets, build);
            Ok(Step { targets, line, output, forget: None })
        }
        Some(Build::Rust(build)) => {
            let (line, output) = rust::compile(place, &targets, build)?;
            let forget = rust::forget(&line, &targets);
            Ok(Step { targets, line, output, forget: Some(forget) })
        }
        None => anyhow::bail!("nothing to compile"),
    }
}

impl Step<'_> {
    /// The names of the images, each once.
    pub(super) fn names(&self) -> Vec<String> {
        self.targets.iter().map(|target| target.image.name.clone()).collect()
    }

    /// What a person can do when it failed and said this.
    pub(super) fn hint(&self, stderr: &str, command: &str) -> String {
        let linker = self.targets.iter().find_map(|target| rust::missing_linker(target, stderr));
        linker.unwrap_or_else(|| {
            let mend =
                Lacking::read(stderr.lines()).map_or_else(|| "mend it".to_owned(), |lacking| lacking.hint_here());
            format!("{mend}; the command was `{command}`")
        })
    }

    /// What a person is told of it: `server, worker for linux/amd64`.
    pub(super) fn title(&self) -> String {
        let platform = self.targets.first().map(|target| target.platform.to_string()).unwrap_or_default();
        format!("{} for {platform}", self.names().join(", "))
    }
}
