//! The repository's own Rust services.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cargo;
use crate::own::copy_of_inputs;

/// One folder for what all tests compile, so that the crates are compiled once.
fn target() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-services")
}

/// The service's binaries, as its image's build names them.
fn check(root: &Utf8Path, service: &str) -> Output {
    let bins: &[&str] = if service == "reporter" { &["reporter", "reporter-health"] } else { &["gateway"] };
    let bins = bins.iter().flat_map(|bin| ["--bin", bin]);
    let arguments: Vec<_> =
        ["--locked", "--package", "gateway", "--package", "reporter"].into_iter().chain(bins).collect();
    cargo::check(&root.join("rust-services"), &target(), &arguments)
}

#[test]
fn inputs_are_what_the_compiler_reads_and_what_a_build_needs() {
    for (service, sample) in [
        ("gateway", ["Cargo.lock", "gateway/build.rs", "gateway/routes.txt", "shared/src/link.rs"]),
        (
            "reporter",
            [
                "gateway/Cargo.toml",
                "reporter/src/report.txt",
                "reporter/src/bin/reporter-health.rs",
                "shared/src/lib.rs",
            ],
        ),
    ] {
        let (_folder, copy, files) = copy_of_inputs(service);
        let since = SystemTime::now();
        let checked = check(&copy, service);
        assert!(checked.status.success(), "{service}: {}", String::from_utf8_lossy(&checked.stderr));

        let read = cargo::files_read(&copy, &copy.join("rust-services"), &target(), since);
        let missing: Vec<_> = read.difference(&files).collect();
        assert!(missing.is_empty(), "{service}: rustc read {missing:?}");
        let sources: BTreeSet<_> = files.iter().filter(|file| file.extension() == Some("rs")).cloned().collect();
        let needless: Vec<_> = sources.difference(&read).collect();
        assert!(needless.is_empty(), "{service}: rustc did not read {needless:?}");

        for file in sample {
            let file = copy.join("rust-services").join(file);
            let contents = fs::read(&file).unwrap_or_else(|error| panic!("{file} is no input of {service}: {error}"));
            fs::remove_file(&file).expect("removes");
            assert!(!check(&copy, service).status.success(), "{service} is built without {file}");
            fs::write(&file, contents).expect("writes");
        }
    }
}
