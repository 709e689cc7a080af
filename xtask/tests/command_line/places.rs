//! Where the command may be called, and where a repository may lie.

use std::fs;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};

use crate::support::{Docker, Repository, Run};

/// Whether `list` finds the service `worker`, and it alone.
fn finds_the_worker(run: Run) {
    let services = run.succeeds().json()["services"].clone();
    let names: Vec<_> = services.as_array().expect("is a list").iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["worker"]);
}

fn list(repository: &Repository) -> Run {
    repository.xtask(&["list", "--json"])
}

#[test]
fn from_a_folder_of_the_repository() {
    let repository = Repository::with_services(&["worker"]);
    finds_the_worker(list(&repository).within(&repository.root.join("worker/src")));
    let ended = repository.xtask(&["generate"]).within(&repository.root.join("worker/src")).succeeds();
    assert!(ended.stderr.contains("create docker/worker.Dockerfile\n"), "{ended}");
    assert!(repository.exists("docker/worker.Dockerfile"));
}

#[test]
fn from_a_work_tree_of_git() {
    let repository = Repository::with_services(&["worker"]);
    fs::remove_dir(repository.root.join(".git")).expect("removes");
    repository.write(".git", "gitdir: /somewhere/.git/worktrees/repository\n");
    finds_the_worker(list(&repository).within(&repository.root.join("worker/src")));
}

#[test]
fn without_git() {
    let repository = Repository::with_services(&["worker"]);
    fs::remove_dir(repository.root.join(".git")).expect("removes");
    finds_the_worker(list(&repository));
}

#[test]
fn in_folders_with_odd_names() {
    for name in
        ["with spaces and 'quotes'", "comma,and=equals", "ünïcode", "-dash", "dollar$HOME", "percent%20", "#hash"]
    {
        let repository = Repository::at(name);
        repository.rust_service("worker", "worker", "");
        repository.go_service("go", "server");
        Docker::working(&repository);
        let ended = repository.xtask(&["images"]).succeeds();
        assert!(ended.stdout.contains("\nworker ") && ended.stdout.contains("\nserver "), "{ended}");
        repository.xtask(&["generate", "--check"]).succeeds();
    }
}

#[test]
fn a_dry_run_in_an_odd_place_can_be_pasted_into_a_shell() {
    let repository = Repository::at("it's, \"odd\"");
    repository.rust_service("worker", "worker", "");
    let docker = Docker::working(&repository);
    docker.beside_the_engine();
    repository.xtask(&["generate"]).succeeds();
    let printed = repository.xtask(&["images", "--dry-run"]).succeeds().stdout;
    fs::create_dir_all(repository.root.join("target/images")).expect("creates");
    let before = repository.docker_log().len();
    let pasted = std::process::Command::new("/bin/sh")
        .args(["-c", &printed])
        .current_dir(&repository.root)
        .env("PATH", repository.base.join("programs"))
        .env("FAKE_DOCKER", repository.docker())
        .output()
        .expect("the shell starts");
    assert!(pasted.status.success(), "{}", String::from_utf8_lossy(&pasted.stderr));
    assert_eq!(repository.docker_log().len(), before + 1);
    // The builder reads an output as a line of a table, so a comma in a path has to be quoted.
    let layouts = repository.root.join("target/images/layouts/worker");
    let quoted = layouts.as_str().replace('"', "\"\"");
    let bake = &repository.bakes()[0];
    assert!(bake.contains(&format!("worker.output=type=oci,\"dest={quoted}\",tar=false")), "{bake}");
}

#[test]
fn through_a_link() {
    let repository = Repository::with_services(&["worker"]);
    let link = repository.base.join("link");
    symlink(&repository.root, &link).expect("links");
    finds_the_worker(list(&repository).within(&link));
    finds_the_worker(list(&repository).within(&link.join("worker")));
    finds_the_worker(repository.xtask(&["-C", link.as_str(), "list", "--json"]).within(Utf8Path::new("/")));
    Docker::working(&repository);
    repository.xtask(&["images"]).within(&link).succeeds();
    repository.xtask(&["generate", "--check"]).succeeds();
}

#[test]
fn another_repository() {
    let repository = Repository::with_services(&["worker"]);
    let elsewhere = repository.base.join("home");
    finds_the_worker(repository.xtask(&["-C", "../repository", "list", "--json"]).within(&elsewhere));
    finds_the_worker(repository.xtask(&["list", "--json", "-C", repository.root.as_str()]).within(&elsewhere));
    Docker::working(&repository).beside_the_engine();
    repository.xtask(&["images", "-C", repository.root.as_str(), "--output", "out"]).within(&elsewhere).succeeds();
    assert!(!repository.exists("out") && elsewhere.join("out").exists(), "a path belongs to where it was written");
}

#[test]
fn a_folder_that_is_not_there_or_no_folder() {
    let repository = Repository::with_services(&["worker"]);
    let file = repository.root.join("worker/Cargo.toml");
    for folder in [Utf8PathBuf::from("/no/such/folder"), file] {
        let stderr = repository.xtask(&["-C", folder.as_str(), "list"]).fails(2);
        assert!(stderr.starts_with(&format!("error: no such folder: {folder}")), "{stderr}");
        assert!(stderr.ends_with("hint: -C takes the folder of a repository\n"), "{stderr}");
    }
}

#[test]
fn a_current_folder_that_is_gone() {
    let repository = Repository::with_services(&["worker"]);
    let gone = repository.base.join("gone");
    fs::create_dir(&gone).expect("creates");
    let script = format!("cd '{gone}' && rmdir '{gone}' && exec \"$@\"");
    let run = repository.xtask(&["list"]).into_command();
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &script, "sh"]).arg(run.get_program()).args(run.get_args());
    let output = shell.env("PATH", "/usr/bin:/bin").output().expect("the shell starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with("error: the current folder is gone") && stderr.contains("\nhint: "), "{stderr}");
}

#[test]
fn a_checkout_that_cannot_be_written() {
    let repository = Repository::with_services(&["worker"]);
    Docker::working(&repository);
    fs::create_dir(repository.root.join("docker")).expect("creates");
    // A link that leads in a circle, since permissions do not bind root.
    symlink("target", repository.root.join("target")).expect("links");
    let stderr = repository.xtask(&["images"]).fails(3);
    assert!(stderr.contains("target/images"), "{stderr}");
    // It ends before anything is written.
    assert_eq!(repository.xtask(&["generate", "--check"]).ends().code, Some(1));
    assert!(!repository.exists("docker/worker.Dockerfile"));
}

#[test]
fn a_folder_that_may_not_be_read_holds_no_services() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let repository = Repository::new();
    repository.go_service("go", "server");
    repository.write("data/base/1", "a database's");
    let allow = |path: &Utf8Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    let run = repository.xtask(&["list", "--json"]).into_command();
    let mut command = if rustix::process::geteuid().is_root() {
        // Root may read everything, so it takes another user, who has to be able to start the command.
        allow(&repository.base, 0o755);
        let xtask = repository.base.join("xtask");
        let copied = std::process::Command::new("cp").arg(run.get_program()).arg(&xtask).status();
        assert!(copied.expect("cp starts").success());
        let mut command = std::process::Command::new(xtask);
        command.uid(65534).gid(65534);
        command
    } else {
        std::process::Command::new(run.get_program())
    };
    allow(&repository.root.join("data/base"), 0o000);
    let output = command.args(run.get_args()).current_dir(&repository.root).env_clear().output().expect("starts");
    allow(&repository.root.join("data/base"), 0o755);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"server\""), "{stderr}");
}
