//! What the last run of each image was made from, to be compared with the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{Change, InputChange, Reason, versions};
use crate::engine::progress::Stages;
use crate::files::FileState;
use crate::oci;
use crate::render;

/// What images were made from. Each content of a file is in it once, however many images are made from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    contents: Vec<Content>,
    images: BTreeMap<String, Snapshot>,
    /// The packages that Cargo.lock and go.mod name, by the digest of the file.
    packages: BTreeMap<String, Vec<String>>,
}

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    path: Utf8PathBuf,
    digest: String,
    /// While the file is in this state, this is in it.
    state: Option<FileState>,
}

/// What an image is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its inputs as positions in the record's contents, in the order of their paths.
    inputs: Vec<usize>,
    /// The digest of the Dockerfile.
    dockerfile: String,
    /// Digests of instructions, by stage.
    instructions: BTreeMap<String, String>,
    /// Images that stages begin from, by stage, with digests.
    bases: BTreeMap<String, String>,
    /// The builder, and the options that all stages depend on.
    settings: BTreeMap<String, String>,
    /// What came of it, where that can be known again.
    #[serde(default)]
    made: Option<Made>,
}

/// What came of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// A digest of all that decides beside the inputs and the Dockerfile: what made it, and what that was told.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: u64,
    /// The digest that the builder stated.
    pub digest: String,
    /// The digest of its configuration, where the builder stated it.
    pub config_digest: Option<String>,
}

/// A record that learns what this run is made from.
#[derive(Debug)]
pub struct Recorder {
    record: Record,
    by_path: HashMap<Utf8PathBuf, Vec<usize>>,
    /// What is in a file now.
    now: HashMap<Utf8PathBuf, usize>,
}

/// What is in a file.
#[derive(Debug)]
pub struct Read {
    /// Its digest.
    pub digest: String,
    /// The packages of Cargo.lock or go.mod.
    pub packages: Option<Vec<String>>,
}

impl Record {
    /// What an image was made from.
    pub fn image(&self, name: &str) -> Option<&Snapshot> {
        self.images.get(name)
    }

    /// What came of an image of this name the last time, if it was made from the same inputs by the same Dockerfile.
    pub fn made_from_the_same(&self, name: &str, now: &Snapshot) -> Option<&Made> {
        let before = self.image(name)?;
        let is_same = before.inputs == now.inputs && before.dockerfile == now.dockerfile;
        before.made.as_ref().filter(|_| is_same)
    }

    /// The inputs that are not the same in both; sorted by path.
    pub(super) fn changes(&self, before: &Snapshot, now: &Snapshot) -> Vec<InputChange> {
        if before.inputs == now.inputs {
            return Vec::new();
        }
        let by_path = |snapshot: &Snapshot| -> BTreeMap<&str, &Content> {
            let contents = snapshot.inputs.iter().filter_map(|at| self.contents.get(*at));
            contents.map(|content| (content.path.as_str(), content)).collect()
        };
        let (was, is) = (by_path(before), by_path(now));
        let gone =
            was.iter().filter(|(path, _)| !is.contains_key(*path)).map(|(_, content)| (content, Change::Removed));
        let come = is.iter().filter_map(|(path, content)| match was.get(path) {
            None => Some((content, Change::Added)),
            Some(before) => (before.digest != content.digest).then_some((content, Change::Changed)),
        });
        let changed = gone.chain(come).map(|(content, change)| {
            let packages = |content: &Content| self.packages.get(&content.digest);
            let before = was.get(content.path.as_str()).and_then(|before| packages(before));
            let versions = match (change, before, packages(content)) {
                (Change::Changed, Some(before), Some(now)) => versions::changed(before, now),
                _ => Vec::new(),
            };
            InputChange { path: content.path.clone(), change, versions }
        });
        let mut changes: Vec<_> = changed.collect();
        changes.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
        changes
    }

    /// Keeps what these images are made from now, and of the others those that `is_wanted`.
    pub fn keep(&mut self, now: impl IntoIterator<Item = (String, Snapshot)>, is_wanted: impl Fn(&str) -> bool) {
        self.images.extend(now);
        self.images.retain(|name, _| is_wanted(name));
        self.drop_unused();
    }

    /// Drops contents that no image is made from, and counts the others anew, in the order of their paths.
    fn drop_unused(&mut self) {
        let mut used = vec![false; self.contents.len()];
        self.images.values().flat_map(|image| &image.inputs).for_each(|at| used[*at] = true);
        let mut order: Vec<usize> = (0..used.len()).filter(|at| used[*at]).collect();
        let key = |at: usize| (self.contents[at].path.as_str(), self.contents[at].digest.as_str());
        order.sort_by(|a, b| key(*a).cmp(&key(*b)));
        let mut places = vec![0; used.len()];
        order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
        for at in self.images.values_mut().flat_map(|image| &mut image.inputs) {
            *at = places[*at];
        }
        self.contents = order.into_iter().map(|at| self.contents[at].clone()).collect();
        let digests: BTreeSet<&str> = self.contents.iter().map(|content| content.digest.as_str()).collect();
        self.packages.retain(|digest, _| digests.contains(digest.as_str()));
    }

    /// Whether every position in it leads to a content: the file may come from anywhere.
    pub fn is_whole(&self) -> bool {
        self.images.values().flat_map(|image| &image.inputs).all(|at| *at < self.contents.len())
    }
}

impl Snapshot {
    /// What an image is made from: inputs as [`Recorder::input`] gave them, in the order of their paths, and its
    /// Dockerfile. `before` is what it was made from the last time.
    pub fn new(inputs: Vec<usize>, dockerfile: &str, before: Option<&Self>) -> Self {
        let digest = oci::shorten(&oci::digest(dockerfile.as_bytes()));
        let same = before.filter(|before| before.dockerfile == digest);
        // Most Dockerfiles do not change from run to run.
        let instructions = same.map_or_else(|| instructions(dockerfile), |before| before.instructions.clone());
        Self { inputs, dockerfile: digest, instructions, ..Self::default() }
    }

    /// Takes over what all stages depend on: the builder, and options.
    pub fn learn_settings(&mut self, settings: &BTreeMap<String, String>) {
        self.settings.clone_from(settings);
    }

    /// Takes over what came of the image.
    pub fn learn_made(&mut self, made: Option<Made>) {
        self.made = made;
    }

    /// Takes over what the builder said of the images that stages begin from.
    pub fn learn_bases(&mut self, stages: &Stages) {
        let bases = stages.iter().filter_map(|(name, stage)| Some((name.clone(), stage.base.clone()?)));
        self.bases.extend(bases);
    }

    pub(super) fn instructions(&self, stage: &str) -> Option<&str> {
        self.instructions.get(stage).map(String::as_str)
    }

    pub(super) fn base(&self, stage: &str) -> Option<&str> {
        self.bases.get(stage).map(String::as_str)
    }

    pub(super) fn changed_settings<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = Reason> + 'a {
        let names: BTreeSet<_> = self.settings.keys().chain(now.settings.keys()).collect();
        names.into_iter().filter_map(move |name| {
            let [before, now] = [self, now].map(|snapshot| snapshot.settings.get(name).cloned().unwrap_or_default());
            (before != now).then(|| Reason::Setting { name: name.clone(), before, now })
        })
    }
}

impl Recorder {
    /// Goes on from what earlier runs recorded.
    pub fn new(record: Record) -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for (at, content) in record.contents.iter().enumerate() {
            by_path.entry(content.path.clone()).or_default().push(at);
        }
        Self { record, by_path, now: HashMap::new() }
    }

    /// The position of what is in a file now. `read` is asked where its state does not tell, and once in a run.
    ///
    /// # Errors
    /// That of `read`.
    pub fn input(
        &mut self,
        path: &Utf8Path,
        state: impl FnOnce() -> Option<FileState>,
        read: impl FnOnce() -> Result<Read>,
    ) -> Result<usize> {
        if let Some(at) = self.now.get(path) {
            return Ok(*at);
        }
        let state = state();
        let contents = &mut self.record.contents;
        let known = self.by_path.entry(path.to_owned()).or_default();
        let same = state.and_then(|state| known.iter().find(|at| contents[**at].state == Some(state)));
        let at = match same {
            Some(at) => *at,
            None => {
                let Read { digest, packages } = read()?;
                self.record.packages.extend(packages.map(|packages| (digest.clone(), packages)));
                match known.iter().find(|at| contents[**at].digest == digest) {
                    Some(at) => {
                        contents[*at].state = state;
                        *at
                    }
                    None => {
                        contents.push(Content { path: path.to_owned(), digest, state });
                        known.push(contents.len() - 1);
                        contents.len() - 1
                    }
                }
            }
        };
        self.now.insert(path.to_owned(), at);
        Ok(at)
    }

    /// What an image was made from.
    pub fn image(&self, name: &str) -> Option<&Snapshot> {
        self.record.image(name)
    }

    /// The record, which now has the contents of this run.
    pub fn into_record(self) -> Record {
        self.record
    }
}

fn instructions(dockerfile: &str) -> BTreeMap<String, String> {
    let stages = render::stages(dockerfile).into_iter();
    stages.map(|stage| (stage.name, oci::shorten(&oci::digest(stage.instructions.as_bytes())))).collect()
}
