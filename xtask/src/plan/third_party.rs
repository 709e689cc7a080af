//! What the services of a workspace have in common, above all what they want of other people's packages: one layer holds
//! it compiled for all.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::{Planned, sorted};
use crate::discover::rust::{self, Place};

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
    /// Those that Cargo resolves besides, with more features than are compiled, sorted: a lock file is made for all
    /// features of all members and for every platform.
    pub not_compiled: Vec<Crate>,
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

impl From<&rust::Package> for Selected {
    fn from(package: &rust::Package) -> Self {
        Self { name: package.name.clone(), dir: package.dir.clone() }
    }
}

impl Selected {
    /// The package for Cargo's `--package`, in a repository at `root`: by its folder, since by its name it could be
    /// another one that it depends on.
    pub fn specification(&self, root: &Utf8Path) -> String {
        let folder = root.join(&self.dir);
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

impl SharedCrates {
    fn of(services: &[(&rust::Package, &rust::Inputs)]) -> Self {
        let wanted: Vec<_> = services.iter().flat_map(|(_, inputs)| &inputs.third_party).collect();
        let third_party = together(wanted.iter().copied().filter(|crate_| crate_.is_on).cloned());
        let not_compiled = not_compiled(&wanted, &third_party);
        let mut shared = Self { third_party, not_compiled, ..Self::default() };
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
fn together(wanted: impl Iterator<Item = rust::ThirdParty>) -> Vec<Crate> {
    let mut crates: BTreeMap<Place, Crate> = BTreeMap::new();
    for crate_ in wanted {
        let place = crate_.place;
        let merged = crates.entry(place.clone()).or_insert_with(|| Crate {
            key: String::new(),
            name: place.name,
            version: place.version,
            source: place.source,
            target: place.target,
            on_builder: place.on_builder,
            default_features: false,
            features: Vec::new(),
        });
        merged.default_features |= crate_.default_features;
        merged.features.extend(crate_.features);
    }
    let mut crates: Vec<_> = crates.into_values().collect();
    for merged in &mut crates {
        merged.features = sorted(Some(&merged.features));
    }
    name(&mut crates);
    crates
}

/// What Cargo resolves beyond the crates that are `compiled`. Where it would be compiled does not matter.
fn not_compiled(wanted: &[&rust::ThirdParty], compiled: &[Crate]) -> Vec<Crate> {
    let off = wanted.iter().copied().filter(|crate_| !crate_.is_on).cloned().map(|mut crate_| {
        crate_.place.target = None;
        crate_
    });
    let mut crates = together(off);
    crates.retain(|crate_| {
        let same: Vec<_> = compiled.iter().filter(|other| other.which() == crate_.which()).collect();
        let has_default = !crate_.default_features || same.iter().any(|other| other.default_features);
        let has = |feature| same.iter().any(|other| other.features.contains(feature));
        same.is_empty() || !has_default || !crate_.features.iter().all(has)
    });
    name(&mut crates);
    crates
}

impl Crate {
    /// Which package it is.
    fn which(&self) -> (&str, &str, Option<&str>) {
        (&self.name, &self.version, self.source.as_deref())
    }
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
            let default = if crate_.default_features { " default" } else { "" };
            format!("{} {} {}{default} {:?}", crate_.key, crate_.name, crate_.version, crate_.features)
        };
        crates.iter().map(show).collect()
    }

    #[test]
    fn what_several_want_is_wanted_of_one() {
        let all = [wanted("tokio", "1", true, &["rt"]), wanted("tokio", "1", true, &["net", "default"])];
        assert_eq!(shown(&together(all.into_iter())), [r#"tokio tokio 1 default ["net", "rt"]"#]);
    }

    #[test]
    fn what_is_compiled_is_not_resolved_besides() {
        let all = [
            wanted("tokio", "1", true, &["rt"]),
            wanted("tokio", "1", false, &["rt"]),
            wanted("bytes", "1", true, &["std"]),
            wanted("bytes", "1", false, &["serde", "std"]),
            wanted("bytes", "0.5", false, &[]),
            wanted("http", "1", true, &[]),
            wanted("http", "1", false, &["default"]),
            wanted("win", "0.3", false, &["Win32"]),
        ];
        let compiled = together(all.iter().filter(|crate_| crate_.is_on).cloned());
        assert_eq!(
            shown(&not_compiled(&all.iter().collect::<Vec<_>>(), &compiled)),
            [
                "bytes-1 bytes 0.5 []",
                r#"bytes-2 bytes 1 ["serde", "std"]"#,
                "http http 1 default []",
                r#"win win 0.3 ["Win32"]"#
            ]
        );
    }

    #[test]
    fn two_versions_have_two_keys() {
        let all = [wanted("rand", "0.9", true, &[]), wanted("rand", "0.8", true, &[]), wanted("x", "1", true, &[])];
        let crates = together(all.into_iter());
        assert_eq!(shown(&crates), ["rand-1 rand 0.8 []", "rand-2 rand 0.9 []", "x x 1 []"]);
    }

    #[test]
    fn a_package_is_selected_by_its_folder() {
        let selected =
            |dir: &str| Selected { name: "itoa".to_owned(), dir: dir.into() }.specification("/home/me/a b#1".into());
        assert_eq!(selected("50%/itoa"), "file:///home/me/a b%231/50%25/itoa#itoa");
        assert_eq!(selected(""), "file:///home/me/a b%231#itoa");
    }
}
