//! Builds that fail: who is to blame, what the others get, and that nothing half-done is pushed.

use crate::support::{Docker, Repository};

#[test]
fn a_service_that_does_not_compile_keeps_no_other_from_being_built() {
    let repository = Repository::with_services(&["api", "web", "worker"]);
    Docker::working(&repository).bake_fails("web", "failure.jsonl");
    let ended = repository.xtask(&["images"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    let message = "error: web failed at [build 2/2]\n  RUN echo compiling web; sleep 0.3; \
                   echo \"web.go:3: undefined: x\" >&2; exit 4\n  its log:\n    compiling web\n    web.go:3: undefined: x\n";
    assert!(ended.stderr.contains(message), "{ended}");
    assert!(ended.stderr.contains("\nhint: mend it, then `cargo xtask image web`"), "{ended}");
    assert!(ended.stderr.contains("2 images, 1 not built"), "{ended}");
    // The second time they are shown as the first time.
    assert!(ended.stderr.contains("api: cancelled") && ended.stderr.contains("api: done in "), "{ended}");
    assert!(ended.stdout.contains("\napi ") && ended.stdout.contains("\nworker "), "{ended}");
    let bakes = repository.bakes();
    assert!(bakes[0].ends_with(" api web worker") && bakes[1].ends_with(" api worker"), "{bakes:?}");
    assert_eq!(bakes.len(), 2);
}

#[test]
fn a_failure_is_in_the_json_report_too() {
    let repository = Repository::with_services(&["api", "web", "worker"]);
    Docker::working(&repository).bake_fails("web", "failure.jsonl");
    let ended = repository.xtask(&["images", "--json"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    let report = ended.json();
    assert_eq!(report["failures"][0]["names"], serde_json::json!(["web"]));
    assert!(report["failures"][0]["text"].as_str().is_some_and(|text| text.contains("undefined: x")));
    assert_eq!(report["images"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_failure_with_push_pushes_nothing() {
    let repository = Repository::with_services(&["api", "web", "worker"]);
    Docker::working(&repository).bake_fails("web", "failure.jsonl");
    let ended = repository.xtask(&["images", "--push"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("nothing was pushed"), "{ended}");
    assert!(repository.bakes().iter().all(|bake| !bake.contains("push=true")), "{:?}", repository.bakes());
}

#[test]
fn a_push_that_fails_half_way_says_what_is_where() {
    let repository = Repository::with_services(&["api", "web"]);
    let docker = Docker::working(&repository);
    let push = docker.recording("push.jsonl");
    docker.answer(
        "buildx bake",
        &format!("case \"$*\" in *push=true*) ! bakes api || {{ {push}; exit 1; }} ;; esac\nbake_succeeds"),
    );
    let ended = repository.xtask(&["images", "--push", "--json"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("error: api failed\n  pushing 127.0.0.1:1/api:1 with docker\n"), "{ended}");
    assert!(ended.stderr.contains("connection refused\n") && ended.stderr.contains("\nhint: "), "{ended}");
    assert!(ended.stderr.contains("2 images, 1 not pushed"), "{ended}");
    assert!(!ended.stderr.contains("nothing was pushed"), "{ended}");
    assert!(ended.stderr.contains("\npushed: web\nnot pushed: api\n"), "{ended}");
    let report = ended.json();
    assert_eq!((&report["images"][0]["name"], &report["images"][0]["pushed"]), (&"api".into(), &false.into()));
    assert_eq!((&report["images"][1]["name"], &report["images"][1]["pushed"]), (&"web".into(), &true.into()));
}

#[test]
fn an_engine_that_dies_half_way_blames_no_service_and_is_not_asked_again() {
    let repository = Repository::with_services(&["api", "worker"]);
    Docker::working(&repository).bake_fails("worker", "daemon-died.jsonl");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("error: api, worker: the builder is gone\n"), "{stderr}");
    assert!(stderr.contains("error reading from server: EOF"), "{stderr}");
    assert!(stderr.contains("\nhint: see whether `cargo xtask doctor`"), "{stderr}");
    assert_eq!(repository.bakes().len(), 1);
}

#[test]
fn an_engine_that_dies_in_the_first_of_several_bakes_ends_all_of_them() {
    let repository = many_services();
    let docker = Docker::working(&repository);
    let lost = "echo 'ERROR: failed to receive status: rpc error: code = Unavailable desc = EOF' >&2; exit 1";
    docker.answer("buildx bake", lost);
    let ended = repository.xtask(&["images", "--json"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert_eq!(repository.bakes().len(), 1);
    let names = ended.json()["failures"][0]["names"].clone();
    assert_eq!(names.as_array().map(Vec::len), Some(130));
    assert!(ended.stderr.contains("s000, s001, s002, s003, s004, s005 and 54 more: the builder is gone"), "{ended}");
}

#[test]
fn more_images_than_a_bake_takes() {
    let repository = many_services();
    let docker = Docker::working(&repository);
    let error = "ERROR: target s070: failed to solve: no such thing";
    docker.answer("buildx bake", &format!("if bakes s070; then echo '{error}' >&2; exit 1; fi; bake_succeeds"));
    let ended = repository.xtask(&["images", "--json"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    let targets = |bake: &String| bake.split(' ').filter(|word| word.len() == 4 && word.starts_with('s')).count();
    assert_eq!(repository.bakes().iter().map(targets).collect::<Vec<_>>(), [60, 60, 59, 10]);
    let report = ended.json();
    assert_eq!(report["failures"][0]["names"], serde_json::json!(["s070"]));
    let names: Vec<_> =
        report["images"].as_array().expect("is a list").iter().map(|image| image["name"].to_string()).collect();
    assert!(names.len() == 129 && names.is_sorted(), "{names:?}");
}

/// A repository of 130 services.
fn many_services() -> Repository {
    let repository = Repository::new();
    for number in 0..130 {
        repository.go_service("go", &format!("s{number:03}"));
    }
    repository
}

#[test]
fn an_engine_that_dies_before_the_images_are_measured() {
    let repository = Repository::with_services(&["worker"]);
    let docker = Docker::working(&repository);
    docker.answer("image save", "echo 'Cannot connect to the Docker daemon at unix:///x.sock.' >&2; exit 1");
    let stderr = repository.xtask(&["images", "--push"]).fails(3);
    assert!(stderr.contains("worker") && stderr.contains("Cannot connect to the Docker daemon"), "{stderr}");
    assert_eq!(repository.bakes().len(), 1);
}

#[test]
fn a_tag_that_another_build_has_taken() {
    let repository = Repository::with_services(&["worker"]);
    let docker = Docker::working(&repository);
    let metadata = r#"{"worker": {"containerimage.digest": "sha256:a", "containerimage.config.digest": "sha256:a"}}"#;
    docker.answer("buildx bake", &format!("echo '{metadata}' >\"$metadata\""));
    let stderr = repository.xtask(&["images", "--push"]).fails(3);
    let message = "error: worker:latest is not the image that was built: another build has taken its tag\nhint: ";
    assert!(stderr.contains(message), "{stderr}");
    // It is not taken for the right one by a later run either.
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains(message), "{stderr}");
    assert_eq!(repository.bakes().len(), 2);
}

#[test]
fn an_image_that_comes_cut_off() {
    let repository = Repository::with_services(&["worker"]);
    let docker = Docker::working(&repository);
    docker.answer("image save", "head -c 3000 \"$FAKE_DOCKER/image.tar\"");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("cannot read the saved image of worker"), "{stderr}");
}

#[test]
fn a_full_disk_of_the_builder() {
    for recording in ["disk-full.jsonl", "disk-full-step.jsonl"] {
        let repository = Repository::with_services(&["api", "worker"]);
        Docker::working(&repository).bake_fails("worker", recording);
        let stderr = repository.xtask(&["images"]).fails(3);
        assert!(stderr.contains("worker failed at [build 2/2]\n"), "{stderr}");
        assert!(stderr.to_lowercase().contains("no space left on device\n"), "{stderr}");
        assert!(stderr.contains("\nhint: free the builder's disk: "), "{stderr}");
    }
}

#[test]
fn a_base_image_that_is_not_there() {
    let repository = Repository::with_services(&["worker"]);
    Docker::working(&repository).bake_fails("worker", "nobase.jsonl");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(
        stderr.contains("docker.io/library/progress-nobase:9: not found\nhint: check the image's name"),
        "{stderr}"
    );
}

#[test]
fn a_builder_that_writes_no_answer() {
    let repository = Repository::with_services(&["worker"]);
    let docker = Docker::working(&repository);
    docker.answer("buildx bake", "true");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("error: buildx wrote no ") && stderr.contains("bake-metadata."), "{stderr}");
    docker.answer("buildx bake", "echo '{}' >\"$metadata\"");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("no digest for worker"), "{stderr}");
}
