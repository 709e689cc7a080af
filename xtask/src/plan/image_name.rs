//! Names that a registry accepts, each once.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8Path;

use super::target_name;
use crate::error::Error;
use crate::oci::reference::{is_name, nearest_name};
use crate::service::Service;

/// The group that bake builds when nothing is named.
const ALL: &str = "default";

/// Checks the name of a service.
pub(super) fn check(service: &Service) -> Result<()> {
    let Service { name, dir, .. } = service;
    let place = service.settings_place();
    let dir = if dir.as_str().is_empty() { "." } else { dir.as_str() };
    let (problem, hint) = if !is_valid(name) {
        let hint = match nearest_name(name) {
            Some(nearest) => format!("name = \"{nearest}\" in {place}"),
            None => format!("set `name` in {place}"),
        };
        let problem = format!(
            "{dir}: `{name}` is no image name: expected lower-case letters and digits, with `.`, `_`, `__` or any number \
             of `-` between them"
        );
        (problem, hint)
    } else if name == ALL {
        (format!("{dir}: `{ALL}` means all images to bake, and can name none"), format!("set `name` in {place}"))
    } else {
        return Ok(());
    };
    Err(Error::usage(problem).hint(hint).into())
}

/// What is wrong with services that share a name with another, by name and folder.
pub(super) fn clashes<'a>(services: impl Iterator<Item = &'a Service>) -> BTreeMap<(&'a str, &'a Utf8Path), Error> {
    let mut named: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
    for service in services {
        // Bake target names know no dot, so two names that differ by it only would clash there.
        named.entry(target_name(&service.name)).or_default().push(service);
    }
    let mut clashes = BTreeMap::new();
    for services in named.into_values() {
        let Some(error) = clash(&services) else { continue };
        clashes.extend(services.iter().map(|service| ((&*service.name, &*service.dir), error.clone())));
    }
    clashes
}

/// What is wrong where more than one service has a name.
fn clash(services: &[&Service]) -> Option<Error> {
    let [first, _, ..] = services else { return None };
    let problem = match services.iter().find(|service| service.name != first.name) {
        Some(other) => {
            let named = |service: &Service| format!("`{}` ({})", service.name, service.dir);
            format!("two names differ by a dot only: {} and {}", named(first), named(other))
        }
        None => {
            let folders: Vec<_> = services.iter().map(|service| service.dir.as_str()).collect();
            format!("{} services are named `{}`: {}", services.len(), first.name, folders.join(", "))
        }
    };
    let places: Vec<_> = services.iter().map(|service| service.settings_place()).collect();
    Some(Error::usage(problem).hint(format!("set `name` in all but one of: {}", places.join(", "))))
}

/// Whether a name can stand as the last part of an image reference, and be a file's.
fn is_valid(name: &str) -> bool {
    name.len() <= 128 && is_name(name)
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn image_names() {
        for name in ["worker", "product-catalog", "a1", "a.b_c", "a--b", "a__b"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "Worker", "a___b", "-a", "a-", "ünder", "a b", "a/b"] {
            assert!(!is_valid(name), "{name}");
        }
    }
}
