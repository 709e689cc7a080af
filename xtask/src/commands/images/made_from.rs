//! What images are made from now, against what the run before has left: which are as that run made them, and why the
//! others are built again.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::Run;
use crate::commands::state;
use crate::engine::Outcome;
use crate::engine::bake::visible_files;
use crate::files::{self, FileState};
use crate::oci;
use crate::plan::ImagePlan;
use crate::rebuild::record::{Made, Read, Record, Recorder, Snapshot};
use crate::rebuild::{Built, Rebuild, versions};
use crate::render::{self, GeneratedFile};

/// What images are made from, taken before they are built: an edit during the build is one for the next run.
pub(super) struct MadeFrom<'a> {
    path: Utf8PathBuf,
    /// What the file holds.
    stored: Option<Vec<u8>>,
    record: Record,
    /// What this run's images are made from, by their names.
    now: BTreeMap<String, Snapshot>,
    /// The Dockerfiles of this repository, by their paths.
    dockerfiles: HashMap<&'a Utf8Path, &'a str>,
}

impl<'a> MadeFrom<'a> {
    /// Looks at the inputs of the images, of which `generated` has the Dockerfiles.
    ///
    /// # Errors
    /// An input cannot be read.
    pub(super) fn read(run: &Run, generated: &'a [GeneratedFile]) -> Result<Self> {
        let path = state::work_folder(run.repository.root()).join("inputs.json");
        let stored = files::read_if_exists(&path).ok().flatten();
        let record = stored.as_ref().and_then(|bytes| serde_json::from_slice::<Record>(bytes).ok());
        let mut recorder = Recorder::new(record.filter(Record::is_whole).unwrap_or_default());
        let dockerfiles: HashMap<_, _> =
            generated.iter().map(|file| (file.path.as_path(), file.contents.as_str())).collect();
        let mut now = BTreeMap::new();
        for image in &run.images {
            let inputs = inputs(run, image, &mut recorder)?;
            let text = dockerfiles.get(image.dockerfile().as_path()).copied().unwrap_or_default();
            now.insert(image.name.clone(), Snapshot::new(inputs, text, recorder.image(&image.name)));
        }
        Ok(Self { path, stored, record: recorder.into_record(), now, dockerfiles })
    }

    /// What came of an image the last time, if it was made from the same.
    pub(super) fn made_from_the_same(&self, name: &str) -> Option<&Made> {
        self.record.made_from_the_same(name, self.now.get(name)?)
    }

    /// What was built again, and why; sorted by image.
    pub(super) fn rebuilds(&self, run: &Run, outcome: &Outcome) -> Vec<Rebuild> {
        let no_stages = BTreeMap::new();
        let explained = run.images.iter().filter_map(|image| {
            let now = self.now.get(&image.name)?;
            let dockerfile = image.dockerfile();
            let progress = outcome.stages.get(&image.name).unwrap_or(&no_stages);
            let built = Built {
                image: &image.name,
                dockerfile: &dockerfile,
                stages: &render::stages(self.dockerfiles.get(dockerfile.as_path())?),
                progress: run.builder.as_ref().map(|_| progress),
                now,
                no_cache: run.request.no_cache,
            };
            Some(built.explain(&self.record))
        });
        explained.collect()
    }

    /// Takes over what the images were built with, and what came of them.
    pub(super) fn learn(
        &mut self,
        settings: &BTreeMap<String, String>,
        outcome: &Outcome,
        mut made: BTreeMap<String, Made>,
    ) {
        for (name, snapshot) in &mut self.now {
            snapshot.learn_settings(settings);
            snapshot.learn_made(made.remove(name));
            if let Some(stages) = outcome.stages.get(name) {
                snapshot.learn_bases(stages);
            }
        }
    }

    /// Records what was built, and forgets images that the repository does not have any more.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(super) fn keep(mut self, run: &Run, outcome: &Outcome) -> Result<()> {
        let built = outcome.built.iter().filter_map(|image| {
            let snapshot = self.now.remove(&image.name)?;
            Some((image.name.clone(), snapshot))
        });
        self.record.keep(built.collect::<Vec<_>>(), |name| run.names.contains(name));
        let bytes = serde_json::to_vec(&self.record)?;
        if self.stored.as_ref() != Some(&bytes) {
            files::write(&self.path, &bytes)?;
        }
        Ok(())
    }
}

/// The inputs of an image, as positions in the record.
fn inputs(run: &Run, image: &ImagePlan, recorder: &mut Recorder) -> Result<Vec<usize>> {
    let tree = &run.repository.tree;
    let paths = visible_files(tree, &image.context)?;
    let inputs = paths.iter().map(|path| {
        let absolute = tree.absolute(path);
        recorder.input(path, || FileState::of(&absolute), || read(path, &absolute))
    });
    inputs.collect()
}

fn read(path: &Utf8Path, absolute: &Utf8Path) -> Result<Read> {
    let digest = oci::shorten(&files::content_digest(absolute)?);
    let packages = if versions::has_versions(path) {
        files::read_text_if_exists(absolute)?.and_then(|text| versions::versions(path, &text))
    } else {
        None
    };
    Ok(Read { digest, packages })
}
