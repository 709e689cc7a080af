//! The plan of a Go service.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Build, ContextRule, GoBuild, ImagePlan, Planned, pattern, sorted, toolchain};
use crate::config::Settings;
use crate::discover::go;
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
pub(super) struct ThirdParty<'a>(BTreeMap<Flags<'a>, Packages<'a>>);

/// Import paths, each with the architectures that it is imported on; none for all.
type Packages<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

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
                let known = packages.0.entry(Flags::of(planned, main)).or_default();
                for package in &inputs.third_party {
                    add(known, package);
                }
            }
        }
        packages
    }
}

fn add<'a>(packages: &mut Packages<'a>, package: &'a go::ThirdParty) {
    let goarchs = package.goarchs.iter().map(String::as_str);
    let known = packages.get_mut(package.path.as_str());
    match known {
        Some(known) if known.is_empty() || package.goarchs.is_empty() => known.clear(),
        Some(known) => known.extend(goarchs),
        None => drop(packages.insert(&package.path, goarchs.collect())),
    }
}

/// Import paths of all architectures, and those of some alone by architecture.
fn by_architecture(packages: Option<&Packages>) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let (mut of_all, mut of_some) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for (path, goarchs) in packages.into_iter().flatten() {
        if goarchs.is_empty() {
            of_all.push((*path).to_owned());
        }
        for goarch in goarchs {
            of_some.entry((*goarch).to_owned()).or_default().push((*path).to_owned());
        }
    }
    (of_all, of_some)
}

pub(super) fn plan(
    planned: &Planned,
    main: &go::Main,
    inputs: &go::Inputs,
    third_party: &ThirdParty,
    settings: &Settings,
) -> ImagePlan {
    let flags = Flags::of(planned, main);
    let (third_party, third_party_on) = by_architecture(third_party.0.get(&flags));
    let imports_others = !third_party.is_empty() || !third_party_on.is_empty();
    let Flags { cgo, tags, .. } = flags;
    let build = GoBuild {
        dir: main.run_dir.clone(),
        package: main.package.clone(),
        executable: main.executable.clone(),
        module_files: inputs.module_files.clone(),
        vendor: inputs.vendor.clone(),
        downloads: inputs.vendor.is_none() && (imports_others || inputs.loads_all_modules),
        third_party,
        third_party_on,
        least_go: toolchain::go::asked(&main.lines, inputs.go).map(|version| version.to_string()),
        tags,
        cgo,
        goprivate: settings.goprivate.clone(),
    };
    let default_base =
        if cgo { "gcr.io/distroless/base-debian13:nonroot" } else { "gcr.io/distroless/static-debian13:nonroot" };
    let context = context(inputs);
    planned.image(
        settings,
        toolchain::go::image(&main.lines, inputs.go),
        default_base,
        Build::Go(Box::new(build)),
        context,
    )
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
            rules.push(ContextRule::include_glob(&package.dir, &format!("*.{extension}")));
        }
    }
    let vendored = |dir: &Utf8Path| inputs.vendor.as_ref().is_some_and(|vendor| dir.starts_with(vendor));
    let own = inputs.packages.iter().filter(|package| !vendored(&package.dir));
    for package in own.clone() {
        rules.push(ContextRule::exclude_glob(&package.dir, "*_test.go"));
    }
    for system in go::OTHER_SYSTEMS {
        rules.push(ContextRule::Exclude(format!("**/*_{system}.go")));
    }
    // Of a folder Go leaves out names that begin with a dot, unless a pattern says otherwise.
    let leaves_out = |dir: &Utf8Path, glob: &str| {
        inputs.hidden.patterns.iter().any(|hidden| hidden.strip_suffix("/**/.*") == Some(&pattern(dir, glob)))
    };
    let (folders, others): (Vec<_>, Vec<_>) = own
        .flat_map(|package| package.embeds.iter().map(move |pattern| (&package.dir, pattern.as_str())))
        .partition(|(dir, pattern)| leaves_out(dir, pattern));
    let show = |(dir, pattern): (&Utf8PathBuf, &str)| ContextRule::include_glob(dir, embedded(pattern));
    rules.extend(folders.into_iter().map(show));
    rules.extend(inputs.hidden.patterns.iter().cloned().map(ContextRule::Exclude));
    rules.extend(others.into_iter().map(show));
    rules.extend(inputs.named.iter().map(|file| ContextRule::include(file)));
    rules
}

/// The path of an embed pattern; Docker's patterns and Go's are both `filepath.Match`'s.
fn embedded(pattern: &str) -> &str {
    let pattern = pattern.strip_prefix("all:").unwrap_or(pattern);
    if pattern == "." { "" } else { pattern.trim_end_matches('/') }
}
