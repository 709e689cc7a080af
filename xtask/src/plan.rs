//! What will be built, as values: an [`ImagePlan`] for each selected service. Pure; a plan serialises.

mod budget;
mod flags;
mod go;
mod image_name;
pub mod platforms;
mod refusal;
mod rust;
mod third_party;
mod toolchain;

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::budget::{Budget, Growth, WarnAt};
use crate::config::{ExtraFile, Settings};
use crate::discover::hidden::{SECRETS, is_secret};
use crate::discover::{Inputs, alternatives, go as go_source, resolve, rust as rust_source};
use crate::error::Error;
use crate::files::tree::Below as _;
use crate::oci::compression::Compression;
use crate::quote;
use crate::service::{Language, Service, Source};

pub use refusal::{Plans, Refusal};
pub use third_party::{Crate, Selected, SharedCrates};
pub use toolchain::rust::RustToolchain;

/// The folder of the generated files, from the repository's root.
pub const DOCKER_FOLDER: &str = "docker";

/// The name of the base that the native engine assembles itself.
pub const EMBEDDED_BASE: &str = "embedded";

/// Everything that the generated files and the build need to know of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImagePlan {
    /// The image's name, without prefix and tag; also the name of its files and of its bake target.
    pub name: String,
    /// The folder of the service, from the repository's root.
    pub dir: Utf8PathBuf,
    /// The image that the build stages start from.
    pub builder: String,
    /// Whether the settings chose it.
    pub builder_is_chosen: bool,
    /// The image that the final stage starts from.
    pub base: String,
    /// The base of the native engine: the service's own choice, else the one that the tool assembles itself.
    pub native_base: String,
    /// Platforms to build for; empty for the builder's own.
    pub platforms: Vec<String>,
    /// Debian packages of the build stages, sorted.
    pub packages: Vec<String>,
    /// Ids of the build secrets, sorted.
    pub secrets: Vec<String>,
    /// How the binaries come about.
    pub build: Build,
    /// What the container is told.
    pub container: Container,
    /// What of the repository the builder may see, in the order of an ignore file.
    pub context: Vec<ContextRule>,
    /// What the build reads although git ignores it, sorted: another checkout may not have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Utf8PathBuf>,
    /// What it may weigh.
    pub budget: Option<Budget>,
    /// From which part of its budget on it is worth a word.
    pub warn_at: Option<WarnAt>,
    /// How much its own bytes may grow.
    pub growth: Option<Growth>,
    /// How much they may grow since the last release.
    pub growth_since_release: Option<Growth>,
    /// How all of its layers are compressed, the base's too; where nobody says so, each as it comes, mostly by gzip.
    pub compression: Option<Compression>,
    /// Go packages and modules that must not be inside, sorted.
    pub deny: Vec<String>,
}

/// The configuration of the container, and what it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Container {
    /// The binaries, each at `/<name>`; sorted.
    pub bins: Vec<String>,
    /// Files beside the binaries, sources seen from the repository's root.
    pub files: Vec<ExtraFile>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Ports, as `8080/tcp`.
    pub ports: Vec<String>,
    /// The folder it starts in.
    pub workdir: Option<String>,
    /// The health check's argument vector.
    pub healthcheck: Option<Vec<String>>,
    /// The entrypoint's argument vector.
    pub entrypoint: Vec<String>,
    /// The default arguments.
    pub args: Vec<String>,
}

/// How the binaries of an image come about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Build {
    /// By `go build`.
    Go(Box<GoBuild>),
    /// By `cargo build`.
    Rust(Box<RustBuild>),
}

/// One `go build`. Every path starts at the repository's root.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GoBuild {
    /// The folder that Go runs in: the module's, or the workspace's.
    pub dir: Utf8PathBuf,
    /// The main package as seen from there, as `./cmd/worker`.
    pub package: String,
    /// Go's own name of the executable.
    pub executable: String,
    /// `go.mod`, `go.sum`, `go.work` and the like of all modules that the build loads, sorted.
    pub module_files: Vec<Utf8PathBuf>,
    /// The folder of vendored modules, where Go takes them from there.
    pub vendor: Option<Utf8PathBuf>,
    /// Whether the modules are downloaded.
    pub downloads: bool,
    /// The packages of other modules that the services of this module import on every architecture, sorted. They are the
    /// same for every
    /// service of one module and one set of flags, so that one layer holds them compiled for all.
    pub third_party: Vec<String>,
    /// Those that are imported on some of the architectures alone, by architecture.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub third_party_on: BTreeMap<String, Vec<String>>,
    /// The oldest Go that builds it by its `go` and `toolchain` lines, as `1.26.3`.
    pub least_go: Option<String>,
    /// Build tags, sorted.
    pub tags: Vec<String>,
    /// Whether C is compiled too.
    pub cgo: bool,
    /// Go's GOPRIVATE.
    pub goprivate: Option<String>,
}

/// One `cargo build`. Every path starts at the repository's root.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RustBuild {
    /// The folder of the workspace.
    pub workspace: Utf8PathBuf,
    /// What its toolchain file asks for.
    pub toolchain: RustToolchain,
    /// Cargo's resolver: 1, 2 or 3.
    pub resolver: String,
    /// Whether the workspace commits a lock file.
    pub locked: bool,
    /// The root manifests of other workspaces that packages take keys from, sorted.
    pub other_roots: Vec<Utf8PathBuf>,
    /// Whether a package that Cargo reads takes its version from the workspace.
    pub inherits_version: bool,
    /// Whether the manifests keep what is for tests, since it has a word in which features are on.
    pub keeps_tests: bool,
    /// Every package whose manifest Cargo reads, sorted by folder.
    pub manifests: Vec<Manifest>,
    /// The package with the binaries.
    pub package: String,
    /// Whether other people's package that it leads to has the same name.
    pub shares_name: bool,
    /// Features, as `package/feature`, sorted.
    pub features: Vec<String>,
    /// What the services have in common that can share layers.
    #[serde(flatten)]
    pub shared: SharedCrates,
    /// Folders of packages that stand in for other people's, sorted.
    pub patched: Vec<Utf8PathBuf>,
    /// Cargo's configuration files and what they name, sorted.
    pub config: Vec<Utf8PathBuf>,
    /// What of the configuration is not left to Cargo.
    pub config_settings: rust_source::ConfigSettings,
}

/// A package whose manifest Cargo reads. Where it is not compiled, empty sources stand in for its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The package's name.
    pub name: String,
    /// The folder of its manifest.
    pub dir: Utf8PathBuf,
    /// Whether it is a member of the service's workspace.
    pub is_member: bool,
    /// Whether this service is made of it.
    pub compiled: bool,
    /// Sources that only have to exist.
    pub libraries: Vec<Utf8PathBuf>,
    /// Sources that need a `main`.
    pub mains: Vec<Utf8PathBuf>,
}

/// A line of the ignore file. Patterns are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextRule {
    /// The builder sees it.
    Include(String),
    /// It does not, although a rule above shows it.
    Exclude(String),
}

impl ImagePlan {
    /// The Dockerfile, from the repository's root.
    pub fn dockerfile(&self) -> Utf8PathBuf {
        Utf8Path::new(DOCKER_FOLDER).below(format!("{}.Dockerfile", self.name))
    }

    /// The bake target.
    pub fn target(&self) -> String {
        target_name(&self.name)
    }

    /// The file that the compiler writes of a binary.
    pub(crate) fn compiled<'a>(&'a self, bin: &'a str) -> &'a str {
        match &self.build {
            Build::Go(build) => &build.executable,
            Build::Rust(_) => bin,
        }
    }

    /// How many layers the final stage adds to its base.
    pub fn own_layers(&self) -> usize {
        // The binaries come in one layer, however many they are.
        1 + self.container.files.len() + usize::from(self.container.workdir.is_some())
    }
}

/// The bake target of the image of this name, with what bake does not allow replaced.
pub fn target_name(image: &str) -> String {
    image.replace('.', "-")
}

impl ContextRule {
    /// Shows a file, or a folder with all that is in it.
    pub(crate) fn include(path: &Utf8Path) -> Self {
        Self::Include(pattern(path, ""))
    }

    /// Shows what a glob matches, seen from a folder.
    fn include_glob(dir: &Utf8Path, glob: &str) -> Self {
        Self::Include(pattern(dir, glob))
    }

    /// Whether it shows one file with the name of a secret.
    fn names_secret(&self) -> bool {
        let Self::Include(pattern) = self else { return false };
        quote::literal_path(pattern).is_some_and(|path| is_secret(Utf8Path::new(&path)))
    }

    fn exclude(path: &Utf8Path) -> Self {
        Self::Exclude(pattern(path, ""))
    }

    fn exclude_glob(dir: &Utf8Path, glob: &str) -> Self {
        Self::Exclude(pattern(dir, glob))
    }
}

/// The pattern of a path, or of a glob below it; the root has no pattern of its own.
fn pattern(dir: &Utf8Path, glob: &str) -> String {
    let glob =
        if glob.starts_with(['!', '#']) && dir.as_str().is_empty() { format!("./{glob}") } else { glob.to_owned() };
    match Utf8Path::new(&quote::ignore_pattern(dir.as_str())).below(glob).into_string() {
        root if root.is_empty() => "**".to_owned(),
        pattern => pattern,
    }
}

/// A service on its way to a plan: with what it is built from.
#[derive(Debug, Clone)]
pub struct Planned<'a> {
    /// The service.
    pub service: &'a Service,
    /// What it is built from.
    pub inputs: Inputs,
}

impl Planned<'_> {
    fn go(&self) -> Option<(&go_source::Main, &go_source::Inputs)> {
        match (&self.service.source, &self.inputs) {
            (Source::Go(main), Inputs::Go(inputs)) => Some((main, inputs)),
            _ => None,
        }
    }

    fn rust(&self) -> Option<(&rust_source::Package, &rust_source::Inputs)> {
        match (&self.service.source, &self.inputs) {
            (Source::Rust(package), Inputs::Rust(inputs)) => Some((package, inputs)),
            _ => None,
        }
    }

    /// The same, unless its toolchain cannot be had or its lock file is out of date.
    fn buildable(self) -> Result<Self> {
        self.rust().map_or(Ok(()), |(package, inputs)| rust::check(self.service, package, inputs))?;
        Ok(self)
    }

    /// Checks what the service's settings say.
    fn check(&self, settings: &Settings) -> Result<()> {
        image_name::check(self.service)?;
        check_deny(self.service)?;
        check_paths(self.service)?;
        check_folder(self.service)?;
        budget::check(self.service, settings)
    }

    /// The part of a plan that is the same for every language.
    fn image(
        &self,
        settings: &Settings,
        builder: String,
        default_base: &str,
        build: Build,
        mut context: Vec<ContextRule>,
    ) -> ImagePlan {
        let service = self.service;
        let own = &service.settings;
        let mut bins = service.bins.clone();
        bins.sort();
        let files = files_in_image(service);
        let local = files.iter().filter(|file| file.image.is_none());
        context.extend(local.map(|file| ContextRule::include(Utf8Path::new(&file.from))));
        let dir = quote::ignore_pattern(service.dir.as_str());
        let globs = own.inputs.iter().flatten().flat_map(|glob| alternatives(glob));
        for glob in globs.filter_map(|glob| resolve(Utf8Path::new(&dir), &glob)) {
            context.push(ContextRule::include_glob(Utf8Path::new(""), glob.as_str()));
        }
        let hidden = self.inputs.hidden();
        if hidden.guards {
            context.extend(SECRETS.map(|name| ContextRule::Exclude(format!("**/{name}"))));
            let by_key: Vec<_> = context.iter().filter(|rule| rule.names_secret()).cloned().collect();
            context.extend(hidden.secrets.iter().map(|file| ContextRule::include(file)));
            context.extend(by_key);
        }
        let entrypoint = service.bins.first().map(|main| vec![format!("/{main}")]);
        ImagePlan {
            name: service.name.clone(),
            dir: service.dir.clone(),
            builder_is_chosen: own.builder.is_some(),
            builder: own.builder.clone().unwrap_or(builder),
            base: own.base.clone().unwrap_or_else(|| default_base.to_owned()),
            native_base: own.base.clone().unwrap_or_else(|| EMBEDDED_BASE.to_owned()),
            platforms: settings.platforms.clone(),
            packages: sorted(own.packages.as_deref()),
            secrets: sorted(own.secrets.as_deref()),
            build,
            container: Container {
                bins,
                files,
                env: own.env.clone().unwrap_or_default(),
                ports: own.ports.clone().unwrap_or_default(),
                workdir: own.workdir.clone(),
                healthcheck: own.healthcheck.clone(),
                entrypoint: own.entrypoint.clone().or(entrypoint).unwrap_or_default(),
                args: own.args.clone().unwrap_or_default(),
            },
            context,
            ignored: hidden.needed.clone(),
            budget: own.budget.clone().or_else(|| settings.budget.clone()),
            warn_at: own.warn_at.or(settings.warn_at),
            growth: own.growth.or(settings.growth),
            growth_since_release: own.growth_since_release.or(settings.growth_since_release),
            compression: own.compression.or(settings.compression),
            deny: sorted(own.deny.as_deref()),
        }
    }
}

/// Plans an image for each service, of which `all` has the inputs, or why they cannot be read. `all` are the repository's
/// selected services, since what some share is planned over all of them. What is wrong with one service refuses that one.
///
/// # Errors
/// Settings of the repository that no image answers to.
pub fn plan(all: Vec<(&Service, Result<Inputs>)>, settings: &Settings) -> Result<Plans> {
    budget::check_repository(all.iter().map(|(service, _)| *service), settings)?;
    let mut plans = Plans::default();
    let clashes = image_name::clashes(all.iter().map(|(service, _)| *service));
    let mut readable = Vec::new();
    for (service, inputs) in all {
        match inputs.and_then(|inputs| Planned { service, inputs }.buildable()) {
            Ok(planned) => readable.push(planned),
            Err(error) => plans.refuse(service, &error),
        }
    }
    let imported = go::ThirdParty::of(&readable);
    let crates = third_party::Groups::of(&readable);
    for planned in &readable {
        let service = planned.service;
        let name = clashes.get(&(&*service.name, &*service.dir)).map_or(Ok(()), |error| Err(error.clone().into()));
        match name.and_then(|()| planned.check(settings)) {
            Err(error) => plans.refuse(service, &error),
            Ok(()) => plans.images.extend(match (planned.go(), planned.rust()) {
                (Some((main, inputs)), _) => Some(go::plan(planned, main, inputs, &imported, settings)),
                (_, Some((package, inputs))) => {
                    Some(rust::plan(planned, package, inputs, crates.shared(planned, package), settings))
                }
                _ => None,
            }),
        }
    }
    Ok(plans.sorted())
}

/// No generated file can hold a line break in the middle of a path.
fn check_folder(service: &Service) -> Result<()> {
    if !quote::has_control(service.dir.as_str()) {
        return Ok(());
    }
    let folder = service.dir.as_str().escape_debug();
    let message = format!("the folder \"{folder}\" has a control character in its name, which no Dockerfile can hold");
    Err(Error::usage(message).hint("rename the folder").into())
}

/// A builder sees nothing outside the repository.
fn check_paths(service: &Service) -> Result<()> {
    let local = service.settings.files.iter().flatten().filter(|file| file.image.is_none());
    let files = local.map(|file| ("files", &file.from));
    let mut paths = files.chain(service.settings.inputs.iter().flatten().map(|glob| ("inputs", glob)));
    let Some((key, path)) = paths.find(|(_, path)| resolve(&service.dir, path).is_none()) else { return Ok(()) };
    let message = format!("`{key}`: `{path}` is not inside the repository");
    let hint = format!("the paths in {} begin at {}/", service.settings_place(), service.dir);
    Err(Error::usage(message).hint(hint).into())
}

/// A stripped Rust binary does not tell its crates, so what denies one would always pass.
fn check_deny(service: &Service) -> Result<()> {
    if service.language() == Language::Go || service.settings.deny.is_none() {
        return Ok(());
    }
    let message = "`deny`: a stripped Rust binary does not tell its crates";
    let hint = format!("remove it from {}; cargo-deny checks crates by the lock file", service.settings_place());
    Err(Error::usage(message).hint(hint).into())
}

/// The number N in the release `1.N` that a Go main package is built with.
pub fn go_minor(lines: &go_source::Lines) -> u32 {
    toolchain::go::minor(lines)
}

fn sorted(words: Option<&[String]>) -> Vec<String> {
    let mut words = words.unwrap_or_default().to_vec();
    words.sort();
    words.dedup();
    words
}

/// The extra files with their sources seen from the repository's root.
fn files_in_image(service: &Service) -> Vec<ExtraFile> {
    let files = service.settings.files.iter().flatten().cloned();
    files
        .map(|file| match file.image {
            Some(_) => file,
            None => ExtraFile { from: in_repository(service, &file.from).into_string(), ..file },
        })
        .collect()
}

/// A path or glob relative to a service's folder, seen from the repository's root; [`check_paths`] saw that it is inside.
fn in_repository(service: &Service, path: &str) -> Utf8PathBuf {
    resolve(&service.dir, path).unwrap_or_default()
}
