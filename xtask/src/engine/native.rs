//! Building without Docker: this machine's go and cargo compile, and the images are assembled here.
//!
//! Everything is compiled first, then the images are put together, each as an OCI layout. Nothing that did not change is
//! compiled, compressed or written again: Go and Cargo see to the first, the layouts of the last run to the rest.

mod base;
mod compile;
mod fresh;
mod image;
mod limits;
mod symbols;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use self::base::{Base, Bases};
use self::compile::{Linkage, Place, Step, Toolchain};
use self::fresh::Sources;
use super::{BuildFailure, BuildRequest, BuiltImage, Outcome, archive};
use crate::error::{Error, hints};
use crate::files;
use crate::files::tree::Below as _;
use crate::fit::Misfit;
use crate::measure::LayerCache;
use crate::oci::document::Platform;
use crate::oci::layout::{Layout, Writer};
use crate::oci::reference::Reference;
use crate::parallel;
use crate::plan::{Build, ImagePlan, RustBuild};
use crate::process::{Command, interrupted};
use crate::registry;

pub use base::{embedded_digest, is_on_disk, write_embedded, write_embedded_for};
pub use limits::{check, check_c, check_overrides};

/// The folder, beside what the compilers leave, for bases that were fetched.
const BASES: &str = "bases";

/// How many lines of a failed compiler are shown.
const SHOWN_LINES: usize = 40;

/// The images of one run, and where they go.
#[derive(Debug, Clone, Copy)]
pub struct Native<'a> {
    /// The repository's root.
    pub root: &'a Utf8Path,
    /// A folder for what the compilers leave behind.
    pub work: &'a Utf8Path,
    /// The folder in which each image becomes an OCI layout of its name.
    pub folder: &'a Utf8Path,
    /// What was asked for.
    pub request: &'a BuildRequest,
    /// The environment of this run.
    pub environment: &'a BTreeMap<String, String>,
}

/// An image for one platform.
#[derive(Debug, Clone)]
struct Target<'a> {
    image: &'a ImagePlan,
    platform: Platform,
    /// How it is linked, if it is Rust.
    linkage: Option<Linkage>,
}

/// The platform of this machine's containers.
pub fn own_platform() -> String {
    format!("linux/{}", own_architecture())
}

/// The architecture of this machine, by Go's name.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Native<'_> {
    /// The commands that compile, if every image builds.
    ///
    /// # Errors
    /// A base or a toolchain is not there.
    pub fn commands(&self, images: &[ImagePlan]) -> Result<Vec<Command>> {
        let kept = self.work.join(BASES);
        let (targets, refused) = self.targets(images, &mut Bases::new(&kept, None))?;
        if let Some(failure) = refused.into_iter().next() {
            return Err(Error::failure(failure.text).hint(failure.hint).into());
        }
        let steps = compile::steps(self.place(), &targets)?;
        steps.iter().flatten().map(|step| step.line.command()).collect()
    }

    /// All that decides how an image comes out, beside the files of the repository; `None` where that is not known: of what is
    /// linked with this machine's libraries, and of a base that anybody may write over.
    ///
    /// # Errors
    /// A file of Go's cannot be read.
    pub fn told(&self, image: &ImagePlan) -> Result<Option<String>> {
        let is_pure_go = matches!(&image.build, Build::Go(build) if !build.cgo);
        if !is_pure_go || base::is_on_disk(&image.native_base) {
            return Ok(None);
        }
        let Some(go) = compile::installed_go(self.place())? else { return Ok(None) };
        let (plan, references) = (serde_json::to_string(image)?, self.request.references(&image.name));
        Ok(Some(format!("{go}\n{plan}\n{references:?} {:?} {}", self.platforms(image), self.folder)))
    }

    /// Builds the images; those that do not compile do not keep the others from being built. `say` gets a line for each
    /// thing that a person may want to know.
    ///
    /// # Errors
    /// A base or a tool is not there, a file cannot be read or written, or the run was interrupted.
    pub fn run(&self, images: &[ImagePlan], cache: &mut LayerCache, say: &(dyn Fn(&str) + Sync)) -> Result<Outcome> {
        let (kept, session) = (self.work.join(BASES), self.session(say));
        let mut bases = Bases::new(&kept, Some(session));
        let (targets, refused) = self.targets(images, &mut bases)?;
        bases.keep_tags()?;
        say_linkage(&targets, say);
        let steps = compile::steps(self.place(), &targets)?;
        let compiled = match self.request.jobs {
            Some(jobs) => parallel::map_on(jobs.get() as usize, &steps, |steps| self.compile_all(steps, say)),
            None => parallel::map(&steps, 1, |steps| self.compile_all(steps, say)),
        };
        let on_old_bases = images.iter().filter(|image| bases.is_old(image)).map(|image| image.name.clone()).collect();
        let mut outcome = Outcome { on_old_bases, failures: refused, ..Outcome::default() };
        let mut binaries: BTreeMap<(&str, &Platform), Utf8PathBuf> = BTreeMap::new();
        for compiled in compiled {
            let (done, failures) = compiled?;
            outcome.failures.extend(failures);
            binaries
                .extend(done.into_iter().map(|(target, path)| ((target.image.name.as_str(), &target.platform), path)));
        }
        let cache = Mutex::new(cache);
        let built = parallel::map(images, 1, |image| {
            let own: Vec<_> = targets.iter().filter(|target| target.image.name == image.name).collect();
            if own.is_empty() {
                return Ok(None);
            }
            let own: Option<Vec<_>> = own
                .into_iter()
                .map(|target| Some((target, binaries.get(&(image.name.as_str(), &target.platform))?)))
                .collect();
            own.map(|own| self.assemble(image, &own, &bases, &cache)).transpose()
        });
        for built in built {
            match built? {
                Some(Ok(built)) => outcome.built.push(built),
                Some(Err(misfit)) => outcome.misfits.push(misfit),
                None => {}
            }
        }
        Ok(outcome)
    }

    /// Loads built images into the Docker engine.
    ///
    /// # Errors
    /// An image for several platforms, or an engine that does not answer.
    pub fn load(&self, built: &[BuiltImage]) -> Result<()> {
        if built.is_empty() { Ok(()) } else { archive::load(built, self.folder, self.work) }
    }

    /// Pushes built images: a failure before the tags, which come last, leaves none. After one that the tags had, all count
    /// as failed: the registry says which are there.
    ///
    /// # Errors
    /// The name of an image does not make a reference.
    pub fn push(&self, built: &[BuiltImage], say: &(dyn Fn(&str) + Sync)) -> Result<Outcome> {
        let images: Vec<_> = built.iter().map(|image| self.pushable(image)).collect::<Result<_>>()?;
        let Err(failed) = registry::push(&images, &self.session(say)) else {
            return Ok(Outcome { built: built.to_vec(), ..Outcome::default() });
        };
        let to = images.iter().find(|image| image.name == failed.image).map(|image| image.repository.to_string());
        let error = failed.error.context(format!("cannot push {} to {}", failed.image, to.unwrap_or_default()));
        let failure = BuildFailure {
            names: built.iter().map(|image| image.name.clone()).collect(),
            text: format!("{error:#}"),
            hint: hints(&error).join("\nhint: "),
        };
        Ok(Outcome { failures: vec![failure], ..Outcome::default() })
    }

    fn pushable(&self, image: &BuiltImage) -> Result<registry::Image> {
        let parse = |text: &String| {
            text.parse::<Reference>().map_err(|problem| Error::usage(problem).hint("fix --image-prefix"))
        };
        let references: Vec<_> = image.references.iter().map(parse).collect::<Result<_, _>>()?;
        let first = references.first().context("an image has a tag at least")?;
        Ok(registry::Image {
            name: image.name.clone(),
            layout: Layout::new(self.folder.join(&image.name)),
            digest: image.digest.clone(),
            repository: Reference { tag: None, ..first.clone() },
            tags: references.into_iter().filter_map(|reference| reference.tag).collect(),
        })
    }

    fn session<'a>(&'a self, say: &'a (dyn Fn(&str) + Sync)) -> registry::Session<'a> {
        registry::Session::new(self.environment, &self.request.insecure_registries, say)
    }

    fn place(&self) -> Place<'_> {
        Place { root: self.root, work: self.work, environment: self.environment, jobs: self.request.jobs }
    }

    /// Every image for every platform it is to be built for; and the images that this machine has no compiler for.
    fn targets<'a>(&self, images: &'a [ImagePlan], bases: &mut Bases) -> Result<(Vec<Target<'a>>, Vec<BuildFailure>)> {
        let mut targets = Vec::new();
        let mut refused: Vec<BuildFailure> = Vec::new();
        let mut linkages: BTreeMap<_, Result<Linkage, Error>> = BTreeMap::new();
        let mut compilers: BTreeMap<_, Result<(), Error>> = BTreeMap::new();
        let wanted = |image| self.platforms(image).into_iter().map(move |platform| (image, platform));
        let wanted: Vec<_> = images.iter().flat_map(wanted).collect();
        bases.look_up(&wanted, self.request.is_release)?;
        for (image, platform) in wanted {
            let has_loader = bases.open(self.root, image, &platform)?.contents.has_loader();
            let linkage = match &image.build {
                Build::Go(build) => {
                    let compiler = compilers
                        .entry((build.dir.as_path(), build.least_go.as_deref()))
                        .or_insert_with(|| compile::check_go(self.place(), build).map_err(|error| Error::of(&error)));
                    if let Err(error) = compiler {
                        if interrupted() {
                            return Err(error.clone().into());
                        }
                        refuse(&mut refused, &image.name, error);
                        continue;
                    }
                    None
                }
                Build::Rust(build) => {
                    let key = (build.workspace.as_path(), image.builder_is_chosen, platform.clone(), has_loader);
                    let linkage = linkages.entry(key).or_insert_with(|| {
                        let linkage = self.linkage(image, build, &platform, has_loader);
                        linkage.map_err(|error| Error::of(&error))
                    });
                    if let Err(error) = linkage {
                        if interrupted() {
                            return Err(error.clone().into());
                        }
                        refuse(&mut refused, &image.name, error);
                        continue;
                    }
                    linkage.as_ref().ok().copied()
                }
            };
            targets.push(Target { image, platform, linkage });
        }
        for failure in &mut refused {
            failure.text = format!("{}: {}", failure.names.join(", "), failure.text);
        }
        targets.retain(|target| !refused.iter().any(|failure| failure.names.contains(&target.image.name)));
        Ok((targets, refused))
    }

    /// How a Rust service is linked, by the toolchain that its workspace asks for.
    fn linkage(&self, image: &ImagePlan, build: &RustBuild, platform: &Platform, has_loader: bool) -> Result<Linkage> {
        let folder = self.root.below(&build.workspace);
        let toolchain = Toolchain::of(&folder);
        if !image.builder_is_chosen {
            toolchain.check(build)?;
        }
        toolchain.linkage(platform, has_loader)
    }

    fn platforms(&self, image: &ImagePlan) -> Vec<Platform> {
        let asked = if self.request.platforms.is_empty() { &image.platforms } else { &self.request.platforms };
        let mut platforms: Vec<_> = asked.iter().map(|platform| Platform::parse(platform)).collect();
        if platforms.is_empty() {
            platforms.push(Platform::parse(&own_platform()));
        }
        platforms.sort();
        platforms.dedup();
        platforms
    }

    /// Runs steps one after the other.
    fn compile_all<'a>(&self, steps: &[Step<'a>], say: &(dyn Fn(&str) + Sync)) -> Result<Compiled<'a>> {
        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for step in steps {
            let (compiled, failed) = self.compile(step, say)?;
            done.extend(compiled);
            failures.extend(failed);
        }
        Ok((done, failures))
    }

    /// Runs a step; one that fails for several images is repeated for each, to know which is to blame.
    fn compile<'a>(&self, step: &Step<'a>, say: &(dyn Fn(&str) + Sync)) -> Result<Compiled<'a>> {
        let start = Instant::now();
        say(&format!("{}: {} compiles", step.title(), step.line.program));
        let sources = self.forget_changed(step)?;
        let command = step.line.command()?;
        let line = command.to_shell();
        let output = command.output()?;
        if output.status.success() {
            if let Some(sources) = sources {
                self.remember(step, &sources)?;
            }
            say(&format!("{}: compiled in {:.1}s", step.title(), start.elapsed().as_secs_f32()));
            let done = step.targets.iter().map(|target| (*target, step.output.clone()));
            return Ok((done.collect(), Vec::new()));
        }
        if step.targets.len() == 1 {
            return Ok((Vec::new(), vec![failure(step, &output.stderr, &line)]));
        }
        let alone = step.targets.iter().map(|target| compile::step(self.place(), vec![target], step.round));
        self.compile_all(&alone.collect::<Result<Vec<_>>>()?, say)
    }

    /// Lets Cargo forget the packages of services whose sources are not what it compiled. Returns the sources, for a step of
    /// Rust's.
    fn forget_changed(&self, step: &Step) -> Result<Option<Sources>> {
        let Some(line) = &step.forget else { return Ok(None) };
        let sources = Sources::read(self.root, &step.targets, &step.output)?;
        if !sources.are_known()? {
            fresh::forget_all(&step.output)?;
            if files::is_folder(&step.output) {
                line.command()?.run()?;
            }
        }
        Ok(Some(sources))
    }

    /// Keeps what was compiled, unless it changed meanwhile.
    fn remember(&self, step: &Step, sources: &Sources) -> Result<()> {
        if !sources.are_known()? && Sources::read(self.root, &step.targets, &step.output)? == *sources {
            sources.keep()?;
        }
        Ok(())
    }

    /// Puts an image together from its binaries, for each platform; unless they would not start.
    fn assemble(
        &self,
        image: &ImagePlan,
        parts: &[(&Target, &Utf8PathBuf)],
        bases: &Bases,
        cache: &Mutex<&mut LayerCache>,
    ) -> Result<Result<BuiltImage, BuildFailure>> {
        let mut writer = Writer::new(&self.folder.join(&image.name), image.compression);
        let mut images = Vec::new();
        for (target, binaries) in parts {
            let base: &Base = bases.get(&image.native_base, &target.platform).context("was opened before")?;
            let misfits = image::misfits(target, base, binaries)?;
            if let Some(failure) = Misfit::into_failure(misfits, &image.name, &image.native_base) {
                return Ok(Err(failure));
            }
            let written = image::write(&mut writer, self.root, target, base, binaries, cache);
            images.push(written.with_context(|| format!("cannot assemble the image {}", image.name))?);
        }
        let references = self.request.references(&image.name);
        let (descriptor, config_digest) = match images.as_slice() {
            [(one, config_digest)] => (one.clone(), Some(config_digest.clone())),
            several => (writer.index(several.iter().map(|(image, _)| image.clone()).collect())?, None),
        };
        writer.finish(&descriptor, &references)?;
        Ok(Ok(BuiltImage { name: image.name.clone(), references, digest: descriptor.digest, config_digest }))
    }
}

/// The targets that were compiled, each with the folder of its binaries, and what was not.
type Compiled<'a> = (Vec<(&'a Target<'a>, Utf8PathBuf)>, Vec<BuildFailure>);

/// Adds an image to those that one thing stops.
fn refuse(refused: &mut Vec<BuildFailure>, name: &str, error: &Error) {
    let text = error.to_string();
    match refused.iter_mut().find(|failure| failure.text == text) {
        Some(failure) if failure.names.iter().any(|known| known == name) => {}
        Some(failure) => failure.names.push(name.to_owned()),
        None => refused.push(BuildFailure { names: vec![name.to_owned()], text, hint: error.hints().to_owned() }),
    }
}

/// What is said of a command that did not compile a step.
fn failure(step: &Step, stderr: &[u8], line: &str) -> BuildFailure {
    let text = format!("{} does not compile\n{}", step.title(), last_lines(stderr));
    BuildFailure { names: step.names(), text, hint: step.hint(&String::from_utf8_lossy(stderr), line) }
}

/// Says how Rust services are linked: what it means for them is not seen otherwise.
fn say_linkage(targets: &[Target], say: &dyn Fn(&str)) {
    for (linkage, meaning) in [
        (Linkage::Musl, "linked statically with musl: its allocator is slower than glibc's under many threads"),
        (
            Linkage::StaticGlibc,
            "linked statically with this machine's glibc: names are looked up in /etc/hosts and DNS, and nowhere else \
             (`rustup target add` a musl target to link with that)",
        ),
    ] {
        let mut names: Vec<_> = targets
            .iter()
            .filter(|target| target.linkage == Some(linkage))
            .map(|target| target.image.name.as_str())
            .collect();
        names.dedup();
        if !names.is_empty() {
            say(&format!("{}: {meaning}", names.join(", ")));
        }
    }
}

/// The end of what a compiler said, indented.
fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text.trim_end().lines().collect();
    let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().map(|line| format!("  {line}"));
    shown.collect::<Vec<_>>().join("\n")
}
