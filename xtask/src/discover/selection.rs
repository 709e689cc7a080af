//! Which services become images, and the reason to tell.

mod folders;
mod program;

use anyhow::Result;
use camino::Utf8Path;

use super::evidence::{self, Evidence};

use crate::config::Settings;
use crate::files::tree::Tree;
use crate::quote;
use crate::service::{Service, Source};

pub(super) use folders::not_shipped;

/// Decides of which services images are made.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn select(tree: &Tree, services: &mut [Service], settings: &Settings) -> Result<()> {
    let shipped = evidence::shipped(tree, services)?;
    for (place, service) in services.iter_mut().enumerate() {
        (service.selected, service.reason) = decide(tree, service, settings, shipped.of(place, service));
    }
    Ok(())
}

fn decide(tree: &Tree, service: &Service, settings: &Settings, evidence: Evidence<'_>) -> (bool, String) {
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
    let (is_selected, reason) = decide_by_place(tree, service, settings, evidence);
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

fn decide_by_place(tree: &Tree, service: &Service, settings: &Settings, evidence: Evidence<'_>) -> (bool, String) {
    if service.settings.skip == Some(false) {
        return (true, format!("`skip = false` is set in {}", service.settings_place()));
    }
    if let Some(glob) = matching(&settings.include, &service.dir) {
        return (true, format!("the settings include `{glob}`"));
    }
    if let Some(why_not) = never_shipped(tree, service) {
        return (false, why_not);
    }
    let what = match &service.source {
        Source::Rust(_) => "a Rust package with a binary",
        Source::Go(_) => "a Go main package",
    };
    if let Evidence::ShippedBy(file) = evidence {
        return (true, format!("{what}, shipped by {file}"));
    }
    if let Some(why_not) = left_out_by_name(service) {
        return (false, why_not);
    }
    match evidence {
        // The root of a repository is what it is about.
        Evidence::OnlyOfOthers if !service.dir.as_str().is_empty() => {
            (false, "the Dockerfiles and release files build others only".to_owned())
        }
        Evidence::NamedIn(file) => (true, format!("{what}, named in {file}")),
        _ => (true, what.to_owned()),
    }
}

/// Why a service is none, whatever builds it.
fn never_shipped(tree: &Tree, service: &Service) -> Option<String> {
    match &service.source {
        Source::Rust(package) if package.name == "xtask" => Some("is the repository's own task runner".to_owned()),
        Source::Rust(package) if package.is_fuzzer => Some("holds fuzz targets".to_owned()),
        _ => program::cannot_run(tree, service),
    }
}

/// Why no image is made of a service by where it lies and what it is called.
fn left_out_by_name(service: &Service) -> Option<String> {
    if let Some(folder) = not_shipped(&service.dir) {
        return Some(format!("lies under `{folder}`, which holds no services by default"));
    }
    let (name, is_root) = match &service.source {
        Source::Rust(package) => (&package.name, package.dir == package.workspace),
        Source::Go(main) => (&main.name, main.dir == main.module.dir),
    };
    (!is_root && folders::is_helper(name)).then(|| format!("is a helper by its name: `{name}`"))
}

/// Whether what stands at a path is left out by the settings or by default.
pub(super) fn is_left_out(path: &Utf8Path, settings: &Settings) -> bool {
    let folder = path.parent().unwrap_or(path);
    matching(&settings.exclude, folder).is_some()
        || matching(&settings.include, folder).is_none() && not_shipped(folder).is_some()
}

/// The setting that leaves out a folder and what is below it: its name stands in a glob, and this in TOML.
pub(super) fn exclude(folder: &Utf8Path) -> String {
    let mut glob = String::new();
    for character in folder.as_str().chars() {
        if "*?[]{}!\\".contains(character) {
            glob.push('\\');
        }
        glob.push(character);
    }
    format!("exclude = [{}]", quote::json_string(&glob))
}

fn matching<'a>(globs: &'a [String], dir: &Utf8Path) -> Option<&'a str> {
    let matches =
        |glob: &str| dir.ancestors().any(|folder| fast_glob::glob_match(glob.trim_end_matches('/'), folder.as_str()));
    globs.iter().map(String::as_str).find(|glob| matches(glob))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_excluded_by_the_setting_that_is_suggested_for_it() {
        for name in ["a", "{{crate_name}}", "[id]", "*", "a?", "!x", "a\\b", "it's", "\"quoted\"", "a b/{c,d}/[!e]"] {
            let folder = Utf8Path::new("top").join(name);
            let setting = exclude(&folder);
            let settings: Settings = toml::from_str(&setting).expect("is a setting");
            assert!(matching(&settings.exclude, &folder).is_some(), "{setting}");
            assert!(matching(&settings.exclude, &folder.join("below")).is_some(), "{setting}");
            assert!(matching(&settings.exclude, Utf8Path::new("top/crate")).is_none(), "{setting}");
        }
    }
}
