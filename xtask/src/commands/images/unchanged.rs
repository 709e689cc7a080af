//! Images that are still as an earlier run made them: from the same files, by the same tools told the same, and where that
//! run put them. Nothing is asked to build them again.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use camino::Utf8PathBuf;

use super::Run;
use super::made_from::MadeFrom;
use crate::commands::environment;
use crate::engine::present;
use crate::engine::{BuiltImage, Destination, Outcome};
use crate::files::FileState;
use crate::oci;
use crate::plan::ImagePlan;
use crate::rebuild::record::Made;

/// For how long nobody is asked: the tag of a base may come to name another image.
const TRUSTED: Duration = Duration::from_secs(24 * 60 * 60);

/// Variables that a bake file or buildx may read begin like this.
const READ_BY_BAKE: [&str; 4] = ["BAKE_", "BUILD", "DOCKER_", "IMAGE_"];

/// A variable that begins so, holds passwords, and decides nothing.
const PASSWORDS: &str = "DOCKER_AUTH_CONFIG";

/// What makes the images of a run, beside what they are made from.
pub(super) struct Makers {
    destination: Destination,
    /// A digest of all that decides, by the image's name; without those of which that is not known.
    by: BTreeMap<String, String>,
}

impl Makers {
    /// Those of this run; `choice` is what the builder is chosen by, where that is known.
    ///
    /// # Errors
    /// A file that decides cannot be read.
    pub(super) fn of(run: &Run, destination: Destination, choice: Option<&str>) -> Result<Self> {
        let mut by = BTreeMap::new();
        let environment = environment().collect();
        let shared = match &run.builder {
            Some(builder) => choice.map(|choice| format!("{builder:?}\n{choice}\n{}", variables(&environment))),
            None => Some("native".to_owned()),
        };
        // A person's own bake file may read anything.
        let tool = own_state().filter(|_| run.overrides.is_empty());
        if let (Some(tool), Some(shared)) = (tool, shared) {
            for image in &run.images {
                let told = told(run, image, &destination, &environment)?;
                by.extend(
                    told.map(|told| {
                        (image.name.clone(), oci::digest(format!("{tool:?}\n{shared}\n{told}").as_bytes()))
                    }),
                );
            }
        }
        Ok(Self { destination, by })
    }

    /// The images that are still as an earlier run made them.
    ///
    /// # Errors
    /// docker cannot be started.
    pub(super) fn unchanged(&self, run: &Run, from: &MadeFrom) -> Result<Vec<BuiltImage>> {
        let now = seconds(SystemTime::now());
        let mut same = Vec::new();
        for image in &run.images {
            let made = from.made_from_the_same(&image.name).filter(|made| {
                self.by.get(&image.name) == Some(&made.by)
                    && now.checked_sub(made.at).is_some_and(|age| age < TRUSTED.as_secs())
            });
            let Some(made) = made else { continue };
            same.push(BuiltImage {
                name: image.name.clone(),
                references: run.request.references(&image.name),
                digest: made.digest.clone(),
                config_digest: made.config_digest.clone(),
            });
        }
        match &self.destination {
            Destination::Layouts(folder) => {
                same.retain(|image| present::in_layout(&folder.join(&image.name), &image.digest));
                Ok(same)
            }
            Destination::Load => present::in_engine(same),
            Destination::Registry | Destination::Symbols(_) => Ok(Vec::new()),
        }
    }

    /// What came of the images of this run, by their names: of those that are `kept`, what the record `from` says already.
    /// One on a base that may be out of date is to be made again.
    pub(super) fn made(&self, from: &MadeFrom, outcome: &Outcome, kept: &[BuiltImage]) -> BTreeMap<String, Made> {
        let at = seconds(SystemTime::now());
        let sure = outcome.built.iter().filter(|image| !outcome.on_old_bases.contains(&image.name));
        let new = sure.filter_map(|image| {
            let (digest, config_digest) = (image.digest.clone(), image.config_digest.clone());
            Some((image.name.clone(), Made { by: self.by.get(&image.name)?.clone(), at, digest, config_digest }))
        });
        let old =
            kept.iter().filter_map(|image| Some((image.name.clone(), from.made_from_the_same(&image.name)?.clone())));
        new.chain(old).collect()
    }
}

/// All that an image's engine is told of it, but for the files of the repository.
fn told(
    run: &Run,
    image: &ImagePlan,
    destination: &Destination,
    environment: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    match (&run.builder, destination) {
        (Some(_), _) => run.bake(destination).told(image).map(Some),
        (None, Destination::Layouts(folder)) => run.native(folder, environment).told(image),
        (None, _) => Ok(None),
    }
}

/// The variables that a bake may read, a line each.
fn variables(environment: &BTreeMap<String, String>) -> String {
    let is_read = |name: &str| name != PASSWORDS && READ_BY_BAKE.iter().any(|start| name.starts_with(start));
    let read = environment.iter().filter(|(name, _)| is_read(name));
    read.map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// The state of this very program: another one may build in another way. `None` where it is not known.
fn own_state() -> Option<FileState> {
    FileState::of(&Utf8PathBuf::from_path_buf(std::env::current_exe().ok()?).ok()?)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
