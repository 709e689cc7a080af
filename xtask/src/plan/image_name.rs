//! Names that a registry accepts, each once.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::error::Error;
use crate::service::Service;

/// The group that bake builds when nothing is named.
const ALL: &str = "default";

/// Checks the names of the selected services.
pub(super) fn check<'a>(services: impl Iterator<Item = &'a Service>) -> Result<()> {
    let mut seen: BTreeMap<String, &Service> = BTreeMap::new();
    for service in services {
        if !is_valid(&service.name) {
            return Err(Error::usage(format!(
                "{}: `{}` is no image name: lower-case letters and digits, with single `.`, `_` or `-` between them",
                service.dir, service.name
            ))
            .hint(format!("set `name` in {}", service.settings_place()))
            .into());
        }
        if service.name == ALL {
            return Err(Error::usage(format!("{}: `{ALL}` means all images to bake, and can name none", service.dir))
                .hint(format!("set `name` in {}", service.settings_place()))
                .into());
        }
        // Bake target names know no dot, so two names that differ by it only would clash there.
        if let Some(other) = seen.insert(service.name.replace('.', "-"), service) {
            let problem = if service.name == other.name {
                format!("two services are named `{}`: {} and {}", service.name, other.dir, service.dir)
            } else {
                let (one, two) = (&other.name, &service.name);
                format!("two names differ by a dot only: `{one}` ({}) and `{two}` ({})", other.dir, service.dir)
            };
            return Err(Error::usage(problem)
                .hint(format!("set `name` in {} or in {}", other.settings_place(), service.settings_place()))
                .into());
        }
    }
    Ok(())
}

/// Whether a name can stand as the last part of an image reference.
fn is_valid(name: &str) -> bool {
    let alphanumeric = |part: &str| {
        !part.is_empty() && part.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
    };
    name.len() <= 128 && name.split(['.', '_', '-']).all(alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn image_names() {
        for name in ["worker", "product-catalog", "a1", "a.b_c"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "Worker", "a--b", "-a", "a-", "ünder", "a b", "a/b"] {
            assert!(!is_valid(name), "{name}");
        }
    }
}
