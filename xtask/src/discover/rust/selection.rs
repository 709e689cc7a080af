//! The packages that one `cargo build` selects together.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Package;
use crate::service::{Service, Source};

/// A package that is selected, with the features that its service asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selected {
    /// The package's name.
    pub name: String,
    /// The package's folder.
    pub dir: Utf8PathBuf,
    /// Its features, sorted.
    pub features: Vec<String>,
}

/// The packages that are selected together with `package`, the one of `service`, sorted by name: all services of the
/// workspace, so that one layer of crates serves them all. Cargo unifies their features. Where two have a binary of one
/// name, each is built alone: asking Cargo for the binary would build both, one over the other.
pub fn selection(service: &Service, package: &Package, all: &[Service]) -> Vec<Selected> {
    let mut selected = BTreeMap::from([(package.name.as_str(), own(service, package))]);
    let mut owner: BTreeMap<&str, &Utf8Path> =
        package.bins.iter().map(|bin| (bin.as_str(), package.dir.as_path())).collect();
    for other in all.iter().filter(|other| other.selected) {
        let Source::Rust(other_package) = &other.source else { continue };
        let same_stages = other_package.workspace == package.workspace
            && other.settings.packages == service.settings.packages
            && other.settings.builder == service.settings.builder;
        if !same_stages {
            continue;
        }
        for bin in &other_package.bins {
            if owner.insert(bin, &other_package.dir).is_some_and(|dir| dir != other_package.dir) {
                return vec![own(service, package)];
            }
        }
        let entry = selected.entry(&other_package.name).or_insert_with(|| own(other, other_package));
        entry.features.extend(own(other, other_package).features);
        entry.features.sort();
        entry.features.dedup();
    }
    selected.into_values().collect()
}

fn own(service: &Service, package: &Package) -> Selected {
    let mut features = service.settings.features.clone().unwrap_or_default();
    features.sort();
    features.dedup();
    Selected { name: package.name.clone(), dir: package.dir.clone(), features }
}
