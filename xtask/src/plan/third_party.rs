//! What the services of a workspace have in common, above all what they want of other people's packages: one layer holds
//! it compiled for all.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::{Planned, sorted};
use crate::discover::rust::{self, Place};
use crate::files::tree::Below as _;

/// Other people's package, as the services that share a layer want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crate {
    /// Its name as a dependency.
    pub key: String,
    /// Its own name.
    pub name: String,
    /// The versions that will do; empty for one from git.
    pub version: String,
    /// Where it comes from, as Cargo writes it; none for crates.io.
    pub source: Option<String>,
    /// The only platforms it is for: a triple or `cfg(…)`.
    pub target: Option<String>,
    /// Whether it is compiled for the builder: a build script or a procedural macro uses it.
    pub on_builder: bool,
    /// Whether Cargo has to know of it and nothing compiles it.
    pub optional: bool,
    /// Whether its default features are on.
    pub default_features: bool,
    /// Its features that are on, sorted.
    pub features: Vec<String>,
}

/// What services have to have in common for one layer of compiled crates to serve them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stages<'a> {
    workspace: &'a Utf8Path,
    builder: Option<&'a str>,
    packages: Vec<String>,
    secrets: Vec<String>,
    /// The folder of a service that shares with no other.
    alone: Option<&'a Utf8Path>,
}

/// What services have in common that can share layers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SharedCrates {
    /// Other people's packages, as they want them together, sorted.
    pub third_party: Vec<Crate>,
    /// Their packages, sorted: where nothing is compiled apart, one command compiles them with these features.
    pub selection: Vec<Selected>,
    /// Their features, as `package/feature`, sorted.
    pub selection_features: Vec<String>,
}

/// The package of a service. Other people's may have its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Selected {
    /// The package's name.
    pub name: String,
    /// Its folder, from the repository's root.
    pub dir: Utf8PathBuf,
}

/// What all services have in common, by what lets them share layers.
#[derive(Debug, Default)]
pub(super) struct Groups<'a>(BTreeMap<Stages<'a>, SharedCrates>);

impl<'a> Stages<'a> {
    fn of(planned: &'a Planned, package: &'a rust::Package) -> Self {
        let settings = &planned.service.settings;
        Self {
            workspace: &package.workspace,
            builder: settings.builder.as_deref(),
            packages: sorted(settings.packages.as_deref()),
            secrets: sorted(settings.secrets.as_deref()),
            alone: (settings.own_features == Some(true)).then_some(&*package.dir),
        }
    }
}

impl<'a> Groups<'a> {
    pub(super) fn of(all: &'a [Planned]) -> Self {
        let mut groups: BTreeMap<Stages, Vec<(&rust::Package, &rust::Inputs)>> = BTreeMap::new();
        for planned in all {
            if let Some((package, inputs)) = planned.rust() {
                groups.entry(Stages::of(planned, package)).or_default().push((package, inputs));
            }
        }
        Self(groups.into_iter().map(|(stages, services)| (stages, SharedCrates::of(&services))).collect())
    }

    pub(super) fn shared(&self, planned: &'a Planned, package: &'a rust::Package) -> SharedCrates {
        let mut shared = self.0.get(&Stages::of(planned, package)).cloned().unwrap_or_default();
        let own = Selected::from(package);
        if !shared.selection.contains(&own) {
            shared.selection = vec![own];
            shared.selection_features =
                planned.rust().into_iter().flat_map(|(_, inputs)| inputs.features_of(package)).collect();
        }
        shared
    }
}

impl Selected {
    /// The package for Cargo, by its folder in the repository at `root`: by its name it could be another one that it
    /// depends on.
    pub(crate) fn specification(&self, root: &Utf8Path) -> String {
        let folder = root.below(&self.dir);
        let mut url = String::from("file://");
        // Cargo's own reader of URLs escapes the rest as Cargo does.
        for character in folder.as_str().trim_end_matches('/').chars() {
            match character {
                '%' | '#' | '?' | '\\' => url.push_str(&format!("%{:02X}", u32::from(character))),
                character => url.push(character),
            }
        }
        format!("{url}#{}", self.name)
    }
}

impl From<&rust::Package> for Selected {
    fn from(package: &rust::Package) -> Self {
        Self { name: package.name.clone(), dir: package.dir.clone() }
    }
}

impl SharedCrates {
    fn of(services: &[(&rust::Package, &rust::Inputs)]) -> Self {
        let wanted: Vec<_> = services.iter().flat_map(|(_, inputs)| &inputs.third_party).collect();
        let mut shared = Self { third_party: together(&wanted), ..Self::default() };
        // Where two have a binary of one name, asking Cargo for it would build both, one over the other.
        let mut owners: BTreeMap<&str, &Utf8Path> = BTreeMap::new();
        let bins =
            services.iter().flat_map(|(package, _)| package.bins.iter().map(|bin| (bin.as_str(), &*package.dir)));
        for (bin, owner) in bins {
            if owners.insert(bin, owner).is_some_and(|other| other != owner) {
                return shared;
            }
        }
        let packages: BTreeSet<_> = services.iter().map(|(package, _)| Selected::from(*package)).collect();
        let features: Vec<_> = services.iter().flat_map(|(package, inputs)| inputs.features_of(package)).collect();
        shared.selection = packages.into_iter().collect();
        shared.selection_features = sorted(Some(&features));
        shared
    }
}

/// One crate for each place, with all that is wanted of it.
fn together(wanted: &[&rust::ThirdParty]) -> Vec<Crate> {
    let which = |place: &Place| (place.name.clone(), place.version.clone(), place.source.clone());
    let on: BTreeSet<_> = wanted.iter().filter(|crate_| crate_.is_on).map(|crate_| which(&crate_.place)).collect();
    let mut crates: BTreeMap<&Place, Crate> = BTreeMap::new();
    for crate_ in wanted.iter().filter(|crate_| crate_.is_on || !on.contains(&which(&crate_.place))) {
        let place = &crate_.place;
        let merged = crates.entry(place).or_insert_with(|| Crate {
            key: String::new(),
            name: place.name.clone(),
            version: place.version.clone(),
            source: place.source.clone(),
            target: place.target.clone(),
            on_builder: place.on_builder,
            optional: !crate_.is_on,
            default_features: false,
            features: Vec::new(),
        });
        merged.default_features |= crate_.default_features;
        merged.features.extend(crate_.features.iter().cloned());
    }
    let mut crates: Vec<_> = crates.into_values().collect();
    for merged in &mut crates {
        merged.features = sorted(Some(&merged.features));
    }
    name(&mut crates);
    crates
}

/// Gives every crate a key: its name, with a number where there are several versions.
fn name(crates: &mut [Crate]) {
    let mut versions: BTreeMap<String, BTreeSet<(String, Option<String>)>> = BTreeMap::new();
    for crate_ in crates.iter() {
        versions.entry(crate_.name.clone()).or_default().insert((crate_.version.clone(), crate_.source.clone()));
    }
    for crate_ in crates {
        let which = (crate_.version.clone(), crate_.source.clone());
        let all = &versions[&crate_.name];
        crate_.key = match all.iter().position(|other| *other == which) {
            Some(position) if all.len() > 1 => format!("{}-{}", crate_.name, position + 1),
            _ => crate_.name.clone(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, version: &str, is_on: bool, features: &[&str]) -> rust::ThirdParty {
        rust::ThirdParty {
            place: Place {
                name: name.to_owned(),
                version: version.to_owned(),
                source: None,
                target: None,
                on_builder: false,
            },
            is_on,
            default_features: features.contains(&"default"),
            features: features.iter().filter(|feature| **feature != "default").map(|text| (*text).to_owned()).collect(),
        }
    }

    fn shown(crates: &[Crate]) -> Vec<String> {
        let show = |crate_: &Crate| {
            let optional = if crate_.optional { " optional" } else { "" };
            let default = if crate_.default_features { " default" } else { "" };
            format!("{} {} {}{default}{optional} {:?}", crate_.key, crate_.name, crate_.version, crate_.features)
        };
        crates.iter().map(show).collect()
    }

    #[test]
    fn what_several_want_is_wanted_of_one() {
        let all = [
            wanted("tokio", "1", true, &["rt"]),
            wanted("tokio", "1", true, &["net", "default"]),
            wanted("tokio", "1", false, &[]),
            wanted("win", "0.3", false, &[]),
        ];
        let crates = together(&all.iter().collect::<Vec<_>>());
        assert_eq!(shown(&crates), [r#"tokio tokio 1 default ["net", "rt"]"#, "win win 0.3 optional []"]);
    }

    #[test]
    fn two_versions_have_two_keys() {
        let all = [wanted("rand", "0.9", true, &[]), wanted("rand", "0.8", true, &[]), wanted("x", "1", true, &[])];
        let crates = together(&all.iter().collect::<Vec<_>>());
        assert_eq!(shown(&crates), ["rand-1 rand 0.8 []", "rand-2 rand 0.9 []", "x x 1 []"]);
    }

    #[test]
    fn a_package_is_selected_by_its_folder() {
        let selected = |dir: &str| Selected { name: "itoa".to_owned(), dir: dir.into() };
        let specification = |dir: &str| selected(dir).specification("/home/me/a b#1".into());
        assert_eq!(specification("50%/itoa"), "file:///home/me/a b%231/50%25/itoa#itoa");
        assert_eq!(specification(""), "file:///home/me/a b%231#itoa");
    }
}
