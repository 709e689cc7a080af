//! `go build`, with the flags of the generated Dockerfiles.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::{CommandLine, Place, cross};
use crate::discover::go::GoVersion;
use crate::engine::native::Target;
use crate::error::Error;
use crate::files;
use crate::files::tree::Below as _;
use crate::oci::document::Platform;
use crate::plan::platforms::c_compiler;
use crate::plan::{Build, GoBuild};
use crate::process::{self, Command};

/// Variables of Go that say where modules come from, and not what is in them. They may hold passwords.
const OF_THE_NETWORK: [&str; 8] =
    ["GOAUTH", "GOINSECURE", "GONOPROXY", "GONOSUMDB", "GOPRIVATE", "GOPROXY", "GOSUMDB", "GOVCS"];

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
        ("GOFIPS140", "off".to_owned()),
        ("GOWORK", workspace(place, build)),
    ]);
    set.extend(level(&platform));
    if build.cgo
        && !cross::is_own(&platform)
        && let Some(compiler) = c_compiler(&platform.architecture, &platform.variant)
    {
        set.insert("CC", format!("{compiler}-gcc"));
        set.insert("CXX", format!("{compiler}-g++"));
    }
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

/// The variable for the level of an architecture; Go's default where the platform names none.
fn level(platform: &Platform) -> Option<(&'static str, String)> {
    let or = |default: &str| if platform.variant.is_empty() { default.to_owned() } else { platform.variant.clone() };
    match platform.architecture.as_str() {
        "amd64" => Some(("GOAMD64", or("v1"))),
        "arm" => Some(("GOARM", or("7").trim_start_matches('v').to_owned())),
        "arm64" => Some(("GOARM64", format!("{}.0", or("v8")))),
        "386" => Some(("GO386", "sse2".to_owned())),
        _ => None,
    }
}

/// The `go.work` in force, by which the image was planned; a module alone is built without one that lies above it.
fn workspace(place: Place, build: &GoBuild) -> String {
    let file = build.dir.below("go.work");
    if build.module_files.contains(&file) { place.root.join(file).into_string() } else { "off".to_owned() }
}

/// Checks the Go that runs in a service's folder: by `GOTOOLCHAIN` it may not be the one that the `toolchain` line asks for.
///
/// # Errors
/// It is older than the lines of the modules ask for, or does not run.
pub(in super::super) fn check(place: Place, build: &GoBuild) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(place.root.below(&build.dir));
    let question = cmd!(shell, "go env GOVERSION").env("GOWORK", workspace(place, build));
    let said = Command::from(question.env_remove("GOROOT").env_remove("GOTOOLDIR")).read()?;
    too_old(build, &said).map_or(Ok(()), |error| Err(error.into()))
}

/// Why a Go, as it names itself, does not build a service, if it does not. One between releases names none.
fn too_old(build: &GoBuild, said: &str) -> Option<Error> {
    let runs = said.split_whitespace().find_map(GoVersion::parse_toolchain)?;
    let least = build.least_go.as_deref().and_then(GoVersion::parse)?;
    (runs < least).then(|| {
        let place = if build.dir.as_str().is_empty() { "the repository" } else { build.dir.as_str() };
        Error::failure(format!("the Go that runs in {place} is {runs}, and its modules ask for {least}")).hint(
            "set GOTOOLCHAIN=auto, by which Go fetches the newer one, or install that (https://go.dev/dl); or --engine bake",
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    #[test]
    fn an_older_go_than_the_modules_ask_for_is_refused() {
        let refusal = |dir: &str, least: &str, said: &str| {
            let build = GoBuild { dir: dir.into(), least_go: Some(least.to_owned()), ..GoBuild::default() };
            too_old(&build, said).map(|error| describe(&error.into()))
        };
        for said in ["go1.26.8", "go1.26.8 X:nodwarf5", "go1.27rc1", "devel +abc"] {
            assert_eq!(refusal("services", "1.26.8", said), None, "{said}");
        }
        insta::assert_snapshot!(refusal("services", "1.27", "go1.26.8 X:nodwarf5").expect("is refused"), @"
        error: the Go that runs in services is 1.26.8, and its modules ask for 1.27
        hint: set GOTOOLCHAIN=auto, by which Go fetches the newer one, or install that (https://go.dev/dl); or --engine bake
        ");
        insta::assert_snapshot!(refusal("", "1.26.9", "go1.26.8-custom").expect("is refused"), @"
        error: the Go that runs in the repository is 1.26.8, and its modules ask for 1.26.9
        hint: set GOTOOLCHAIN=auto, by which Go fetches the newer one, or install that (https://go.dev/dl); or --engine bake
        ");
    }

    #[test]
    fn only_the_level_of_the_platform_is_set() {
        let level = |platform| level(&Platform::parse(platform)).map(|(name, value)| format!("{name}={value}"));
        let platforms = ["linux/amd64", "linux/amd64/v3", "linux/arm", "linux/arm/v6", "linux/arm64", "linux/arm64/v9"];
        let levels = platforms.map(|platform| level(platform).unwrap_or_default());
        assert_eq!(levels, ["GOAMD64=v1", "GOAMD64=v3", "GOARM=7", "GOARM=6", "GOARM64=v8.0", "GOARM64=v9.0"]);
        assert_eq!(level("linux/s390x"), None);
    }
}
