//! From files to services: what is there, what of it becomes an image, and why.

mod evidence;
pub mod go;
pub mod hidden;
mod listing;
mod naming;
mod paths;
pub mod rust;
mod selection;

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::config::{self, ServiceSettings, Settings};
use crate::error::Error;
use crate::files::tree::{Below as _, Tree};
use crate::parallel;
use crate::quote;
use crate::service::{Service, Source};
use crate::suggest::nearest;

pub use hidden::Hidden;
pub use listing::{Explanation, Lister, Listing, Listings};
pub use naming::Renamed;
pub(crate) use paths::{alternatives, resolve};

/// What a repository holds.
#[derive(Debug)]
pub struct Discovery {
    /// Every service, sorted by name, then by folder.
    pub services: Vec<Service>,
    /// The Rust side, for the closures of its packages.
    pub rust: rust::RustTree,
    /// Services that go by another name than their own, by that and their folder.
    pub renamed: Vec<Renamed>,
    /// What could not be read and keeps no service from being planned, as far as that is known.
    pub problems: Vec<Problem>,
}

/// A part of the repository that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// The file or folder, from the repository's root, with the line where it is known.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    /// The problem as the reason why a service in a folder cannot be planned.
    fn fault(&self, service: &Utf8Path) -> Error {
        let file = self.place.split(':').next().unwrap_or(&self.place);
        let folder = Utf8Path::new(file).parent().unwrap_or(Utf8Path::new(""));
        // To leave out the root would be to leave out everything; and what is elsewhere is not what stops the service.
        let is_to_leave_out = !folder.as_str().is_empty() && service.starts_with(folder);
        let hint = if is_to_leave_out {
            format!("fix it, or leave it out: {}", selection::exclude(folder))
        } else {
            "fix it, then repeat the command".to_owned()
        };
        Error::usage(format!("{}: {}", self.place, self.message)).hint(hint)
    }
}

impl Service {
    /// The service, kept from being planned by what could not be read.
    fn broken_by(self, problem: &Problem) -> Self {
        // Its settings were not read where the manifest that holds them does not parse.
        Self { fault: Some(problem.fault(&self.dir)), ..self }
    }
}

/// What an image is built from, by language.
#[derive(Debug, Clone)]
pub enum Inputs {
    /// Of a Go main package.
    Go(Box<go::Inputs>),
    /// Of a Rust package.
    Rust(Box<rust::Inputs>),
}

impl Inputs {
    /// What the builder is not shown.
    pub fn hidden(&self) -> &Hidden {
        match self {
            Self::Go(inputs) => &inputs.hidden,
            Self::Rust(inputs) => &inputs.hidden,
        }
    }
}

/// Whether a path or a name has the marks of a template, which a program fills in before anything is compiled.
fn is_template(text: &str) -> bool {
    ["{{", "{%", "<%"].iter().any(|mark| text.contains(mark))
}

/// Finds every service of the repository. `owners` are names of images with the folders of the services that have them
/// already.
///
/// # Errors
/// Settings of the repository that are wrong, a folder that cannot be read. A module, workspace or source that cannot be
/// read is the fault of the services that need it; where none does, it is a [`Problem`], and stops nothing.
pub fn discover(tree: &Tree, settings: &Settings, owners: &[(String, Utf8PathBuf)]) -> Result<Discovery> {
    // Both sides look into every folder. Listed once, they are not listed by both at the same time.
    tree.folders()?;
    let (go, rust) = std::thread::scope(|scope| {
        let rust = scope.spawn(|| rust::RustTree::read(tree));
        (go::read(tree), rust.join())
    });
    let go = go?;
    let rust = rust.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut services = Vec::new();
    for main in go.mains {
        services.push(go_service(tree, main));
    }
    services.extend(go.broken.into_iter().map(|(main, problem)| go_service(tree, main).broken_by(&problem)));
    for package in rust.workspaces.iter().flat_map(|workspace| &workspace.packages) {
        if !package.bins.is_empty() {
            services.extend(rust_services(tree, package));
        }
    }
    for (package, problem) in &rust.broken {
        services.extend(rust_services(tree, package).into_iter().map(|service| service.broken_by(problem)));
    }
    for service in &mut services {
        apply_settings(service, settings);
    }
    selection::select(tree, &mut services, settings)?;
    check_settings_names(&services, settings)?;
    let renamed = naming::tell_apart(&mut services, owners);
    services.sort_by(|a, b| (&a.name, &a.dir).cmp(&(&b.name, &b.dir)));
    let mut problems: Vec<_> = go.problems.into_iter().chain(rust.problems.iter().cloned()).collect();
    problems.retain(|problem| !selection::is_left_out(Utf8Path::new(&problem.place), settings));
    problems.sort();
    Ok(Discovery { services, rust, renamed, problems })
}

/// Reads what the image of a service is built from.
///
/// # Errors
/// A Go file or import that Go would refuse, a source that cannot be read.
pub fn inputs(tree: &Tree, discovery: &Discovery, service: &Service, platforms: &[String]) -> Result<Inputs> {
    service.sound()?;
    match &service.source {
        Source::Go(main) => {
            let mut inputs = go::inputs(tree, main, &go_flags(service, main, platforms))?;
            inputs.hidden = hidden_of_go(tree, service, &inputs)?;
            Ok(Inputs::Go(Box::new(inputs)))
        }
        Source::Rust(package) => {
            let mut inputs = rust_inputs(tree, discovery, service, package, platforms)?;
            inputs.hidden = inputs.hidden(tree)?;
            Ok(Inputs::Rust(Box::new(inputs)))
        }
    }
}

/// What an ignore file of a Go service hides. It shows files by their names, but for folders that are embedded, or that
/// keys name. Of the former Go leaves out what its name hides, unless the pattern begins with `all:`.
fn hidden_of_go(tree: &Tree, service: &Service, inputs: &go::Inputs) -> Result<Hidden> {
    let mut hidden = Hidden::default();
    for package in &inputs.packages {
        for pattern in package.embeds.iter().filter(|pattern| !pattern.starts_with("all:")) {
            let folder = package.dir.below(pattern);
            if tree.is_folder(&folder) {
                let folder = quote::ignore_pattern(folder.as_str());
                hidden.patterns.extend([".*", "_*"].map(|names| format!("{folder}/**/{names}")));
            }
        }
        let files = package.files.iter().map(|file| package.dir.below(file));
        let embedded = package.embeds.iter().map(|pattern| pattern.strip_prefix("all:").unwrap_or(pattern));
        let embedded = embedded.map(|pattern| package.dir.below(pattern)).filter(|path| tree.exists(path));
        hidden.needed.extend(hidden::ignored_of(tree, &files.chain(embedded).collect::<Vec<_>>())?);
    }
    let modules = inputs.module_files.iter().chain(&inputs.named).chain(&inputs.vendor);
    hidden.needed.extend(hidden::ignored_of(tree, modules)?);
    hidden.needed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let keys =
        service.settings.inputs.iter().flatten().chain(service.settings.files.iter().flatten().map(|file| &file.from));
    hidden.guards = keys.filter_map(|key| resolve(&service.dir, key)).any(|path| !tree.is_file(&path));
    Ok(hidden)
}

/// The shortest way of imports from a Go service into each of these modules, or of dependencies from a Rust service to
/// each of these crates; see [`go::ways_into`] and [`rust::ways_into`].
///
/// # Errors
/// What Go would refuse, with its file and line; or a lock file that cannot be read.
pub fn ways_into(
    tree: &Tree,
    discovery: &Discovery,
    service: &Service,
    platforms: &[String],
    names: &[&str],
) -> Result<BTreeMap<String, String>> {
    service.sound()?;
    match &service.source {
        Source::Go(main) => go::ways_into(tree, main, &go_flags(service, main, platforms), names),
        Source::Rust(package) => rust::ways_into(tree, &discovery.rust, package, names),
    }
}

/// [`inputs`] for many services, in parallel and in their order.
pub fn inputs_of_all(
    tree: &Tree,
    discovery: &Discovery,
    services: &[&Service],
    platforms: &[String],
) -> Vec<Result<Inputs>> {
    prepare(tree, services, platforms);
    parallel::map(services, parallel::SMALL, |service| inputs(tree, discovery, service, platforms))
}

/// Reads what the services have in common.
fn prepare(tree: &Tree, services: &[&Service], platforms: &[String]) {
    let sound = services.iter().filter(|service| service.fault.is_none());
    let go = sound.filter_map(|service| match &service.source {
        Source::Go(main) => Some((main, go_flags(service, main, platforms))),
        Source::Rust(_) => None,
    });
    go::prepare(tree, &go.collect::<Vec<_>>());
}

fn rust_inputs(
    tree: &Tree,
    discovery: &Discovery,
    service: &Service,
    package: &rust::Package,
    platforms: &[String],
) -> Result<rust::Inputs> {
    let mut features = service.settings.features.clone().unwrap_or_default();
    features.sort();
    features.dedup();
    let request = rust::Request { package, bins: &service.bins, features, platforms };
    rust::inputs(tree, &discovery.rust, &request)
}

fn go_flags(service: &Service, main: &go::Main, platforms: &[String]) -> go::Flags {
    let mut goarchs: Vec<String> =
        platforms.iter().filter_map(|platform| platform.split_once('/')).map(|(_, rest)| rest.to_owned()).collect();
    if goarchs.is_empty() {
        // Both that a laptop or a runner may have, so that the generated files are the same on each.
        goarchs = vec!["amd64".to_owned(), "arm64".to_owned()];
    }
    goarchs.sort();
    goarchs.dedup();
    go::Flags {
        goarchs,
        cgo: service.settings.cgo.unwrap_or(false),
        tags: service.settings.tags.clone().unwrap_or_default(),
        go_minor: crate::plan::go_minor(&main.lines),
    }
}

fn go_service(tree: &Tree, main: go::Main) -> Service {
    let file = main.dir.below("image.toml");
    let settings = tree.read_text(&file).and_then(|text| match text {
        Some(text) => config::parse_image_file(&file, &text),
        None => Ok(ServiceSettings::default()),
    });
    let (settings, fault) = or_fault(settings);
    Service {
        name: main.name.clone(),
        dir: main.dir.clone(),
        bins: vec![main.name.clone()],
        selected: true,
        reason: String::new(),
        fault,
        settings,
        source: Source::Go(main),
    }
}

/// The settings of a service, or none and what is wrong with them.
fn or_fault(settings: Result<ServiceSettings>) -> (ServiceSettings, Option<Error>) {
    match settings {
        Ok(settings) => (settings, None),
        Err(error) => (ServiceSettings::default(), Some(Error::of(&error))),
    }
}

/// The services of a package: one, or one for each binary.
fn rust_services(tree: &Tree, package: &rust::Package) -> Vec<Service> {
    let manifest = package.manifest();
    let settings = tree.read_text(&manifest).and_then(|text| {
        let text = text.unwrap_or_default();
        config::parse_package_manifest(&manifest, &text)
    });
    let (settings, fault) = or_fault(settings);
    let service = |name: &str, bins: Vec<String>| Service {
        name: name.to_owned(),
        dir: package.dir.clone(),
        bins,
        selected: true,
        reason: String::new(),
        fault: fault.clone(),
        settings: settings.clone(),
        source: Source::Rust(package.clone()),
    };
    if settings.image_per_binary == Some(true) {
        return package.bins.iter().map(|bin| service(bin, vec![bin.clone()])).collect();
    }
    vec![service(&package.name, Vec::new())]
}

/// Applies the repository's word about a service, then works out name and binaries.
fn apply_settings(service: &mut Service, settings: &Settings) {
    let keys = [service.name.clone(), service.folder().to_owned()];
    for stronger in keys.iter().filter_map(|key| settings.services.get(key)) {
        service.settings = std::mem::take(&mut service.settings).overridden_by(stronger);
    }
    if let Some(name) = &service.settings.name {
        service.name.clone_from(name);
    }
    if service.bins.is_empty()
        && let Source::Rust(package) = &service.source
    {
        match package_bins(package, service) {
            Ok(bins) => service.bins = bins,
            Err(error) => service.fault = service.fault.take().or(Some(Error::of(&error))),
        }
    }
}

/// The binaries of a package's image, the entrypoint first; all whose features are on where the settings name none.
fn package_bins(package: &rust::Package, service: &Service) -> Result<Vec<String>> {
    let features = service.settings.features.as_deref().unwrap_or_default();
    if let Some(wanted) = &service.settings.bins {
        if let Some(unknown) = wanted.iter().find(|bin| !package.bins.contains(bin)) {
            let known = package.bins.join(", ");
            return Err(Error::usage(format!(
                "{}: `bins` names `{unknown}`, no binary of {}",
                package.manifest(),
                package.name
            ))
            .hint(format!("the package's binaries are: {known}"))
            .into());
        }
        if let Some((bin, key)) = wanted.iter().find_map(|bin| Some((bin, package.lacks_setting(bin, features)?))) {
            let (manifest, off) = (package.manifest(), package.features_off(bin, features).join("` and `"));
            let what = format!("{manifest}: `bins` names `{bin}`, which requires the feature `{off}`, and that is off");
            return Err(Error::usage(what).hint(format!("set `{key}` under {}", service.settings_place())).into());
        }
        if !wanted.is_empty() {
            return Ok(wanted.clone());
        }
    }
    let all = package.bins.iter().map(String::as_str);
    let on: Vec<_> = all.filter(|bin| package.features_off(bin, features).is_empty()).collect();
    let main = package.main_binary(&on);
    let rest = on.iter().copied().filter(|bin| Some(*bin) != main);
    Ok(main.into_iter().chain(rest).map(str::to_owned).collect())
}

impl Discovery {
    /// The name of the service that a person means: by its name, its folder, or the name that it shares with others.
    ///
    /// # Errors
    /// Several services have the name as their own.
    pub fn name_of<'a>(&'a self, asked: &'a str) -> Result<&'a str> {
        if self.services.iter().any(|service| service.name == asked) {
            return Ok(asked);
        }
        let folder = asked.trim_start_matches("./").trim_end_matches('/');
        let mut there = self.services.iter().filter(|service| service.folder() == folder);
        if let (Some(service), None) = (there.next(), there.next()) {
            return Ok(&service.name);
        }
        let same: Vec<_> = self.renamed.iter().filter(|renamed| renamed.own == asked).collect();
        match same[..] {
            [] => Ok(asked),
            [one] => Ok(&one.name),
            _ => {
                let all: Vec<_> = same.iter().map(|renamed| format!("{} ({})", renamed.name, renamed.dir)).collect();
                let what = format!("{} services are named `{asked}`: {}", same.len(), all.join(", "));
                Err(Error::usage(what).hint(format!("name one of them, e.g. `{}`", same[0].name)).into())
            }
        }
    }
}

/// A `[services.NAME]` table must speak of one service that exists.
fn check_settings_names(services: &[Service], settings: &Settings) -> Result<()> {
    let names = || {
        services.iter().flat_map(|service| {
            let (own, bins) = match &service.source {
                Source::Go(main) => (&main.name, [].as_slice()),
                Source::Rust(package) => (&package.name, service.bins.as_slice()),
            };
            [own, &service.name].into_iter().chain(bins).map(String::as_str).chain([service.folder()])
        })
    };
    for name in settings.services.keys() {
        let same: Vec<_> = services.iter().filter(|service| service.selected && own_name(service) == name).collect();
        if let [first, _, ..] = same[..] {
            let folders: Vec<_> = same.iter().map(|service| service.folder()).collect();
            let what = format!("the settings name `{name}`, and {} services are: {}", same.len(), folders.join(", "));
            let hint = format!("name one by its folder: [services.\"{}\"]", first.folder());
            return Err(Error::usage(what).hint(hint).into());
        }
        if !names().any(|known| known == name) {
            return Err(
                unknown_service(format!("the settings name `{name}`, which no service is"), name, names()).into()
            );
        }
    }
    Ok(())
}

/// The name of a service's executable or package.
fn own_name(service: &Service) -> &str {
    match &service.source {
        Source::Go(main) => &main.name,
        Source::Rust(_) if service.settings.image_per_binary == Some(true) => &service.name,
        Source::Rust(package) => &package.name,
    }
}

/// The error for a name that no service has; `problem` says where it was read.
pub fn unknown_service<'a>(problem: String, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let error = Error::usage(problem);
    match nearest(name, known) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`? `cargo xtask list` shows all")),
        None => error.hint("`cargo xtask list` shows what was found"),
    }
}
