//! The plan of a Go service.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Build, ContextRule, GoBuild, ImagePlan, Planned, sorted, toolchain};
use crate::config::Settings;
use crate::discover::go;
use crate::files::tree::Below as _;
use crate::render::LIMIT_SCRIPT;

/// What services have to have in common for one layer of compiled packages to serve them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Flags<'a> {
    dir: &'a Utf8Path,
    cgo: bool,
    tags: Vec<String>,
}

/// What services import from other modules, together where one layer serves them.
#[derive(Debug, Default)]
pub(super) struct ThirdParty<'a>(BTreeMap<Flags<'a>, BTreeSet<&'a str>>);

impl<'a> Flags<'a> {
    fn of(planned: &Planned, main: &'a go::Main) -> Self {
        let settings = &planned.service.settings;
        Self { dir: &main.run_dir, cgo: settings.cgo.unwrap_or(false), tags: sorted(settings.tags.as_deref()) }
    }
}

impl<'a> ThirdParty<'a> {
    pub(super) fn of(all: &'a [Planned]) -> Self {
        let mut packages = Self::default();
        for planned in all {
            if let Some((main, inputs)) = planned.go() {
                let imported = inputs.third_party.iter().map(String::as_str);
                packages.0.entry(Flags::of(planned, main)).or_default().extend(imported);
            }
        }
        packages
    }
}

pub(super) fn plan(
    planned: &Planned,
    main: &go::Main,
    inputs: &go::Inputs,
    third_party: &ThirdParty,
    settings: &Settings,
) -> ImagePlan {
    let flags = Flags::of(planned, main);
    let third_party = third_party.0.get(&flags).into_iter().flatten().map(|package| (*package).to_owned()).collect();
    let Flags { cgo, tags, .. } = flags;
    let build = GoBuild {
        dir: main.run_dir.clone(),
        package: main.package.clone(),
        executable: main.executable.clone(),
        module_files: inputs.module_files.clone(),
        vendor: inputs.vendor.clone(),
        third_party,
        tags,
        cgo,
        goprivate: settings.goprivate.clone(),
    };
    let default_base =
        if cgo { "gcr.io/distroless/base-debian13:nonroot" } else { "gcr.io/distroless/static-debian13:nonroot" };
    let context = context(inputs);
    planned.image(settings, toolchain::go_image(&main.module), default_base, Build::Go(build), context)
}

/// The allow-list: by package folder, so that a new file in a known package is seen at once; tests and other systems'
/// files out; what is embedded last, since an embedded file may have any name.
fn context(inputs: &go::Inputs) -> Vec<ContextRule> {
    let mut rules = vec![ContextRule::include(Utf8Path::new(LIMIT_SCRIPT))];
    rules.extend(inputs.module_files.iter().map(|file| ContextRule::include(file)));
    rules.extend(inputs.vendor.iter().map(|vendor| ContextRule::include(vendor)));
    for package in &inputs.packages {
        let extensions: BTreeSet<_> =
            package.files.iter().filter_map(|file| Utf8Path::new(file).extension()).chain(["go"]).collect();
        for extension in extensions {
            rules.push(ContextRule::include(&package.dir.below(format!("*.{extension}"))));
        }
    }
    let vendored = |dir: &Utf8Path| inputs.vendor.as_ref().is_some_and(|vendor| dir.starts_with(vendor));
    let own = inputs.packages.iter().filter(|package| !vendored(&package.dir));
    for package in own.clone() {
        rules.push(ContextRule::exclude(&package.dir.below("*_test.go")));
    }
    for system in go::OTHER_SYSTEMS {
        rules.push(ContextRule::Exclude(format!("**/*_{system}.go")));
    }
    for package in own {
        for pattern in &package.embeds {
            rules.push(ContextRule::include(&embedded(&package.dir, pattern)));
        }
    }
    rules.extend(inputs.named.iter().map(|file| ContextRule::include(file)));
    rules
}

/// The path of an embed pattern; Docker's patterns and Go's are both `filepath.Match`'s.
fn embedded(dir: &Utf8Path, pattern: &str) -> Utf8PathBuf {
    let pattern = pattern.strip_prefix("all:").unwrap_or(pattern);
    if pattern == "." { dir.to_owned() } else { dir.below(pattern.trim_end_matches('/')) }
}
