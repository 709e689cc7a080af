//! `go build`, with the flags of the generated Dockerfiles.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::{CommandLine, Place};
use crate::engine::native::Target;
use crate::files;
use crate::oci::document::Platform;
use crate::plan::{Build, GoBuild};
use crate::process;

/// Variables of Go that say where modules come from, and not what is in them. They may hold passwords.
const OF_THE_NETWORK: [&str; 6] = ["GOAUTH", "GONOPROXY", "GONOSUMDB", "GOPRIVATE", "GOPROXY", "GOSUMDB"];

/// Services of one group are compiled by one command, as far as their executables have names of their own.
pub(super) fn group(target: &Target, build: &GoBuild) -> String {
    let GoBuild { dir, tags, cgo, goprivate, .. } = build;
    format!("go {dir} {} {cgo} {goprivate:?} {}", tags.join(","), target.platform)
}

/// No two targets of a platform and a round have an executable of one name: they would be written over each other.
pub(super) fn compile(place: Place, targets: &[&Target], build: &GoBuild, round: usize) -> (CommandLine, Utf8PathBuf) {
    let platform = targets.first().map_or_else(Platform::default, |target| target.platform.clone());
    let output = place.work.join("go").join(platform.to_string().replace('/', "-")).join(round.to_string());
    let mut arguments =
        vec!["build", "-trimpath", "-buildvcs=false"].into_iter().map(str::to_owned).collect::<Vec<_>>();
    if !build.tags.is_empty() {
        arguments.push(format!("-tags={}", build.tags.join(",")));
    }
    arguments.extend(["-ldflags=-s -w".to_owned(), "-o".to_owned(), format!("{output}/")]);
    arguments.extend(targets.iter().filter_map(|target| match &target.image.build {
        Build::Go(build) => Some(build.package.clone()),
        Build::Rust(_) => None,
    }));
    // What the user's own settings say must not take part; an empty variable would let them.
    let mut set = BTreeMap::from([
        ("CGO_ENABLED", u8::from(build.cgo).to_string()),
        ("GOFLAGS", "-trimpath".to_owned()),
        ("GOOS", platform.os.clone()),
        ("GOARCH", platform.architecture.clone()),
        ("GOAMD64", if platform.variant.is_empty() { "v1" } else { &platform.variant }.to_owned()),
        ("GOARM64", "v8.0".to_owned()),
        ("GOARM", if platform.variant.is_empty() { "7" } else { platform.variant.trim_start_matches('v') }.to_owned()),
    ]);
    if let Some(jobs) = place.jobs {
        set.insert("GOMAXPROCS", jobs.to_string());
    }
    if let Some(patterns) = &build.goprivate {
        set.insert("GOPRIVATE", patterns.clone());
    }
    let set = set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let unset = ["GOEXPERIMENT", "GOTOOLDIR", "GOROOT"].map(str::to_owned).into();
    (CommandLine { program: "go", arguments, folder: place.root.join(&build.dir), set, unset }, output)
}

/// What decides, beside the files of the repository and the command, what this machine's Go compiles; `None` where that is
/// not known: of a `go` that finds the compiler in its own way, with a workspace from outside the repository.
pub(in super::super) fn installed(place: Place) -> Result<Option<String>> {
    let root = process::find("go").and_then(|program| Some(program.parent()?.parent()?.to_owned()));
    let Some(root) = root else { return Ok(None) };
    let Some(version) = files::read_text_if_exists(&root.join("VERSION"))? else { return Ok(None) };
    let is_set = |name: &str| place.environment.get(name).is_some_and(|value| !value.is_empty() && value != "off");
    let above = place.root.ancestors().skip(1).any(|folder| files::exists(&folder.join("go.work")));
    if above || is_set("GOWORK") {
        return Ok(None);
    }
    let mut text = format!("{root} {version}");
    let own = user_settings(place.environment);
    for file in [Some(root.join("go.env")), own].into_iter().flatten() {
        text.push_str(&files::read_text_if_exists(&file)?.unwrap_or_default());
    }
    let decides = |name: &str| name.starts_with("GO") && !OF_THE_NETWORK.contains(&name);
    let variables = place.environment.iter().filter(|(name, _)| decides(name));
    text.extend(variables.map(|(name, value)| format!("\n{name}={value}")));
    Ok(Some(text))
}

/// The file that `go env -w` writes.
fn user_settings(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let folder = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(Utf8Path::new);
    if let Some(file) = folder("GOENV") {
        return Some(file.to_owned());
    }
    let settings = if cfg!(target_os = "macos") {
        folder("HOME")?.join("Library/Application Support")
    } else if cfg!(windows) {
        folder("APPDATA")?.to_owned()
    } else {
        folder("XDG_CONFIG_HOME")
            .map_or_else(|| Some(folder("HOME")?.join(".config")), |folder| Some(folder.to_owned()))?
    };
    Some(settings.join("go/env"))
}
