//! What is still as an earlier run made it is not built again; and what may not be, is.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8PathBuf;

use crate::support::registry::Registry;
use crate::support::{Compilers, Docker, Repository};

const RECORD: &str = "target/images/inputs.json";

/// A Go service whose go is where Go's own archive has it.
struct Native {
    repository: Repository,
    compilers: Compilers,
    go: Utf8PathBuf,
}

impl Native {
    fn new() -> Self {
        let repository = Repository::new();
        repository.go_service("services", "worker");
        repository.write("services/cmd/worker/image.toml", "files = [{ from = \"data\", to = \"/data\" }]\n");
        repository.write("services/cmd/worker/data/run.sh", "exit\n");
        let compilers = Compilers::working(&repository);
        let go = repository.base.join("go");
        fs::create_dir_all(go.join("bin")).expect("creates");
        let program = repository.base.join("programs/go");
        fs::copy(&program, go.join("bin/go")).expect("copies");
        fs::remove_file(&program).expect("removes");
        std::os::unix::fs::symlink(go.join("bin/go"), program).expect("links");
        fs::write(go.join("VERSION"), "go1.26.8\n").expect("writes");
        Self { repository, compilers, go }
    }

    /// Whether a run has the service compiled.
    fn compiles(&self, words: &[&str], variables: &[(&str, &str)]) -> bool {
        let before = self.compilers.builds().len();
        let run = self.repository.xtask(words).env("XDG_CONFIG_HOME", self.repository.base.join("settings"));
        let run = variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        let ended = run.succeeds();
        assert!(ended.stdout.contains("worker"), "{ended}");
        let compiles = self.compilers.builds().len() > before;
        assert_eq!(ended.stderr.contains("unchanged: worker\n"), !compiles, "{ended}");
        compiles
    }

    fn path(&self, path: &str) -> Utf8PathBuf {
        self.repository.root.join("services/cmd/worker").join(path)
    }
}

#[test]
fn a_native_image_from_the_same_files_is_as_it_was() {
    let native = Native::new();
    let first = native.repository.xtask(&["images", "--json"]).succeeds().json();
    for change in ["README.md", "services/cmd/worker/main_test.go"] {
        native.repository.write(change, "package main\n");
        assert!(!native.compiles(&["images"], &[]), "{change}");
    }
    native.repository.write("services/cmd/worker/main.go", native.repository.read("services/cmd/worker/main.go"));
    assert!(!native.compiles(&["images"], &[]), "the same text");
    assert!(!native.compiles(&["image", "worker"], &[("GOPROXY", "https://user:secret@example.com")]));
    assert!(!native.repository.read(RECORD).contains("secret"));
    let again = native.repository.xtask(&["images", "--json"]).succeeds().json();
    assert_eq!(first["images"][0]["unpacked"], again["images"][0]["unpacked"]);
}

#[test]
fn whatever_may_change_a_native_image_has_it_made_again() {
    let native = Native::new();
    let layout = native.repository.root.join("target/images/layouts/worker");
    let write = |path: Utf8PathBuf, text: &str| {
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, text).expect("writes");
    };
    let changes: [(&str, &dyn Fn()); 12] = [
        ("nothing was made yet", &|| ()),
        ("a source", &|| write(native.path("main.go"), "package main\n\nfunc main() { print() }\n")),
        ("a source as long and as old", &|| {
            let time = native.path("main.go").metadata().and_then(|is| is.modified()).expect("has a time");
            write(native.path("main.go"), "package main\n\nfunc main() { panic() }\n");
            let file = File::options().write(true).open(native.path("main.go")).expect("opens");
            file.set_times(FileTimes::new().set_modified(time)).expect("sets the time");
        }),
        ("a new source", &|| write(native.path("more.go"), "package main\n")),
        ("a source less", &|| fs::remove_file(native.path("more.go")).expect("removes")),
        ("who may execute a file", &|| {
            fs::set_permissions(native.path("data/run.sh"), Permissions::from_mode(0o755)).expect("sets the mode");
        }),
        ("an empty folder", &|| fs::create_dir(native.path("data/cache")).expect("creates")),
        ("a setting", &|| {
            write(native.path("image.toml"), "ports = [\"80\"]\nfiles = [{ from = \"data\", to = \"/data\" }]\n");
        }),
        ("another Go", &|| write(native.go.join("VERSION"), "go1.27.0\n")),
        ("what `go env -w` wrote", &|| write(native.repository.base.join("settings/go/env"), "GOTOOLCHAIN=local\n")),
        ("a layout that is gone", &|| fs::remove_dir_all(&layout).expect("removes")),
        ("a blob that is cut short", &|| {
            let blobs = layout.join("blobs/sha256").read_dir_utf8().expect("lists");
            let blobs = blobs.map(|blob| blob.expect("lists").into_path());
            let largest = blobs.max_by_key(|blob| blob.metadata().expect("is there").len()).expect("there are some");
            let length = largest.metadata().expect("is there").len();
            File::options().write(true).open(largest).and_then(|file| file.set_len(length - 1)).expect("cuts");
        }),
    ];
    for (what, change) in changes {
        change();
        assert!(native.compiles(&["images"], &[]), "{what}");
        assert!(!native.compiles(&["images"], &[]), "after {what}");
    }
    for variables in [("GOEXPERIMENT", "jsonv2"), ("GODEBUG", "madvdontneed=1")] {
        assert!(native.compiles(&["images"], &[variables]), "{variables:?}");
    }
    assert!(native.compiles(&["images", "--tag", "v2"], &[]));
    assert!(native.compiles(&["images", "--platform", "linux/arm64"], &[]));
}

/// Makes what a run noted this much older.
fn ages(repository: &Repository, seconds: i64) {
    let record = repository.read(RECORD);
    let (before, rest) = record.split_once("\"at\":").expect("has a time");
    let (at, rest) = rest.split_once(',').expect("has more");
    let at: i64 = at.parse().expect("is a number");
    repository.write(RECORD, format!("{before}\"at\":{},{rest}", at - seconds));
}

#[test]
fn the_tag_of_a_base_is_trusted_for_a_day_too() {
    let native = Native::new();
    let registry = Registry::start();
    let prefix = format!("{}/team/", registry.host());
    for tag in ["now", "next"] {
        native.repository.write("services/cmd/worker/image.toml", format!("env = {{ TAG = \"{tag}\" }}\n"));
        let push = ["images", "--engine", "native", "--push", "--tag", tag, "--image-prefix", &prefix];
        native.repository.xtask(&push).succeeds();
    }
    native.repository.write("services/cmd/worker/image.toml", format!("base = \"{prefix}worker:now\"\n"));
    let variables = |native: &Native| crate::native::image(&native.repository, "worker").1["config"]["Env"].to_string();
    assert!(native.compiles(&["images"], &[]));
    registry.moves_tag("team/worker", "now", "next");
    registry.forget_requests();
    assert!(!native.compiles(&["images"], &[]));
    assert_eq!(registry.requests(""), Vec::<String>::new());
    assert!(variables(&native).contains("TAG=now"));
    ages(&native.repository, 86_500);
    assert!(native.compiles(&["images"], &[]), "a day later");
    assert!(variables(&native).contains("TAG=next"));
    assert!(!native.compiles(&["images"], &[]));

    // What stands on a base that may be out of date is not trusted at all.
    drop(registry);
    native.repository.write("services/cmd/worker/main.go", "package main\n\nfunc main() { print() }\n");
    for _ in 0..2 {
        assert!(native.compiles(&["images"], &[]), "no registry answers");
    }
    assert!(variables(&native).contains("TAG=next"));
}

#[test]
fn what_is_not_known_to_be_the_same_is_made_every_time() {
    let native = Native::new();
    let unknown: [(&str, &dyn Fn()); 2] = [
        ("a go that is not beside its VERSION", &|| fs::remove_file(native.go.join("VERSION")).expect("removes")),
        ("a workspace above the repository", &|| {
            fs::write(native.go.join("VERSION"), "go1.26.8\n").expect("writes");
            fs::write(native.repository.base.join("go.work"), "go 1.26\n").expect("writes");
        }),
    ];
    for (what, make) in unknown {
        make();
        assert!(native.compiles(&["images"], &[]), "{what}");
        assert!(native.compiles(&["images"], &[]), "{what}, again");
    }
    // Cargo links with this machine's libraries.
    let repository = Repository::with_services(&["gateway"]);
    let compilers = Compilers::working(&repository);
    for runs in 1..3 {
        repository.xtask(&["images"]).succeeds();
        let builds = compilers.builds().into_iter().filter(|line| line.contains(" --bin gateway"));
        assert_eq!(builds.count(), runs);
    }
}

/// A service whose images go into the engine, and are there.
fn in_engine() -> (Repository, Docker) {
    let repository = Repository::new();
    repository.go_service("services", "worker");
    let docker = Docker::working(&repository);
    docker.answer("image inspect", r#"echo '{"id":"sha256:worker","tags":["worker:latest","worker:v2"]}'"#);
    (repository, docker)
}

fn bakes(repository: &Repository, words: &[&str], variables: &[(&str, &str)]) -> bool {
    let before = repository.bakes().len();
    let run = variables.iter().fold(repository.xtask(words), |run, (name, value)| run.env(name, value));
    let ended = run.ends();
    assert!(ended.stdout.contains("worker"), "{ended}");
    repository.bakes().len() > before
}

#[test]
fn an_image_that_the_engine_has_from_the_same_files_is_not_asked_for() {
    let (repository, _docker) = in_engine();
    assert!(bakes(&repository, &["images"], &[]));
    let before = repository.docker_log().len();
    assert!(!bakes(&repository, &["images"], &[]));
    let asked = &repository.docker_log()[before..];
    assert!(matches!(asked, [one] if one.starts_with("image inspect")), "{asked:?}");
    let explained = repository.xtask(&["images", "--explain"]).succeeds();
    assert!(explained.stdout.ends_with("worker: nothing was rebuilt\n"), "{explained}");

    // Of two, the other one is built.
    repository.go_service("services", "server");
    assert!(bakes(&repository, &["images"], &[]));
    let last = repository.bakes().pop().expect("there was one");
    assert!(last.contains("server.output") && !last.contains("worker.output"), "{last}");

    // What is known of the one is not forgotten over the other.
    let saves = || repository.docker_log().iter().filter(|line| line.starts_with("image save")).count();
    let before = saves();
    for words in [&["image", "worker"] as &[&str], &["image", "server"], &["images"]] {
        repository.xtask(words).succeeds();
    }
    assert_eq!(saves(), before);
}

#[test]
fn a_bake_is_asked_wherever_the_image_may_be_another() {
    let (repository, docker) = in_engine();
    assert!(bakes(&repository, &["images"], &[]));
    for (words, variables) in [
        (&["images", "--no-cache"] as &[&str], &[] as &[(&str, &str)]),
        (&["images", "--push", "--image-prefix", "localhost:1/"], &[]),
        (&["images", "--cache", "localhost:1/cache", "--cache-export"], &[]),
        (&["images"], &[("DOCKER_CONTEXT", "other")]),
        (&["images"], &[("DOCKER_DEFAULT_PLATFORM", "linux/arm64")]),
        (&["images", "--network", "host"], &[]),
        (&["images", "--tag", "v2"], &[]),
    ] {
        assert!(bakes(&repository, words, variables), "{words:?} {variables:?}");
    }
    let changes: [(&str, &dyn Fn()); 5] = [
        ("another image of that name", &|| {
            docker.answer("image inspect", r#"echo '{"id":"sha256:other","tags":["worker:latest"]}'"#);
        }),
        ("an image without the tag", &|| {
            docker.answer("image inspect", r#"echo '{"id":"sha256:worker","tags":["worker:other"]}'"#);
        }),
        ("no image", &|| docker.answer("image inspect", "echo Error: No such image >&2; exit 1")),
        ("another builder", &|| {
            docker.answer("image inspect", r#"echo '{"id":"sha256:worker","tags":["worker:latest"]}'"#);
            fs::create_dir_all(repository.base.join("home/.docker/buildx")).expect("creates");
            fs::write(repository.base.join("home/.docker/buildx/current"), r#"{"Name":"other"}"#).expect("writes");
        }),
        ("a bake file of a person", &|| repository.write("docker/docker-bake.override.hcl", "")),
    ];
    for (what, change) in changes {
        bakes(&repository, &["images"], &[]);
        change();
        assert!(bakes(&repository, &["images"], &[]), "{what}");
    }
}

#[test]
fn after_a_day_the_builder_is_asked_since_a_base_may_be_another() {
    let (repository, _docker) = in_engine();
    assert!(bakes(&repository, &["images"], &[]));
    for (seconds, is_trusted) in [(86_000, true), (500, false)] {
        ages(&repository, seconds);
        assert_eq!(bakes(&repository, &["images"], &[]), !is_trusted, "{seconds} seconds later");
    }
    // A clock that was put back tells nothing.
    ages(&repository, -3_600);
    assert!(bakes(&repository, &["images"], &[]));
}

#[test]
fn settings_of_docker_that_cannot_be_read_are_docker_s_to_refuse() {
    let (repository, _docker) = in_engine();
    fs::remove_file(repository.base.join("home/.docker/buildx/current")).expect("removes");
    fs::create_dir(repository.base.join("home/.docker/buildx/current")).expect("creates");
    assert!(bakes(&repository, &["images"], &[]));
    assert!(bakes(&repository, &["images"], &[]), "which builder it was is not known");
    let native = Native::new();
    fs::create_dir_all(native.repository.base.join("home/.docker/config.json")).expect("creates");
    assert!(native.compiles(&["images", "--engine", "native"], &[]));
    assert!(!native.compiles(&["images", "--engine", "native"], &[]));
}

#[test]
fn one_that_would_not_start_is_said_so_every_time() {
    let (repository, docker) = in_engine();
    docker.builds_program(std::path::Path::new("/bin/sh"));
    for _ in 0..2 {
        let ended = repository.xtask(&["images"]).ends();
        assert_eq!(ended.code, Some(1), "{ended}");
    }
}
