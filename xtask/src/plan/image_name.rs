//! Names that a registry accepts, each once.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::error::Error;
use crate::oci::reference::{is_name, nearest_name};
use crate::service::Service;

/// The group that bake builds when nothing is named.
const ALL: &str = "default";

/// Checks the names of the selected services.
pub(super) fn check<'a>(services: impl Iterator<Item = &'a Service>) -> Result<()> {
    let mut named: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
    for service in services {
        if !is_valid(&service.name) {
            let place = service.settings_place();
            let dir = if service.dir.as_str().is_empty() { "." } else { service.dir.as_str() };
            let hint = match nearest_name(&service.name) {
                Some(name) => format!("name = \"{name}\" in {place}"),
                None => format!("set `name` in {place}"),
            };
            return Err(Error::usage(format!(
                "{dir}: `{}` is no image name: expected lower-case letters and digits, with `.`, `_`, `__` or any number \
                 of `-` between them",
                service.name
            ))
            .hint(hint)
            .into());
        }
        if service.name == ALL {
            return Err(Error::usage(format!("{}: `{ALL}` means all images to bake, and can name none", service.dir))
                .hint(format!("set `name` in {}", service.settings_place()))
                .into());
        }
        // Bake target names know no dot, so two names that differ by it only would clash there.
        named.entry(service.name.replace('.', "-")).or_default().push(service);
    }
    named.into_values().find_map(|services| clash(&services)).map_or(Ok(()), |error| Err(error.into()))
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
