//! The repository's own Go services.

use std::fs;
use std::process::Command;

use camino::Utf8Path;

use crate::own::copy_of_inputs;

/// Builds the service as its image does; says whether that works, and what Go said.
fn build(root: &Utf8Path, service: &str) -> (bool, String) {
    let mut command = Command::new("go");
    command.args(["build", "-trimpath", "-buildvcs=false", "-o", "/dev/null", &format!("./cmd/{service}")]);
    command.env("CGO_ENABLED", "0").env("GOOS", "linux").env("GOFLAGS", "").current_dir(root.join("go-services"));
    let output = command.output().expect("go starts");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn inputs_are_what_a_build_needs() {
    for (service, sample) in [
        ("server", ["go.mod", "go.sum", "cmd/server/index.html", "internal/store/store.go"]),
        (
            "worker",
            ["go.sum", "cmd/worker/wake_unix.go", "internal/checker/transport.go", "internal/version/version.go"],
        ),
    ] {
        let (_folder, copy, _) = copy_of_inputs(service);
        let (is_built, said) = build(&copy, service);
        assert!(is_built, "{service}: {said}");
        for file in sample {
            let file = copy.join("go-services").join(file);
            let contents = fs::read(&file).unwrap_or_else(|error| panic!("{file} is no input of {service}: {error}"));
            fs::remove_file(&file).expect("removes");
            assert!(!build(&copy, service).0, "{service} is built without {file}");
            fs::write(&file, contents).expect("writes");
        }
    }
}
