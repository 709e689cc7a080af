//! What of an image was built again, and why: what a run was made from against the run before. Pure.
//!
//! A reason is only ever something that is known: an input, an instruction, a base or an option that changed, or a stage
//! that ran before. Where nothing of that did, it says so.

pub mod record;
pub mod versions;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use self::record::{Record, Snapshot};
use crate::engine::progress::{StageProgress, Stages};
use crate::render::Stage;

/// What of an image was built again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuild {
    /// The image's name.
    pub image: String,
    /// Whether it is known what it was made from in the run before.
    pub has_record: bool,
    /// The inputs that changed since that run, sorted by path.
    pub inputs: Vec<InputChange>,
    /// The stages that ran, in the order of the Dockerfile. `None` where compilers of this machine built: they do not say.
    pub stages: Option<Vec<RebuiltStage>>,
    /// How many steps the image has.
    pub steps: usize,
}

impl Rebuild {
    /// Whether every step came from the cache.
    pub fn is_cached(&self) -> bool {
        self.stages.as_ref().is_some_and(Vec::is_empty)
    }
}

/// An input that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputChange {
    /// From the repository's root.
    pub path: Utf8PathBuf,
    /// What happened to it.
    pub change: Change,
    /// Of Cargo.lock and go.mod, what became of other people's packages, as `serde 1.0.1 → 1.0.2`.
    pub versions: Vec<String>,
}

/// What happened to an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not an input before.
    Added,
    /// Other bytes are in it.
    Changed,
    /// It is no input any more.
    Removed,
}

/// A stage that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuiltStage {
    /// Its name.
    pub stage: String,
    /// How many of its steps ran.
    pub steps: usize,
    /// How long they took.
    pub milliseconds: u64,
    /// Why, at least one.
    pub reasons: Vec<Reason>,
}

/// Why a stage ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// The cache was not to be used.
    NoCache,
    /// An input that it reads changed.
    Input(InputChange),
    /// It copies all inputs, and one changed.
    CopiesInputs,
    /// Its instructions in this Dockerfile changed.
    Instructions {
        /// From the repository's root.
        file: Utf8PathBuf,
    },
    /// The image that it begins from is another under the same name, or has another name.
    Base {
        /// With its digest.
        before: String,
        /// With its digest.
        now: String,
    },
    /// It is made from these stages, which ran.
    Follows {
        /// Their names.
        stages: Vec<String>,
    },
    /// The builder, or an option that all stages depend on, is another.
    Setting {
        /// `builder`, or the option.
        name: String,
        /// What it was.
        before: String,
        /// What it is.
        now: String,
    },
    /// It is not known what the image was made from before.
    NoRecord,
    /// Nothing that is recorded changed, so the builder did not have what it made.
    NotKept,
}

/// An image of this run: what it is made from, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Built<'a> {
    /// Its name.
    pub image: &'a str,
    /// Its Dockerfile, from the repository's root.
    pub dockerfile: &'a Utf8Path,
    /// The stages of the Dockerfile.
    pub stages: &'a [Stage],
    /// What became of them; `None` where compilers of this machine built.
    pub progress: Option<&'a Stages>,
    /// What it is made from.
    pub now: &'a Snapshot,
    /// Whether the cache was not to be used.
    pub no_cache: bool,
}

impl Built<'_> {
    /// What was built again, and why, by what the record says of the run before.
    pub fn explain(&self, record: &Record) -> Rebuild {
        let before = record.image(self.image);
        let inputs = before.map(|before| record.changes(before, self.now)).unwrap_or_default();
        let stages = self.progress.map(|progress| self.rebuilt(progress, before, &inputs));
        let steps = self.progress.into_iter().flat_map(|progress| progress.values()).map(|stage| stage.steps).sum();
        Rebuild { image: self.image.to_owned(), has_record: before.is_some(), inputs, stages, steps }
    }

    fn rebuilt(&self, progress: &Stages, before: Option<&Snapshot>, inputs: &[InputChange]) -> Vec<RebuiltStage> {
        let ran = |name: &str| progress.get(name).is_some_and(|stage| stage.ran > 0);
        let rebuilt = self.stages.iter().filter(|stage| ran(&stage.name)).map(|stage| {
            let StageProgress { ran: steps, took, .. } = progress[&stage.name];
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let reasons = self.reasons(stage, before, inputs, &ran);
            RebuiltStage { stage: stage.name.clone(), steps, milliseconds, reasons }
        });
        rebuilt.collect()
    }

    fn reasons(
        &self,
        stage: &Stage,
        before: Option<&Snapshot>,
        inputs: &[InputChange],
        ran: &dyn Fn(&str) -> bool,
    ) -> Vec<Reason> {
        if self.no_cache {
            return vec![Reason::NoCache];
        }
        let read = inputs.iter().filter(|input| self.reader(&input.path) == Some(&stage.name));
        let mut reasons: Vec<_> = read.cloned().map(Reason::Input).collect();
        reasons.extend(before.into_iter().flat_map(|before| self.changed_instructions(stage, before)));
        if !reasons.is_empty() {
            return reasons;
        }
        // A stage that copies all inputs runs with every change, and tells nothing of those that use it.
        let followed = stage.uses.iter().filter(|name| !self.copies_inputs(name) && ran(name));
        let followed: Vec<_> = followed.cloned().collect();
        if !followed.is_empty() {
            return vec![Reason::Follows { stages: followed }];
        }
        if stage.reads_all && !inputs.is_empty() {
            if self.copies_inputs(&stage.name) {
                return vec![Reason::CopiesInputs];
            }
            return inputs.iter().cloned().map(Reason::Input).collect();
        }
        let Some(before) = before else { return vec![Reason::NoRecord] };
        let settings: Vec<_> = before.changed_settings(self.now).collect();
        if settings.is_empty() { vec![Reason::NotKept] } else { settings }
    }

    /// Whether a stage does nothing with the inputs but to copy them.
    fn copies_inputs(&self, name: &str) -> bool {
        let stage = self.stages.iter().find(|stage| stage.name == name);
        stage.is_some_and(|stage| stage.reads_all && !stage.instructions.contains("\nRUN "))
    }

    /// The first stage that names a file; of one that none names, the last that reads everything.
    fn reader(&self, file: &Utf8Path) -> Option<&String> {
        let naming = self.stages.iter().find(|stage| stage.names(file));
        naming.or_else(|| self.stages.iter().rfind(|stage| stage.reads_all)).map(|stage| &stage.name)
    }

    fn changed_instructions(&self, stage: &Stage, before: &Snapshot) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if before.instructions(&stage.name) != self.now.instructions(&stage.name) {
            reasons.push(Reason::Instructions { file: self.dockerfile.to_owned() });
        } else if let (Some(before), Some(now)) = (before.base(&stage.name), self.now.base(&stage.name))
            && before != now
        {
            reasons.push(Reason::Base { before: before.to_owned(), now: now.to_owned() });
        }
        reasons
    }
}

#[cfg(test)]
mod tests;
