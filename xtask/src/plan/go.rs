//! The plan of a Go service.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Build, ContextRule, GoBuild, ImagePlan, Planned, sorted, toolchain};
use crate::config::Settings;
use crate::discover::go;

/// Systems other than Linux whose name a file may end in: Go leaves those files out. (`x_js_y.go` is for every system.)
const OTHER_SYSTEMS: [&str; 15] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

pub(super) fn plan(
    planned: &Planned,
    main: &go::Main,
    inputs: &go::Inputs,
    all: &[Planned],
    settings: &Settings,
) -> ImagePlan {
    let service = planned.service;
    let cgo = service.settings.cgo.unwrap_or(false);
    let tags = sorted(service.settings.tags.as_deref());
    let build = GoBuild {
        dir: main.run_dir.clone(),
        package: main.package.clone(),
        executable: main.executable.clone(),
        module_files: inputs.module_files.clone(),
        vendor: inputs.vendor.clone(),
        third_party: third_party(main, cgo, &tags, all),
        tags,
        cgo,
        goprivate: settings.goprivate.clone(),
    };
    let default_base =
        if cgo { "gcr.io/distroless/base-debian13:nonroot" } else { "gcr.io/distroless/static-debian13:nonroot" };
    let context = context(inputs);
    planned.image(settings, toolchain::go_image(&main.module), default_base, Build::Go(build), context)
}

/// What all services with the same modules and flags import from other modules: one layer then serves them all.
fn third_party(main: &go::Main, cgo: bool, tags: &[String], all: &[Planned]) -> Vec<String> {
    let mut packages = BTreeSet::new();
    for other in all {
        if let Some((other_main, inputs)) = other.go()
            && other_main.run_dir == main.run_dir
            && other.service.settings.cgo.unwrap_or(false) == cgo
            && sorted(other.service.settings.tags.as_deref()) == tags
        {
            packages.extend(inputs.third_party.iter().cloned());
        }
    }
    packages.into_iter().collect()
}

/// The allow-list: by package folder, so that a new file in a known package is seen at once; tests and other systems'
/// files out; what is embedded last, since an embedded file may have any name.
fn context(inputs: &go::Inputs) -> Vec<ContextRule> {
    let mut rules: Vec<_> = inputs.module_files.iter().map(|file| ContextRule::include(file)).collect();
    rules.extend(inputs.vendor.iter().map(|vendor| ContextRule::include(vendor)));
    for package in &inputs.packages {
        let extensions: BTreeSet<_> =
            package.files.iter().filter_map(|file| Utf8Path::new(file).extension()).chain(["go"]).collect();
        for extension in extensions {
            rules.push(ContextRule::include(&package.dir.join(format!("*.{extension}"))));
        }
    }
    let vendored = |dir: &Utf8Path| inputs.vendor.as_ref().is_some_and(|vendor| dir.starts_with(vendor));
    let own = inputs.packages.iter().filter(|package| !vendored(&package.dir));
    for package in own.clone() {
        rules.push(ContextRule::exclude(&package.dir.join("*_test.go")));
    }
    for system in OTHER_SYSTEMS {
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
    if pattern == "." { dir.to_owned() } else { dir.join(pattern.trim_end_matches('/')) }
}
