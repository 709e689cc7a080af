//! Images as one file: what `--load` hands over, and `--tarball`.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::native::polyglot;
use crate::support::Docker;

#[test]
fn images_are_loaded_where_there_is_an_engine() {
    let (repository, _) = polyglot();
    let error = repository.xtask(&["images", "--engine", "native", "--load"]).fails(3);
    assert!(error.contains("cannot load the images into the Docker engine: docker is not on PATH"), "{error}");
    let docker = Docker::working(&repository);
    docker.answer("image load", "cp \"$5\" \"$FAKE_DOCKER/loaded.tar\"");
    repository.xtask(&["images", "--engine", "native", "--load", "--tag", "v1"]).succeeds();
    let archive = std::fs::read(repository.docker().join("loaded.tar")).expect("was loaded");
    let saved = files_of(&archive).remove("manifest.json").expect("has the older index");
    let saved: serde_json::Value = serde_json::from_slice(&saved).expect("is JSON");
    assert_eq!((&saved[0]["RepoTags"][0], &saved[1]["RepoTags"][0]), (&"gateway:v1".into(), &"worker:v1".into()));
    let left = repository.root.join("target/images").read_dir_utf8().expect("lists");
    assert!(!left.into_iter().any(|entry| entry.expect("lists").file_name().starts_with("load.")));
}

/// The files of an archive by their paths.
fn files_of(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().expect("is an archive") {
        let mut entry = entry.expect("is whole");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("is whole");
        let path = entry.path().expect("is a path").display().to_string();
        assert_eq!(files.insert(path.clone(), bytes), None, "{path} is there twice");
    }
    files
}

#[test]
fn a_tarball_holds_all_images_and_what_they_share_once() {
    let (repository, _) = polyglot();
    let run = |file: &str| repository.xtask(&["images", "--engine", "native", "--tag", "v1", "--tarball", file]);
    let ended = run("out/images.tar").succeeds();
    assert!(ended.stderr.contains("wrote out/images.tar\n"), "{ended}");
    let read = |file: &str| std::fs::read(repository.root.join(file)).expect("was written");
    let files = files_of(&read("out/images.tar"));
    let json = |name: &str| serde_json::from_slice::<serde_json::Value>(&files[name]).expect("is JSON");
    let saved = json("manifest.json");
    assert_eq!((&saved[0]["RepoTags"][0], &saved[1]["RepoTags"][0]), (&"gateway:v1".into(), &"worker:v1".into()));
    assert_eq!(saved[0]["Layers"][0], saved[1]["Layers"][0], "they stand on one base");
    let layers = files.keys().filter(|path| path.starts_with("blobs/sha256/") && !path.ends_with('/'));
    assert_eq!(layers.count(), 3 + 2 + 2, "layers, configurations, manifests");
    for image in saved.as_array().expect("is a list") {
        let layers = image["Layers"].as_array().expect("is a list").iter();
        assert!(layers.chain([&image["Config"]]).all(|path| files.contains_key(path.as_str().expect("is a path"))));
    }
    assert_eq!(
        json("index.json")["manifests"][1]["annotations"]["io.containerd.image.name"],
        "docker.io/library/worker:v1"
    );

    // Nothing of when and where it was written is in it.
    repository.xtask(&["images", "--engine", "native", "--output", "elsewhere"]).succeeds();
    run("again.tar").succeeds();
    assert!(read("again.tar") == read("out/images.tar"));
}

#[test]
fn a_tarball_is_written_when_all_is_well_and_not_before() {
    let (repository, _) = polyglot();
    repository.write("old.tar", "old");
    let run = |more: &[&str]| {
        let arguments = ["images", "--engine", "native", "--tarball", "old.tar"];
        repository.xtask(&[&arguments, more].concat())
    };
    let error = run(&["--platform", "linux/amd64,linux/arm64"]).fails(2);
    assert!(error.contains("an archive for Docker holds images of one platform"), "{error}");
    repository.write("services/cmd/worker/image.toml", "budget = \"1 kB\"\nbase = \"embedded\"\n");
    let ended = run(&[]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    let why = "old.tar was not written: every image has to be built and within its budget first";
    assert!(ended.stderr.contains(why), "{ended}");
    assert_eq!(repository.read("old.tar"), "old");
}

#[test]
fn what_an_engine_built_the_engine_writes() {
    let (repository, _) = polyglot();
    let docker = Docker::working(&repository);
    docker.answer(
        "image save",
        "case \"$3\" in --output) printf '%s ' \"$@\" >\"$4\" ;; *) cat \"$FAKE_DOCKER/image.tar\" ;; esac",
    );
    repository.xtask(&["images", "--tarball", "out/images.tar", "--tag", "v1", "--tag", "v2"]).succeeds();
    let words = repository.read("out/images.tar");
    assert!(words.ends_with("/out/images.tar gateway:v1 gateway:v2 worker:v1 worker:v2 "), "{words}");
}
