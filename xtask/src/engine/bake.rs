//! Building by `docker buildx bake`.
//!
//! All images go into one bake, since buildx then merges the steps that they share and a build without changes costs one
//! start of the program. When a target fails, bake cancels the others; they are baked again without it.

mod arguments;
mod base;
mod context;
mod names;
mod visible;

pub use visible::visible_files;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{Shell, cmd};

use self::context::Contexts;
use super::display::Display;
use super::failure::{failure_hint, failure_text};
use super::lacking::Keys;
use super::progress::{BuildProgress, Stages};
use super::{BuildFailure, BuildRequest, BuiltImage, Destination, Outcome};
use crate::config::Settings;
use crate::files;
use crate::oci::layout::Layout;
use crate::plan::ImagePlan;
use crate::process::{Command, Event};
use crate::render;

/// How many targets go into one bake: the docker driver took 80 and failed at 100 (docker/buildx#3810).
const CHUNK: usize = 60;

/// The images of one run, and where they go.
#[derive(Debug, Clone, Copy)]
pub struct Bake<'a> {
    /// The repository's root.
    pub root: &'a Utf8Path,
    /// A folder for what passes between this tool and buildx.
    pub work: &'a Utf8Path,
    /// The repository's settings, which a bake file goes by.
    pub settings: &'a Settings,
    /// The program of buildx, where docker need not look for it.
    pub buildx: Option<&'a Utf8Path>,
    /// What was asked for.
    pub request: &'a BuildRequest,
    /// What becomes of the images.
    pub destination: &'a Destination,
    /// The override files that are there.
    pub overrides: &'a [Utf8PathBuf],
    /// The platform of the Docker engine, where its own builder builds. Every other one can set the times in layers to
    /// SOURCE_DATE_EPOCH, where a Dockerfile does not, and take a base from a layout.
    pub engine_platform: Option<&'a str>,
}

impl Bake<'_> {
    /// The command that bakes these images by the bake files, those of a person left out, and writes what it built to
    /// `metadata`. `buildx` is its program, where docker need not look for it.
    fn command(
        &self,
        buildx: Option<&Utf8Path>,
        images: &[&ImagePlan],
        bake_files: &[Utf8PathBuf],
        metadata: &Utf8Path,
    ) -> Result<Command> {
        self.command_on(buildx, images, bake_files, &BTreeMap::new(), metadata)
    }

    /// The same, with the `bases` that some targets have instead of what the bake files say.
    fn command_on(
        &self,
        buildx: Option<&Utf8Path>,
        images: &[&ImagePlan],
        bake_files: &[Utf8PathBuf],
        bases: &BTreeMap<String, String>,
        metadata: &Utf8Path,
    ) -> Result<Command> {
        let shell = Shell::new()?;
        shell.change_dir(self.root);
        let arguments = arguments::arguments(self, images, bake_files, bases, metadata);
        let (program, plugin) = buildx.map_or(("docker", Some("buildx")), |program| (program.as_str(), None));
        let command = cmd!(shell, "{program} {plugin...} {arguments...}");
        Ok(Command::from(command.envs(arguments::environment(self.request))))
    }

    /// The commands of the whole run, if every image builds. Their context is the repository itself: the links to it last
    /// as long as a run, and so does the file that names the bases.
    ///
    /// # Errors
    /// The base `embedded` cannot be put together.
    pub fn commands(&self, images: &[ImagePlan]) -> Result<Vec<Command>> {
        let images: Vec<_> = images.iter().collect();
        let metadata = self.work.join("bake-metadata.json");
        let bases = base::instead(self, &images)?;
        let bake_files = [render::bake_file()];
        images.chunks(CHUNK).map(|chunk| self.command_on(None, chunk, &bake_files, &bases, &metadata)).collect()
    }

    /// All that buildx is told of an image, but for its Dockerfile and the files of the repository.
    ///
    /// # Errors
    /// The process has no folder.
    pub fn told(&self, image: &ImagePlan) -> Result<String> {
        let command = self.command(None, &[image], &[render::bake_file()], Utf8Path::new("metadata"))?;
        Ok(render::bake_file_of(&[image], self.settings) + &command.to_shell())
    }

    /// Builds the images; those that fail do not keep the others from being built.
    ///
    /// # Errors
    /// buildx cannot be started, or the run was interrupted.
    pub fn run(&self, images: &[ImagePlan], display: &mut Display) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let images: Vec<_> = images.iter().collect();
        let contexts = Contexts::create(self, &images, base::provide(self, &images)?)?;
        let mut waiting: VecDeque<Vec<&ImagePlan>> = images.chunks(CHUNK).map(<[_]>::to_vec).collect();
        while let Some(chunk) = waiting.pop_front() {
            let failed = match self.bake(&chunk, &contexts, &mut outcome.stages, display)? {
                Baked::All(built) => {
                    outcome.built.extend(built);
                    continue;
                }
                Baked::Failed(failed) => failed,
            };
            let (mut to_blame, rest): (Vec<&ImagePlan>, Vec<_>) =
                chunk.iter().partition(|image| failed.targets.contains(&image.target()));
            if failed.stops_all {
                // Whatever is asked for next, it ends in the same way.
                to_blame = chunk.into_iter().chain(waiting.drain(..).flatten()).collect();
            } else if to_blame.is_empty() {
                to_blame = chunk;
            } else if !rest.is_empty() {
                waiting.push_front(rest);
            }
            let names = to_blame.iter().map(|image| image.name.clone()).collect();
            outcome.failures.push(BuildFailure { names, text: failed.text, hint: failed.hint });
        }
        Ok(outcome)
    }

    fn bake(
        &self,
        images: &[&ImagePlan],
        contexts: &Contexts,
        stages: &mut BTreeMap<String, Stages>,
        display: &mut Display,
    ) -> Result<Baked> {
        if let Destination::Layouts(folder) | Destination::Symbols(folder) = self.destination {
            files::create_folder(folder)?;
        }
        // Another run in the same repository has another one.
        let metadata = self.work.join(format!("bake-metadata.{}.json", std::process::id()));
        files::remove(&metadata)?;
        let targets: Vec<_> = images.iter().map(|image| image.target()).collect();
        display.begin(&targets);
        let mut progress = BuildProgress::new(&targets);
        let start = Instant::now();
        let bake_files = contexts.write_bake_files(self, images)?;
        let mut command = self.command(self.buildx, images, &bake_files, &metadata)?;
        if self.overrides.is_empty() {
            // buildx would start git for each target, for an attestation that the bake file leaves out.
            command = command.env("BUILDX_GIT_INFO", "false");
        }
        let status = command.stream(&mut |event| {
            if let Event::Stderr(line) = event {
                display.log(&progress.feed(line, start.elapsed()));
            }
            display.update(&progress, start.elapsed());
        })?;
        progress.finish(status.success(), start.elapsed());
        display.finish(&progress, start.elapsed());
        add_stages(stages, images, &progress);
        if !status.success() {
            return Ok(Baked::Failed(Failed {
                targets: progress.failures().into_iter().flat_map(|failure| failure.targets).collect(),
                stops_all: progress.lost_connection().is_some(),
                text: failure_text(&progress),
                hint: failure_hint(&progress, &images.iter().map(|image| (image.target(), Keys::of(image))).collect()),
            }));
        }
        if matches!(self.destination, Destination::Symbols(_)) {
            files::remove(&metadata)?;
            return Ok(Baked::All(Vec::new()));
        }
        let built = self.read_metadata(&metadata, images)?;
        if let Destination::Layouts(folder) = self.destination {
            built.iter().try_for_each(|image| Layout::new(folder.join(&image.name)).forget_others(&image.digest))?;
        }
        files::remove(&metadata)?;
        Ok(Baked::All(built))
    }

    fn read_metadata(&self, path: &Utf8Path, images: &[&ImagePlan]) -> Result<Vec<BuiltImage>> {
        let text = files::read_if_exists(path)?.with_context(|| format!("buildx wrote no {path}"))?;
        let metadata: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&text).with_context(|| format!("cannot read what buildx wrote to {path}"))?;
        let built = images.iter().map(|image| {
            let stated = metadata
                .get(&image.target())
                .and_then(|value| TargetMetadata::deserialize(value).ok())
                .with_context(|| format!("buildx states no digest for {} in {path}", image.name))?;
            let references = self.request.references(&image.name);
            let TargetMetadata { digest, config_digest } = stated;
            Ok(BuiltImage { name: image.name.clone(), references, digest, config_digest })
        });
        built.collect()
    }
}

/// Adds what became of the stages of these images.
fn add_stages(all: &mut BTreeMap<String, Stages>, images: &[&ImagePlan], progress: &BuildProgress) {
    let mut by_target = progress.stages();
    for image in images {
        let own = all.entry(image.name.clone()).or_default();
        for (stage, later) in by_target.remove(&image.target()).unwrap_or_default() {
            own.entry(stage).or_default().extend(later);
        }
    }
}

enum Baked {
    All(Vec<BuiltImage>),
    Failed(Failed),
}

struct Failed {
    /// The targets that are to blame; none where the bake as a whole is.
    targets: Vec<String>,
    /// Whether every other bake would fail too.
    stops_all: bool,
    text: String,
    hint: String,
}

#[derive(Deserialize)]
struct TargetMetadata {
    #[serde(rename = "containerimage.digest")]
    digest: String,
    #[serde(rename = "containerimage.config.digest")]
    config_digest: Option<String>,
}
