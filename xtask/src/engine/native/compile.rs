//! What has to be compiled, as values: one step for all services that one command can compile.

mod cross;
mod go;
mod rust;
mod rustc;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::Target;
use crate::engine::lacking::Lacking;
use crate::oci::document::Platform;
use crate::plan::Build;
use crate::process::Command;

pub(super) use cross::no_c_compiler;
pub(super) use go::{check as check_go, installed as installed_go};
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
    /// Which of the executables of one name it compiles, counted for each platform from 0.
    pub(super) round: usize,
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

/// The steps that compile all targets, as few as can be. Those of one list run in turn: a later one finds done what an
/// earlier one has compiled.
pub(super) fn steps<'a>(place: Place, targets: &'a [Target<'a>]) -> Result<Vec<Vec<Step<'a>>>> {
    let mut groups: BTreeMap<String, BTreeMap<usize, Vec<&Target>>> = BTreeMap::new();
    // Go writes each binary by a name of its own choice, which several may have.
    let mut of_name: BTreeMap<(&Platform, &str), usize> = BTreeMap::new();
    for target in targets {
        let (group, round) = match &target.image.build {
            Build::Go(build) => {
                let before = of_name.entry((&target.platform, &build.executable)).or_default();
                *before += 1;
                (go::group(target, build), *before - 1)
            }
            Build::Rust(build) => (rust::group(target, build), 0),
        };
        groups.entry(group).or_default().entry(round).or_default().push(target);
    }
    let in_turn = |rounds: BTreeMap<usize, Vec<&'a Target<'a>>>| {
        rounds.into_iter().map(|(round, targets)| step(place, targets, round)).collect()
    };
    groups.into_values().map(in_turn).collect()
}

/// One step for targets of one group and round.
pub(super) fn step<'a>(place: Place, targets: Vec<&'a Target<'a>>, round: usize) -> Result<Step<'a>> {
    match targets.first().map(|target| &target.image.build) {
        Some(Build::Go(build)) => {
            let (line, output) = go::compile(place, &targets, build, round);
            Ok(Step { targets, line, output, round, forget: None })
        }
        Some(Build::Rust(build)) => {
            let (line, output) = rust::compile(place, &targets, build)?;
            let forget = rust::forget(&line, &targets);
            Ok(Step { targets, line, output, round, forget: Some(forget) })
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
