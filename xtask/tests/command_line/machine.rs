//! Machines that cannot build: each says what is missing, and leaves everything as it was.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Compilers, Docker, Repository};

/// Runs `images` on a machine that cannot build. Returns what it says.
fn cannot_build(repository: &Repository) -> String {
    let stderr = repository.xtask(&["images", "--engine", "bake"]).fails(3);
    assert_eq!(repository.bakes(), [""; 0]);
    stderr
}

#[test]
fn neither_docker_nor_a_compiler() {
    let repository = Repository::with_services(&["api"]);
    let before = repository.files();
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("since no builder answers (docker is not on PATH)"), "{stderr}");
    assert!(
        stderr.contains("error: service api: the native engine needs cargo, which is not on PATH\nhint: install cargo"),
        "{stderr}"
    );
    assert_eq!(repository.files(), before);
}

#[test]
fn no_docker() {
    let repository = Repository::with_services(&["api"]);
    let before = repository.files();
    let stderr = cannot_build(&repository);
    assert!(stderr.starts_with("error: docker is not on PATH\nhint: install docker"), "{stderr}");
    assert_eq!(repository.files(), before);
}

#[test]
fn no_buildx() {
    let repository = Repository::with_services(&["api"]);
    Docker::without_plugins(&repository);
    let stderr = cannot_build(&repository);
    assert!(stderr.starts_with("error: docker has no buildx\nhint: install the buildx plugin"), "{stderr}");
}

#[test]
fn a_buildx_that_is_too_old() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    docker.answer("buildx version", "echo 'github.com/docker/buildx 0.13.1+ds1 '");
    let stderr = cannot_build(&repository);
    assert!(stderr.starts_with("error: buildx 0.13 is too old: 0.20 is the least\nhint: upgrade"), "{stderr}");
}

#[test]
fn an_engine_that_does_not_answer() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    let words = "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?";
    // buildx prints this and still calls it a success.
    docker.answer("buildx inspect", &format!("printf 'Name:   default\nDriver: \nError:  {words}\n'"));
    let stderr = cannot_build(&repository);
    assert!(stderr.starts_with(&format!("error: the current builder does not answer: {words}\nhint: ")), "{stderr}");
    assert!(!repository.exists("docker"));
}

#[test]
fn no_such_builder() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    docker.answer("buildx inspect", "echo 'ERROR: no builder \"nosuch\" found' >&2; exit 1");
    let stderr = repository.xtask(&["images", "--builder", "nosuch"]).fails(3);
    assert!(stderr.contains("error: the builder `nosuch` does not answer: no builder \"nosuch\" found\n"), "{stderr}");
    assert!(stderr.contains("docker buildx ls"), "{stderr}");
}

#[test]
fn a_builder_that_was_never_used_is_started() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    docker.beside_the_engine();
    docker.file("running", std::fs::read(repository.docker().join("buildx inspect")).expect("reads"));
    let inactive = "printf 'Name: test\nDriver: docker-container\n\nNodes:\nName: test0\nStatus: inactive\n'";
    docker.answer(
        "buildx inspect",
        &format!("case \"$*\" in *--bootstrap*) . \"$FAKE_DOCKER/running\" ;; *) {inactive} ;; esac"),
    );
    repository.xtask(&["images", "--builder", "test"]).succeeds();
    assert!(repository.docker_log().contains(&"buildx inspect --bootstrap test".to_owned()));
}

#[test]
fn buildx_is_started_from_where_docker_has_it() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    let plugin = repository.base.join("plugins/docker-buildx");
    docker.answer("info", &format!("echo {plugin}"));
    docker.file(
        "../plugins/docker-buildx",
        "#!/bin/sh\necho \"$1\" >>\"$FAKE_DOCKER/plugin\"\nexec docker buildx \"$@\"\n",
    );
    std::fs::set_permissions(&plugin, Permissions::from_mode(0o755)).expect("is set");
    let starts = || std::fs::read_to_string(repository.docker().join("plugin")).expect("was started");
    repository.xtask(&["images"]).succeeds();
    assert_eq!(starts(), "bake\n");
    let ended = repository.xtask(&["images", "--dry-run"]).succeeds();
    assert!(ended.stdout.starts_with("docker buildx bake "), "{ended}");

    // One that was upgraded into another place.
    std::fs::remove_file(&plugin).expect("removes");
    repository.xtask(&["images", "--no-cache"]).succeeds();
    assert_eq!(starts(), "bake\n");
}

#[test]
fn a_builder_that_goes_away_between_two_runs() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    repository.xtask(&["images"]).succeeds();
    docker.answer("buildx inspect", "echo 'ERROR: no connection' >&2; exit 1");
    docker.answer("buildx bake", "echo 'ERROR: Cannot connect to the Docker daemon' >&2; exit 1");
    let stderr = repository.xtask(&["images", "--engine", "bake"]).fails(3);
    assert!(stderr.contains("error: the current builder does not answer: no connection\nhint: "), "{stderr}");
}

#[test]
fn doctor_names_what_is_missing_and_what_to_do() {
    let repository = Repository::with_services(&["api"]);
    let ended = repository.xtask(&["doctor"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.contains("missing  docker client  docker is not on PATH"), "{ended}");
    assert!(ended.stdout.contains("hint: install docker"), "{ended}");

    let docker = Docker::working(&repository);
    docker.answer("buildx version", "echo github.com/docker/buildx v0.13.0 x");
    let ended = repository.xtask(&["doctor", "--json"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    let answer = ended.json();
    assert_eq!(answer["ready"], false);
    let buildx = answer["checks"].as_array().expect("is a list").iter().find(|check| check["name"] == "docker buildx");
    let buildx = buildx.expect("was checked");
    assert_eq!(buildx["ok"], false);
    assert_eq!(buildx["found"], "buildx 0.13 is too old: 0.20 is the least");
    assert!(buildx["hint"].is_string(), "{ended}");
}

#[test]
fn doctor_is_content_with_a_machine_that_can_build() {
    let repository = Repository::new();
    Docker::working(&repository);
    let ended = repository.xtask(&["doctor"]).succeeds();
    for word in ["28.5.2", "0.29 (least 0.20)", "driver docker", "linux/amd64", "Images 1.6GB", "cargo"] {
        assert!(ended.stdout.contains(word), "{word}\n{ended}");
    }
    assert_eq!(repository.xtask(&["doctor", "--json"]).succeeds().json()["ready"], true);
}

#[test]
fn doctor_is_content_with_compilers_and_without_docker() {
    let repository = Repository::new();
    Compilers::working(&repository);
    let ended = repository.xtask(&["doctor"]).succeeds();
    assert!(ended.stdout.contains("missing  docker client"), "{ended}");
    assert!(ended.stdout.contains("engines        native; bake needs docker"), "{ended}");
}

#[test]
fn doctor_shows_what_the_builder_keeps_and_whether_it_may() {
    let repository = Repository::with_services(&["api"]);
    repository.write("images.toml", "cache = \"registry.example.com/team/cache\"\n");
    let docker = Docker::working(&repository);
    docker.answer("buildx du", "printf 'ID: a\\nReclaimable: true\\nSize: 4.5GB\\nType: regular\\n\\nTotal: 4.5GB\\n'");
    let inspected = std::fs::read_to_string(repository.docker().join("buildx inspect")).expect("reads");
    let policy =
        "GC Policy rule#0:\n All: false\n Reserved Space: 1GiB\n Max Used Space: 60GiB\n Min Free Space: 9TiB\n";
    docker.answer("buildx inspect", &inspected.replace("\nEND", &format!("\n{policy}END")));
    docker.answer("context", "echo unix:///run/docker.sock");
    docker.answer("info", "echo 'Debian|/'");
    docker
        .answer("buildx imagetools", "echo 'ERROR: registry.example.com/team/cache/api:shared: not found' >&2; exit 1");
    let doctor = ["doctor", "--config", "images.toml"];
    let ended = repository.xtask(&doctor).succeeds();
    for words in [
        "ok       cache          4.50 GB: layers 4.50 GB, cache mounts 0 B, sources 0 B; 4.50 GB of it may be dropped\n",
        "note     cache limits   64.42 GB at most, 9895.60 GB of the disk free (",
        "hint: the disk is full, and each build drops of the cache: free some (`docker system df`",
        "note     layer cache    registry.example.com/team/cache/api:shared is not there\n",
        "hint: a run with --cache-export writes it\n",
    ] {
        assert!(ended.stdout.contains(words), "{words}\n{ended}");
    }
    docker.answer("buildx imagetools", "exit 0");
    let ended = repository.xtask(&doctor).succeeds();
    assert!(ended.stdout.contains("ok       layer cache    registry.example.com/team/cache/api:shared can be read\n"));
    docker.answer("buildx imagetools", "echo 'ERROR: dial tcp: refused' >&2; exit 1");
    let ended = repository.xtask(&doctor).succeeds();
    assert!(ended.stdout.contains("api:shared cannot be read: dial tcp: refused\n"), "{ended}");
    // Elsewhere the disk is another machine's.
    docker.answer("context", "echo tcp://elsewhere:2375");
    let ended = repository.xtask(&doctor).succeeds();
    assert!(
        ended.stdout.contains("ok       cache limits   64.42 GB at most, 9895.60 GB of the disk free\n"),
        "{ended}"
    );
}
