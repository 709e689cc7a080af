//! How a run builds: by buildx, or by this machine's compilers.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::made_from::MadeFrom;
use super::talk::{bake_shown, say_from_threads};
use super::unchanged::Makers;
use super::{Run, or_warn, request};
use crate::cli::ImagesArguments;
use crate::commands::repository::current_folder;
use crate::commands::running::Running;
use crate::commands::state::{self, State};
use crate::commands::{Answer, Console, environment, refused};
use crate::engine::bake::Bake;
use crate::engine::builder::{Builder, Question};
use crate::engine::display::listed;
use crate::engine::native::{self, Native};
use crate::engine::{BuiltImage, Destination, Outcome};
use crate::files;
use crate::plan::{EMBEDDED_BASE, ImagePlan, Refusal, platforms};

impl Run<'_> {
    /// Checks, before anything is written or built, which of these images can be built by what builds.
    ///
    /// # Errors
    /// What was asked for is more than it can do for any image.
    pub(super) fn check(&mut self, arguments: &ImagesArguments) -> Result<()> {
        match &self.builder {
            Some(builder) => request::check_builder(&self.request, &self.images, builder)?,
            None => native::check_overrides(&self.overrides)?,
        }
        for image in std::mem::take(&mut self.images) {
            let asked = &self.request.platforms;
            let platforms = if asked.is_empty() { &image.platforms } else { asked };
            let checked = platforms::check(&image, platforms).map_err(Into::into);
            let checked = checked.and_then(|()| match &self.builder {
                Some(builder) => request::check_image(&image, platforms, builder, arguments.push),
                None => native::check(&image, platforms),
            });
            match checked {
                Ok(()) => self.images.push(image),
                Err(error) => self.refused.push(Refusal::of_image(&image, &error)),
            }
        }
        Ok(())
    }

    /// Takes this builder, and says whether it is another than the one that is remembered.
    pub(super) fn takes(&mut self, builder: Option<Builder>) -> bool {
        let is_other = builder != self.builder;
        self.builder = builder;
        is_other
    }

    /// Whether the images land in the engine by themselves.
    pub(super) fn is_engine(&self) -> bool {
        self.builder.as_ref().is_some_and(Builder::is_engine)
    }

    /// What all stages depend on, by name: the builder, how it is found, and options.
    pub(super) fn settings(&self, question: &Question) -> BTreeMap<String, String> {
        let request = &self.request;
        let settings = [
            ("builder", self.builder.as_ref().map(|builder| builder.name.clone())),
            ("--platform", Some(request.platforms.join(","))),
            ("--cache-scope", request.cache_scope.clone()),
            ("--network", request.network.clone()),
        ];
        let mut all = question.variables().clone();
        all.extend(settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        all
    }

    /// The images that need not be built: they are as an earlier run made them. What is pushed is always built, and what
    /// leaves more behind than images.
    pub(super) fn kept(
        &self,
        from: Option<&MadeFrom>,
        makers: Option<&Makers>,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Vec<BuiltImage> {
        let loads = arguments.load && self.builder.is_none();
        let (Some(from), Some(makers)) = (from, makers) else { return Vec::new() };
        if arguments.push || arguments.no_cache || arguments.cache_export || loads {
            return Vec::new();
        }
        let kept = or_warn(makers.unchanged(self, from), console).unwrap_or_default();
        if !kept.is_empty() {
            let names: Vec<_> = kept.iter().map(|image| image.name.as_str()).collect();
            console.say(format_args!("unchanged: {}", listed(&names)));
        }
        kept
    }

    pub(super) fn bake<'a>(&'a self, destination: &'a Destination) -> Bake<'a> {
        Bake {
            root: self.repository.root(),
            work: &self.work,
            settings: &self.repository.settings,
            buildx: self.builder.as_ref().and_then(Builder::buildx),
            request: &self.request,
            destination,
            overrides: &self.overrides,
            engine_platform: self.builder.as_ref().filter(|builder| builder.is_engine()).map(Builder::own_platform),
        }
    }

    /// Where the images go before they are measured.
    pub(super) fn destination(&self, arguments: &ImagesArguments) -> Result<Destination> {
        if let Some(folder) = &arguments.output {
            return Ok(Destination::Layouts(current_folder()?.join(folder)));
        }
        // What this machine builds is a layout first, also on its way into the engine.
        let load = self.is_engine() || arguments.load && self.builder.is_some();
        Ok(if load { Destination::Load } else { Destination::Layouts(self.work.join("layouts")) })
    }

    /// Begins to write: into the folder of runs, and where the arguments say.
    pub(super) fn begin(&self, arguments: &ImagesArguments) -> Result<Running> {
        let current = current_folder()?;
        let files = [&arguments.tarball, &arguments.markdown, &arguments.html].into_iter().flatten();
        let folders = files.filter_map(|file| current.join(file).parent().map(Utf8Path::to_owned));
        let folders: Vec<_> = folders.chain(arguments.output.iter().map(|folder| current.join(folder))).collect();
        Running::begin(&self.work, &folders.iter().map(Utf8PathBuf::as_path).collect::<Vec<_>>())
    }

    /// Waits until no other run writes layouts, where this one does: from the first look at them until all is measured and
    /// pushed, so that none reads what another has half replaced.
    pub(super) fn lock_layouts(
        &self,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<Option<files::Lock>> {
        let writes_layouts = matches!(self.destination(arguments)?, Destination::Layouts(_));
        writes_layouts.then(|| state::lock(self.repository.root(), console)).transpose()
    }

    pub(super) fn dry_run(&self, arguments: &ImagesArguments, console: &mut Console) -> Result<Answer> {
        let mut commands = Vec::new();
        if self.builder.is_none() {
            let environment = environment().collect();
            commands = self.native(&self.work, &environment).commands(&self.images)?;
        } else {
            if self.images.iter().any(|image| image.base == EMBEDDED_BASE) {
                console.say("the base `embedded` is where these commands look for it after a run without --dry-run");
            }
            let mut destinations = vec![self.destination(arguments)?];
            destinations.extend(arguments.push.then_some(Destination::Registry));
            for destination in &destinations {
                commands.extend(self.bake(destination).commands(&self.images)?);
            }
        }
        let lines = commands.iter().map(|command| command.to_shell() + "\n");
        Ok(Answer { stdout: lines.collect(), code: refused::exit_code(&self.refused) })
    }

    pub(super) fn native<'a>(&'a self, folder: &'a Utf8Path, environment: &'a BTreeMap<String, String>) -> Native<'a> {
        Native { root: self.repository.root(), work: &self.work, folder, request: &self.request, environment }
    }

    /// Builds the images, but for those that are `kept`, to be measured.
    pub(super) fn build(
        &self,
        kept: &[BuiltImage],
        state: &mut State,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<Outcome> {
        if kept.is_empty() && !self.images.is_empty() {
            return self.build_all(&self.images, state, arguments, console);
        }
        let mut built: HashMap<&str, BuiltImage> =
            kept.iter().map(|image| (image.name.as_str(), image.clone())).collect();
        let images: Vec<_> =
            self.images.iter().filter(|image| !built.contains_key(image.name.as_str())).cloned().collect();
        let mut outcome = Outcome::default();
        if !images.is_empty() {
            outcome = self.build_all(&images, state, arguments, console)?;
        }
        let new = std::mem::take(&mut outcome.built);
        built.extend(new.iter().map(|image| (image.name.as_str(), image.clone())));
        outcome.built = self.images.iter().filter_map(|image| built.remove(image.name.as_str())).collect();
        Ok(outcome)
    }

    fn build_all(
        &self,
        images: &[ImagePlan],
        state: &mut State,
        arguments: &ImagesArguments,
        console: &mut Console,
    ) -> Result<Outcome> {
        let destination = self.destination(arguments)?;
        let (None, Destination::Layouts(folder)) = (&self.builder, &destination) else {
            return self.bake_to(images, &destination, arguments.verbose, console);
        };
        let environment = environment().collect();
        let say = say_from_threads(console);
        let outcome = self.native(folder, &environment).run(images, &mut state.layers, &say)?;
        if arguments.load {
            self.native(folder, &environment).load(&outcome.built)?;
            say("loaded into the Docker engine");
        } else if !outcome.built.is_empty() && !arguments.push {
            let shown = folder.strip_prefix(self.repository.root()).unwrap_or(folder);
            say(&format!("each image is an OCI layout in {shown}; --load, --tarball or --push takes it further"));
        }
        Ok(outcome)
    }

    pub(super) fn bake_to(
        &self,
        images: &[ImagePlan],
        destination: &Destination,
        verbose: bool,
        console: &mut Console,
    ) -> Result<Outcome> {
        bake_shown(&self.bake(destination), images, verbose, console)
    }
}
