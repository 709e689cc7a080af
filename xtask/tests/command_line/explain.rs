//! Why images were built again: `--explain`, on a docker whose steps are what the test wants.

use std::fs::{File, FileTimes};

use crate::support::{Compilers, Docker, Repository};

/// A bake in which these stages of `worker` run, and no others.
fn runs(docker: &Docker, stages: &[&str]) {
    let steps = stages.iter().map(|stage| {
        let step = format!("[{stage} 1/1] RUN true");
        format!(r#"{{"vertexes":[{{"digest":"{stage}","name":"{step}","started":"1","completed":"2"}}]}}"#)
    });
    let lines = steps.map(|line| format!("echo '{line}' >&2\n"));
    docker.answer("buildx bake", &format!("{}bake_succeeds", lines.collect::<String>()));
}

fn repository() -> (Repository, Docker) {
    let repository = Repository::new();
    repository.go_service("go", "worker");
    let docker = Docker::working(&repository);
    (repository, docker)
}

/// What a run says of the stages.
fn explained(repository: &Repository, arguments: &[&str]) -> String {
    let words = [&["image", "worker", "--explain"], arguments].concat();
    let ended = repository.xtask(&words).succeeds();
    let (_, explanation) = ended.stdout.split_once("\n\n").unwrap_or_else(|| panic!("{ended}"));
    explanation.to_owned()
}

const RECORD: &str = "target/images/inputs.json";

#[test]
fn the_first_time_begins_a_record_and_the_next_names_the_file_and_its_stage() {
    let (repository, docker) = repository();
    runs(&docker, &["repository", "build"]);
    let unknown = "its inputs before are not known: they are recorded from now on";
    let first = format!("worker: 2 of 2 steps ran\n  repository    0.0s  {unknown}\n  build         0.0s  {unknown}\n");
    assert_eq!(explained(&repository, &[]), first);

    runs(&docker, &[]);
    assert_eq!(explained(&repository, &[]), "worker: nothing was rebuilt\n");

    runs(&docker, &["repository", "go-modules", "build"]);
    repository.write("go/cmd/worker/main.go", "package main\n\nfunc main() { print() }\n");
    repository.write("go/cmd/worker/more.go", "package main\n");
    repository.write("go/cmd/worker/more_test.go", "package main\n");
    repository.write("go/go.mod", "module example.com/go\n\ngo 1.26\n\n// A remark.\n");
    let expected = "worker: 3 of 3 steps ran
  repository    0.0s  copies the inputs
  go-modules    0.0s  go/go.mod changed
  build         0.0s  go/cmd/worker/main.go changed
                      go/cmd/worker/more.go added
";
    assert_eq!(explained(&repository, &[]), expected);

    std::fs::remove_file(repository.root.join("go/cmd/worker/more.go")).expect("removes");
    runs(&docker, &["build"]);
    let ended = repository.xtask(&["image", "worker", "--explain", "--json"]).succeeds().json();
    let rebuild = &ended["rebuilds"][0];
    assert_eq!(rebuild["image"], "worker");
    assert_eq!(rebuild["stages"][0]["stage"], "build");
    let reason = &rebuild["stages"][0]["reasons"][0];
    assert_eq!((&reason["path"], &reason["change"]), (&"go/cmd/worker/more.go".into(), &"removed".into()));
}

#[test]
fn every_run_is_recorded_whether_somebody_asks_or_not() {
    let (repository, docker) = repository();
    runs(&docker, &["build"]);
    repository.xtask(&["images"]).succeeds();
    assert!(repository.exists(RECORD));
    repository.write("go/cmd/worker/main.go", "package main\n\nfunc main() { print() }\n");
    repository.xtask(&["images"]).succeeds();
    repository.write("go/cmd/worker/more.go", "package main\n");
    let explanation = explained(&repository, &[]);
    let expected = "worker: 1 of 1 steps ran\n  build    0.0s  go/cmd/worker/more.go added\n";
    assert_eq!(explanation, expected);
}

#[test]
fn a_file_in_the_place_of_one_as_long_and_as_old_has_changed() {
    let (repository, docker) = repository();
    runs(&docker, &["build"]);
    let path = repository.root.join("go/cmd/worker/main.go");
    let time = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("has a time");
    explained(&repository, &[]);
    repository.write("go/cmd/worker/main.go", "package main\n\nfunc main() {}\n");
    let same = explained(&repository, &[]);
    assert!(same.contains("nothing that is recorded changed"), "{same}");

    repository.write("go/cmd/worker/main.go", "package main\n\nfunc main(){ }\n");
    let file = File::options().write(true).open(&path).expect("opens");
    file.set_times(FileTimes::new().set_modified(time)).expect("sets the time");
    let other = explained(&repository, &[]);
    assert!(other.contains("go/cmd/worker/main.go changed"), "{other}");
}

#[test]
fn a_build_that_failed_is_explained_and_compared_with_again() {
    let (repository, docker) = repository();
    runs(&docker, &["build"]);
    explained(&repository, &[]);
    repository.write("go/cmd/worker/main.go", "package main\n\nfunc main() { broken }\n");
    let failed = r#"{"vertexes":[{"digest":"b","name":"[build 1/1] RUN true","started":"1","completed":"2","error":"exit code: 1"}]}"#;
    docker.answer("buildx bake", &format!("echo '{failed}' >&2; exit 1"));
    let ended = repository.xtask(&["image", "worker", "--explain"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stdout.contains("  build    0.0s  go/cmd/worker/main.go changed\n"), "{ended}");

    runs(&docker, &["build"]);
    repository.write("go/cmd/worker/more.go", "package main\n");
    let explanation = explained(&repository, &[]);
    assert!(explanation.contains("main.go changed") && explanation.contains("more.go added"), "{explanation}");
}

#[test]
fn what_is_not_an_input_is_named_too() {
    let (repository, docker) = repository();
    runs(&docker, &["go-toolchain", "go-modules"]);
    explained(&repository, &[]);
    let all = explained(&repository, &["--no-cache"]);
    assert_eq!(all.matches("--no-cache").count(), 2, "{all}");
    let network = explained(&repository, &["--network", "host"]);
    assert!(network.contains("go-toolchain    0.0s  --network is `host`, before none\n"), "{network}");
    assert!(network.contains("go-modules      0.0s  follows go-toolchain\n"), "{network}");
    repository.write("go/go.mod", "module example.com/go\n\ngo 1.27\n");
    let toolchain = explained(&repository, &["--network", "host"]);
    assert!(toolchain.contains("0.0s  its instructions in docker/worker.Dockerfile changed\n"), "{toolchain}");
}

#[test]
fn a_record_that_is_broken_is_begun_anew() {
    let (repository, docker) = repository();
    runs(&docker, &["build"]);
    explained(&repository, &[]);
    let record = repository.read(RECORD);
    for broken in ["", "{", &record.replace("\"inputs\":[0", "\"inputs\":[77")] {
        repository.write(RECORD, broken);
        let explanation = explained(&repository, &[]);
        assert!(explanation.contains("are not known"), "{broken}: {explanation}");
        let explanation = explained(&repository, &[]);
        assert!(explanation.contains("nothing that is recorded changed"), "{broken}: {explanation}");
    }
}

#[test]
fn of_this_machines_compilers_the_inputs_are_known_and_no_more_is_said() {
    let repository = Repository::new();
    repository.go_service("go", "worker");
    Compilers::working(&repository);
    let explained = || {
        let ended = repository.xtask(&["images", "--explain"]).succeeds();
        assert!(ended.stderr.contains("what is compiled again, go and cargo decide by caches of their own"), "{ended}");
        ended.stdout.split_once("\n\n").expect("ends in an explanation").1.to_owned()
    };
    assert!(explained().contains("worker: its inputs before are not known"));
    assert_eq!(explained(), "worker: no input changed\n");
    repository.write("go/cmd/worker/main.go", "package main\n\nfunc main() { print() }\n");
    assert_eq!(explained(), "worker:\n  go/cmd/worker/main.go changed\n");
    let json = repository.xtask(&["images", "--explain", "--json"]).succeeds().json();
    assert!(json["rebuilds"][0]["stages"].is_null(), "{json}");
}
