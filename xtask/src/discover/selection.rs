//! Which services become images, and the reason to tell.

use camino::Utf8Path;

use crate::config::Settings;
use crate::service::{Service, Source};

/// Folders that hold programs for the repository's own use.
const NOT_SHIPPED: [&str; 7] = ["tests", "testdata", "examples", "tools", "hack", "scripts", "docs"];

/// Decides whether an image is made of the service.
pub(super) fn select(service: &mut Service, settings: &Settings) {
    (service.selected, service.reason) = decide(service, settings);
}

fn decide(service: &Service, settings: &Settings) -> (bool, String) {
    if service.settings.skip == Some(true) {
        return (false, format!("`skip` is set in {}", service.settings_place()));
    }
    if let Some(glob) = matching(&settings.exclude, &service.dir) {
        return (false, format!("the settings exclude `{glob}`"));
    }
    if let Some(glob) = matching(&settings.include, &service.dir) {
        return (true, format!("the settings include `{glob}`"));
    }
    if let Some(folder) = not_shipped(&service.dir) {
        return (false, format!("lies under `{folder}`, which holds no services by default"));
    }
    match &service.source {
        Source::Rust(package) if package.name == "xtask" => (false, "is the repository's own task runner".to_owned()),
        Source::Rust(package) if package.is_fuzzer => (false, "holds fuzz targets".to_owned()),
        Source::Rust(_) => (true, "a Rust package with a binary".to_owned()),
        Source::Go(_) => (true, "a Go main package".to_owned()),
    }
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

fn not_shipped(dir: &Utf8Path) -> Option<&'static str> {
    NOT_SHIPPED.into_iter().find(|name| dir.components().any(|part| part.as_str() == *name))
}
