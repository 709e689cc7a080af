//! Which services become images, and the reason to tell.

mod folders;
mod program;

use camino::Utf8Path;

use crate::config::Settings;
use crate::files::tree::Tree;
use crate::service::{Service, Source};
use folders::not_shipped;

/// Decides whether an image is made of the service.
pub(super) fn select(tree: &Tree, service: &mut Service, settings: &Settings) {
    (service.selected, service.reason) = decide(tree, service, settings);
}

fn decide(tree: &Tree, service: &Service, settings: &Settings) -> (bool, String) {
    if service.settings.skip == Some(true) {
        return (false, format!("`skip` is set in {}", service.settings_place()));
    }
    if let Some(glob) = matching(&settings.exclude, &service.dir) {
        return (false, format!("the settings exclude `{glob}`"));
    }
    let (on, left_out) = by_features(service);
    if on == 0 && !left_out.is_empty() {
        return (false, format!("requires features that are off: {}", left_out.join(", ")));
    }
    let (is_selected, reason) = decide_by_place(tree, service, settings);
    match left_out.as_slice() {
        [] => (is_selected, reason),
        left_out => (is_selected, format!("{reason}; left out: {}", left_out.join(", "))),
    }
}

/// How many binaries of a Rust service are built, and those that are left out, each with the setting that it lacks.
fn by_features(service: &Service) -> (usize, Vec<String>) {
    let Source::Rust(package) = &service.source else { return (1, Vec::new()) };
    let settings = &service.settings;
    let features = settings.features.as_deref().unwrap_or_default();
    let is_one_of_many = settings.image_per_binary == Some(true);
    let names_some = settings.bins.as_ref().is_some_and(|bins| !bins.is_empty());
    let bins = if is_one_of_many || names_some { &service.bins } else { &package.bins };
    let lacking = |bin: &String| Some(format!("{bin} without `{}`", package.lacks_setting(bin, features)?));
    let left_out: Vec<_> = bins.iter().filter_map(lacking).collect();
    (bins.len() - left_out.len(), left_out)
}

fn decide_by_place(tree: &Tree, service: &Service, settings: &Settings) -> (bool, String) {
    if service.settings.skip == Some(false) {
        return (true, format!("`skip = false` is set in {}", service.settings_place()));
    }
    if let Some(glob) = matching(&settings.include, &service.dir) {
        return (true, format!("the settings include `{glob}`"));
    }
    if let Some(why_not) = left_out_by_default(tree, service) {
        return (false, why_not);
    }
    let what = match &service.source {
        Source::Rust(_) => "a Rust package with a binary",
        Source::Go(_) => "a Go main package",
    };
    (true, what.to_owned())
}

/// Why no image is made of a service that the settings say nothing about.
fn left_out_by_default(tree: &Tree, service: &Service) -> Option<String> {
    if let Some(folder) = not_shipped(&service.dir) {
        return Some(format!("lies under `{folder}`, which holds no services by default"));
    }
    let (name, is_root) = match &service.source {
        Source::Rust(package) if package.name == "xtask" => {
            return Some("is the repository's own task runner".to_owned());
        }
        Source::Rust(package) if package.is_fuzzer => return Some("holds fuzz targets".to_owned()),
        Source::Rust(package) => (package.name.as_str(), package.dir == package.workspace),
        Source::Go(main) => (main.name.as_str(), main.dir == main.module.dir),
    };
    if !is_root && folders::is_helper(name) {
        return Some(format!("is a helper by its name: `{name}`"));
    }
    program::cannot_run(tree, service)
}

/// Whether what stands at a path is left out by the settings or by default.
pub(super) fn is_left_out(path: &Utf8Path, settings: &Settings) -> bool {
    let folder = path.parent().unwrap_or(path);
    matching(&settings.exclude, folder).is_some()
        || matching(&settings.include, folder).is_none() && not_shipped(folder).is_some()
}

fn matching<'a>(globs: &'a [String], dir: &Utf8Path) -> Option<&'a str> {
    let matches =
        |glob: &str| dir.ancestors().any(|folder| fast_glob::glob_match(glob.trim_end_matches('/'), folder.as_str()));
    globs.iter().map(String::as_str).find(|glob| matches(glob))
}
