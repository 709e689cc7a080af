//! `go build`, with the flags of the generated Dockerfiles.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{CommandLine, Place};
use crate::engine::native::Target;
use crate::oci::document::Platform;
use crate::plan::{Build, GoBuild};

/// Services of one group are compiled by one command.
pub(super) fn group(target: &Target, build: &GoBuild) -> String {
    let GoBuild { dir, tags, cgo, executable, goprivate, .. } = build;
    // Two of one name would be written over each other.
    let own = if *executable == target.image.name { "" } else { &target.image.name };
    format!("go {dir} {} {cgo} {goprivate:?} {} {own}", tags.join(","), target.platform)
}

pub(super) fn compile(place: Place, targets: &[&Target], build: &GoBuild) -> (CommandLine, Utf8PathBuf) {
    let platform = targets.first().map_or_else(Platform::default, |target| target.platform.clone());
    let own = targets.first().map(|target| &target.image.name).filter(|name| **name != build.executable);
    let output = place.work.join("go").join(platform.to_string().replace('/', "-"));
    let output = output.join(own.map_or("bin", |name| name));
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
    if let Some(patterns) = &build.goprivate {
        set.insert("GOPRIVATE", patterns.clone());
    }
    let set = set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let unset = ["GOEXPERIMENT", "GOTOOLDIR", "GOROOT"].map(str::to_owned).into();
    (CommandLine { program: "go", arguments, folder: place.root.join(&build.dir), set, unset }, output)
}
