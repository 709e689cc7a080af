//! What must not be inside an image.

use std::process::Command;

use crate::support::{Docker, Repository};

/// A Go service whose image holds the program that Go makes of it, stripped; it uses the package `bufio`.
fn repository(settings: &str) -> Repository {
    let repository = Repository::new();
    repository.go_service("go", "worker");
    let main = "package main\n\nimport (\n\t\"bufio\"\n\t\"os\"\n)\n\nfunc main() {\n\t\
                line, _ := bufio.NewReader(os.Stdin).ReadString('\\n')\n\tprintln(line)\n}\n";
    repository.write("go/cmd/worker/main.go", main);
    repository.write("go/cmd/worker/image.toml", settings);
    let program = repository.base.join("worker");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags=-s -w", "-o", program.as_str(), "./cmd/worker"]);
    go.current_dir(repository.root.join("go")).envs([("CGO_ENABLED", "0"), ("GOFLAGS", ""), ("GOOS", "linux")]);
    let output = go.envs([("GOARCH", "amd64"), ("GOTOOLCHAIN", "local")]).output().expect("go starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Docker::working(&repository).builds_program(program.as_std_path());
    repository
}

#[test]
fn a_package_that_is_denied_stops_a_push() {
    let repository = repository("deny = [\"net/http\", \"bufio\"]\n");
    let ended = repository.xtask(&["images", "--push"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.contains("worker holds bufio, which its `deny` names\n"), "{ended}");
    assert!(!ended.stdout.contains("net/http"), "{ended}");
    assert!(ended.stderr.contains("1 with what must not be inside"), "{ended}");
    assert!(ended.stderr.contains("nothing was pushed"), "{ended}");

    // The image is known by now, and not read again.
    let saves = || repository.docker_log().iter().filter(|line| line.starts_with("image save")).count();
    let before = saves();
    assert_eq!(repository.xtask(&["images"]).ends().code, Some(1));
    let checked = repository.xtask(&["sizes", "check", "--json"]).ends();
    assert_eq!(checked.code, Some(1), "{checked}");
    assert_eq!(checked.json()["images"][0]["denied"], serde_json::json!(["bufio"]));
    assert_eq!(saves(), before);
    repository.write("go/cmd/worker/image.toml", "deny = [\"net/http\"]\n");
    repository.xtask(&["images"]).succeeds();
}

#[test]
fn a_check_reads_the_image_that_was_built_before_anything_was_denied() {
    let repository = repository("");
    repository.xtask(&["images"]).succeeds();
    repository.write("go/cmd/worker/image.toml", "deny = [\"bufio\"]\n");
    let checked = repository.xtask(&["sizes", "check"]).ends();
    assert_eq!(checked.code, Some(1), "{checked}");
    assert!(checked.stdout.contains("worker holds bufio"), "{checked}");
}

#[test]
fn what_tells_nothing_does_not_pass() {
    let repository = Repository::new();
    repository.go_service("go", "worker");
    repository.write("go/cmd/worker/image.toml", "deny = [\"net/http\"]\n");
    // Its binary is no binary.
    Docker::working(&repository);
    let ended = repository.xtask(&["images"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.contains("/worker does not tell what it is made of"), "{ended}");

    let repository = Repository::new();
    repository.rust_service("api", "api", "[package.metadata.image]\ndeny = [\"openssl-sys\"]\n");
    Docker::working(&repository);
    let stderr = repository.xtask(&["images"]).fails(2);
    assert!(stderr.starts_with("error: service api: `deny`: a stripped Rust binary does not tell"), "{stderr}");
    assert_eq!(repository.bakes(), [""; 0]);
}
