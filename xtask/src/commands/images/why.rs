//! Why an image was built again: what it is made from now against what the run before has left.
//!
//! Nothing is recorded before somebody asks; from then on every run keeps the record, so that it is of the run before.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::Run;
use crate::commands::state::{self, State};
use crate::engine::Outcome;
use crate::engine::bake::visible_files;
use crate::engine::builder::Question;
use crate::files::{self, FileState};
use crate::oci;
use crate::plan::ImagePlan;
use crate::rebuild::record::{Read, Record, Recorder, Snapshot};
use crate::rebuild::{Built, InputChange, Rebuild, versions};
use crate::render::{self, GeneratedFile};

/// What images are made from, taken before they are built: an edit during the build is one for the next run.
pub(super) struct Inquiry<'a> {
    path: Utf8PathBuf,
    /// What the file holds.
    stored: Option<Vec<u8>>,
    record: Record,
    /// What this run's images are made from, by their names.
    now: BTreeMap<String, Snapshot>,
    /// The Dockerfiles of this repository, by their paths.
    dockerfiles: HashMap<&'a Utf8Path, &'a str>,
    /// What was touched since the run before, of images of which nothing is recorded, by their names.
    touched: BTreeMap<String, Vec<InputChange>>,
    /// Whether somebody asks.
    explains: bool,
}

impl<'a> Inquiry<'a> {
    /// Looks at the inputs of the images, of which `generated` has the Dockerfiles. `None` where nobody asks or ever did.
    ///
    /// # Errors
    /// An input cannot be read.
    pub(super) fn begin(
        run: &Run,
        state: &State,
        generated: &'a [GeneratedFile],
        explains: bool,
    ) -> Result<Option<Self>> {
        let path = state::work_folder(run.repository.root()).join("inputs.json");
        let stored = files::read_if_exists(&path).ok().flatten();
        if stored.is_none() && !explains {
            return Ok(None);
        }
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
        let record = recorder.into_record();
        let touched = if explains { touched(run, state, &record, &now) } else { BTreeMap::new() };
        Ok(Some(Self { path, stored, record, now, dockerfiles, touched, explains }))
    }

    /// What was built again, and why, where somebody asks; sorted by image. Records what was built, and forgets images
    /// that the repository does not have any more.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(super) fn end(mut self, run: &Run, outcome: &Outcome, question: &Question) -> Result<Option<Vec<Rebuild>>> {
        let settings = settings(run, question);
        for snapshot in self.now.values_mut() {
            snapshot.learn_settings(&settings);
        }
        for (name, stages) in &outcome.stages {
            if let Some(snapshot) = self.now.get_mut(name) {
                snapshot.learn_bases(stages);
            }
        }
        let rebuilds = self.explains.then(|| self.rebuilds(run, outcome));
        let built = outcome.built.iter().filter_map(|image| {
            let snapshot = self.now.remove(&image.name)?;
            Some((image.name.clone(), snapshot))
        });
        self.record.keep(built.collect::<Vec<_>>(), |name| run.names.contains(name));
        let bytes = serde_json::to_vec(&self.record)?;
        if self.stored.as_ref() != Some(&bytes) {
            files::write(&self.path, &bytes)?;
        }
        Ok(rebuilds)
    }

    fn rebuilds(&self, run: &Run, outcome: &Outcome) -> Vec<Rebuild> {
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
                touched: self.touched.get(&image.name).map_or(&[], Vec::as_slice),
                no_cache: run.request.no_cache,
            };
            Some(built.explain(&self.record))
        });
        explained.collect()
    }
}

/// What was touched since the last run, of images that this built and of which nothing is recorded.
fn touched(
    run: &Run,
    state: &State,
    record: &Record,
    now: &BTreeMap<String, Snapshot>,
) -> BTreeMap<String, Vec<InputChange>> {
    let root = run.repository.root();
    let unknown = now.iter().filter(|(name, _)| record.image(name).is_none());
    let touched = unknown.filter_map(|(name, snapshot)| {
        let last_run = state.last_run_of(name, root)?;
        let is_touched = |path: &Utf8Path| files::changed_since(&root.join(path), &last_run) == Some(true);
        Some((name.clone(), record.touched(snapshot, is_touched)))
    });
    touched.collect()
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

/// What all stages depend on, by name: the builder, how it is found, and options.
fn settings(run: &Run, question: &Question) -> BTreeMap<String, String> {
    let request = &run.request;
    let settings = [
        ("builder", run.builder.as_ref().map(|builder| builder.name.clone())),
        ("--platform", Some(request.platforms.join(","))),
        ("--cache-scope", request.cache_scope.clone()),
        ("--network", request.network.clone()),
    ];
    let mut all = question.variables().clone();
    all.extend(settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    all
}
