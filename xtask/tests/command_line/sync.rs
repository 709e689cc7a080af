//! The generated files on the disk: written once, never at a person's cost.

use crate::support::{Docker, Repository};

#[test]
fn a_second_run_writes_nothing() {
    let repository = Repository::with_services(&["api", "worker"]);
    let ended = repository.xtask(&["generate"]).succeeds();
    assert!(ended.stderr.contains("create docker/api.Dockerfile\n"), "{ended}");
    let before = repository.files();
    let ended = repository.xtask(&["generate"]).succeeds();
    assert!(ended.stderr.contains("are up to date"), "{ended}");
    assert_eq!(repository.files(), before);
}

#[test]
fn check_prints_a_diff_and_the_command_that_mends_it() {
    let repository = Repository::with_services(&["api"]);
    repository.xtask(&["generate"]).succeeds();
    repository.xtask(&["generate", "--check"]).succeeds();
    repository.rust_service("api", "api", "[package.metadata.image]\nports = [\"8080/tcp\"]\n");
    let before = repository.files();
    let ended = repository.xtask(&["generate", "--check"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.starts_with("--- a/docker/api.Dockerfile\n+++ b/docker/api.Dockerfile\n"), "{ended}");
    assert!(ended.stdout.contains("\n+EXPOSE 8080/tcp\n"), "{ended}");
    assert_eq!(
        ended.stderr,
        "stale: docker/api.Dockerfile\nhint: run `cargo xtask generate` and commit what it writes\n"
    );
    assert_eq!(repository.files(), before);
}

#[test]
fn json_lists_what_changes() {
    let repository = Repository::with_services(&["api"]);
    let ended = repository.xtask(&["generate", "--check", "--json"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    let changes = ended.json()["changes"].clone();
    assert_eq!(repository.xtask(&["generate", "--json"]).succeeds().json()["changes"], changes);
    assert!(changes.as_array().is_some_and(|changes| {
        changes.contains(&serde_json::json!({"path": "docker/api.Dockerfile", "change": "create"}))
    }));
    assert_eq!(
        repository.xtask(&["generate", "--json"]).succeeds().json(),
        serde_json::json!({"changes": [], "failures": []})
    );
}

#[test]
fn a_vanished_services_files_go() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.xtask(&["generate"]).succeeds();
    std::fs::remove_dir_all(repository.root.join("worker")).expect("removes");
    let ended = repository.xtask(&["generate"]).succeeds();
    assert!(ended.stderr.contains("remove docker/worker.Dockerfile\n"), "{ended}");
    assert!(ended.stderr.contains("remove docker/worker.Dockerfile.dockerignore\n"), "{ended}");
    assert!(!repository.exists("docker/worker.Dockerfile") && repository.exists("docker/api.Dockerfile"));
    repository.xtask(&["generate", "--check"]).succeeds();
}

#[test]
fn an_edit_by_hand_is_refused_and_kept() {
    let repository = Repository::with_services(&["api"]);
    repository.xtask(&["generate"]).succeeds();
    let edited = repository.read("docker/api.Dockerfile") + "USER root\n";
    repository.write("docker/api.Dockerfile", &edited);
    let before = repository.files();
    Docker::working(&repository);
    for arguments in [&["generate"][..], &["generate", "--check"], &["images"], &["images", "--dry-run"]] {
        let stderr = repository.xtask(arguments).fails(2);
        assert!(stderr.contains("error: docker/api.Dockerfile was generated, and edited by hand since\n"), "{stderr}");
        assert!(stderr.contains("`rm docker/api.Dockerfile`"), "{stderr}");
    }
    assert_eq!(repository.files(), before);
    assert_eq!(repository.bakes(), [""; 0]);
}

#[test]
fn all_that_was_edited_is_named_at_once() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.xtask(&["generate"]).succeeds();
    for path in ["docker/api.Dockerfile", "docker/worker.Dockerfile"] {
        repository.write(path, repository.read(path).replace("FROM", "<<<<<<< HEAD\nFROM"));
    }
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: docker/api.Dockerfile, docker/worker.Dockerfile were generated, "), "{stderr}");
    assert!(stderr.contains("`rm docker/api.Dockerfile docker/worker.Dockerfile`"), "{stderr}");
}

#[test]
fn an_edited_file_of_a_vanished_service_is_kept() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.xtask(&["generate"]).succeeds();
    repository.write("docker/worker.Dockerfile", repository.read("docker/worker.Dockerfile") + "USER root\n");
    std::fs::remove_dir_all(repository.root.join("worker")).expect("removes");
    repository.xtask(&["generate"]).succeeds();
    assert!(repository.read("docker/worker.Dockerfile").ends_with("USER root\n"));
    assert!(!repository.exists("docker/worker.Dockerfile.dockerignore"));
}

#[test]
fn somebody_elses_file_is_in_the_way() {
    for contents in [&b"FROM mine\n"[..], b"\xff\xfe\x00binary", b""] {
        let repository = Repository::with_services(&["api"]);
        repository.write("docker/api.Dockerfile", contents);
        let before = repository.files();
        let stderr = repository.xtask(&["generate"]).fails(2);
        assert!(stderr.starts_with("error: docker/api.Dockerfile is in the way: "), "{stderr}");
        assert_eq!(repository.files(), before);
    }
}

#[test]
fn somebody_elses_bake_file_has_a_place_of_its_own() {
    let repository = Repository::with_services(&["api"]);
    repository.write("docker/docker-bake.hcl", "target \"mine\" {}\n");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: docker/docker-bake.hcl is in the way: "), "{stderr}");
    assert!(stderr.contains("docker/docker-bake.override.hcl"), "{stderr}");
}

#[test]
fn files_of_other_tools_in_the_folder_are_theirs() {
    let repository = Repository::with_services(&["api"]);
    let mine =
        [("docker/entry.sh", &b"\xff\xfe"[..]), ("docker/mine.Dockerfile", b"FROM x\n"), ("docker/notes.md", b"x")];
    for (path, contents) in mine {
        repository.write(path, contents);
    }
    repository.xtask(&["generate"]).succeeds();
    for (path, contents) in mine {
        assert_eq!(std::fs::read(repository.root.join(path)).expect("is there"), contents);
    }
    repository.xtask(&["generate", "--check"]).succeeds();
}

#[test]
fn a_folder_where_a_file_should_be() {
    let repository = Repository::with_services(&["api"]);
    repository.write("docker/api.Dockerfile/keep", "x");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: docker/api.Dockerfile is in the way: "), "{stderr}");
    assert_eq!(repository.read("docker/api.Dockerfile/keep"), "x");
    assert!(!repository.exists("docker/docker-bake.hcl"), "half of the files were written");
}

#[test]
fn a_file_where_the_folder_should_be() {
    let repository = Repository::with_services(&["api"]);
    repository.write("docker", "mine");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: docker is in the way: "), "{stderr}");
    assert_eq!(repository.read("docker"), "mine");
}

#[test]
fn a_file_where_the_work_folder_should_be() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    repository.write("target", "mine");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("target/images") && stderr.contains("hint: something else is in its place"), "{stderr}");
    assert_eq!(repository.read("target"), "mine");
}

#[test]
fn a_checkout_that_turned_the_line_ends() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.rust_service("worker", "worker", "[package.metadata.image]\nports = [\"80\"]\nbudget = \"1 MB\"\n");
    repository.write("Cargo.toml", "[workspace]\nmembers = [\"api\", \"worker\"]\nresolver = \"3\"\n");
    repository.write("rust-toolchain.toml", "[toolchain]\nchannel = \"1.90.0\"\n");
    repository.write(".cargo/config.toml", "[build]\nrustflags = [\"-C\", \"debuginfo=0\"]\n");
    repository.xtask(&["generate"]).succeeds();
    let before = repository.files();
    for (path, bytes, _) in &before {
        let turned = String::from_utf8(bytes.clone()).expect("is UTF-8").replace('\n', "\r\n");
        std::fs::write(path, turned).expect("writes");
    }
    repository.xtask(&["generate", "--check"]).succeeds();
    // Written anew from turned sources, they are the same bytes.
    std::fs::remove_dir_all(repository.root.join("docker")).expect("removes");
    repository.xtask(&["generate"]).succeeds();
    for (path, bytes, _) in before.iter().filter(|(path, ..)| path.starts_with(repository.root.join("docker"))) {
        assert_eq!(&std::fs::read(path).expect("reads"), bytes, "{path}");
    }
}

#[test]
fn the_same_bytes_on_two_machines() {
    let (one, two) = (Repository::at("one"), Repository::at("two, and a longer name"));
    for repository in [&one, &two] {
        repository.rust_service("api", "api", "");
        repository.xtask(&["generate"]).succeeds();
    }
    let generated = |repository: &Repository| {
        let files = repository.files().into_iter();
        files
            .map(|(path, bytes, _)| (path.strip_prefix(&repository.root).expect("is inside").to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(generated(&one), generated(&two));
}
