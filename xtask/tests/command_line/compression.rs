//! How the native engine compresses, and what a run leaves that is killed meanwhile.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::native::{image, manifest, polyglot, times};
use crate::support::Repository;

/// Puts a zstd on the PATH of a repository's runs, or another in its place.
fn write_zstd(repository: &Repository, script: &str) {
    let program = repository.base.join("programs/zstd");
    std::fs::write(&program, script).expect("writes");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets the mode");
}

#[test]
fn a_killed_run_leaves_the_layout_as_it_was() {
    let (repository, _) = polyglot();
    repository.xtask(&["images"]).succeeds();
    let folder = repository.root.join("target/images/layouts/worker");
    let layout = || (times(&folder), image(&repository, "worker"));
    let before = layout();

    // It is killed while a layer is compressed.
    let pipes = ["begun", "end"].map(|name| repository.docker().join(name));
    let made = std::process::Command::new("mkfifo").args(&pipes).status().expect("mkfifo starts");
    assert!(made.success());
    let script = "#!/bin/sh\necho >\"$FAKE_DOCKER/begun\"\nread -r line <\"$FAKE_DOCKER/end\"\n";
    write_zstd(&repository, script);
    repository.write("services/cmd/worker/image.toml", "compression = \"zstd\"\n");
    let mut command = repository.xtask(&["image", "worker"]).into_command();
    let mut xtask = command.stderr(std::process::Stdio::null()).spawn().expect("starts");
    let mut words = String::new();
    std::fs::File::open(&pipes[0]).and_then(|mut pipe| pipe.read_to_string(&mut words)).expect("reads");
    xtask.kill().and_then(|()| xtask.wait()).expect("is killed");
    std::fs::write(&pipes[1], "\n").expect("writes");

    let (mut after, document) = layout();
    after.retain(|(path, _)| !path.contains("/.layer."));
    assert_eq!((after, document), before);
    repository.write("services/cmd/worker/image.toml", "");
    repository.xtask(&["images"]).succeeds();
    assert_eq!(layout(), before, "what the killed run left is gone");
}

#[test]
fn zstd_is_that_of_this_machine() {
    let (repository, compilers) = polyglot();
    repository.write("services/cmd/worker/image.toml", "compression = \"zstd\"\n");
    let error = repository.xtask(&["images"]).fails(3);
    assert!(error.contains("the native engine needs zstd, which is not on PATH\nhint: install zstd"), "{error}");
    assert_eq!(compilers.builds().len(), 1, "only what needs no zstd is built");

    let script =
        "#!/bin/sh\nPATH=/usr/bin:/bin\necho >>\"$FAKE_DOCKER/zstd\"\nfor plain; do :; done\ncp \"$plain\" \"${6}\"\n";
    write_zstd(&repository, script);
    let compressed = || std::fs::read(repository.docker().join("zstd")).unwrap_or_default().len();
    let types = |name: &str| {
        let manifest = manifest(&repository, name);
        let layers = manifest["layers"].as_array().expect("is a list");
        let ending = |layer: &serde_json::Value| {
            layer["mediaType"].as_str().and_then(|is| is.rsplit('+').next().map(str::to_owned))
        };
        layers.iter().filter_map(ending).collect::<Vec<_>>()
    };
    repository.xtask(&["images"]).succeeds();
    assert_eq!((types("worker"), types("gateway")), (vec!["zstd".to_owned(); 2], vec!["gzip".to_owned(); 2]));
    assert_eq!(compressed(), 2);
    repository.write("services/cmd/worker/image.toml", "compression = \"zstd\"\nports = [\"80\"]\n");
    repository.xtask(&["images"]).succeeds();
    assert_eq!(compressed(), 2, "the layers are the same");
    repository.write("services/cmd/worker/image.toml", "");
    repository.xtask(&["images"]).succeeds();
    assert_eq!(types("worker"), vec!["gzip"; 2]);
    let left = repository.root.join("target/images/layouts/worker/blobs/sha256").read_dir_utf8().expect("lists");
    assert!(!left.into_iter().any(|entry| entry.expect("lists").file_name().starts_with('.')));

    write_zstd(&repository, "#!/bin/sh\necho broken >&2\nexit 1\n");
    repository.write("services/cmd/worker/image.toml", "compression = \"zstd\"\n");
    let error = repository.xtask(&["images"]).fails(3);
    assert!(error.contains("cannot assemble the image worker") && error.contains("broken"), "{error}");
    assert_eq!(types("worker"), vec!["gzip"; 2], "the layout is as it was");
}
