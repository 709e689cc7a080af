//! `images` on a machine without Docker.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::SystemTime;

use camino::Utf8Path;

use crate::support::{Compilers, Docker, Repository};

/// A Go and a Rust service.
fn polyglot() -> (Repository, Compilers) {
    let repository = Repository::with_services(&["gateway"]);
    repository.go_service("services", "worker");
    let compilers = Compilers::working(&repository);
    (repository, compilers)
}

fn image(repository: &Repository, name: &str) -> (serde_json::Value, serde_json::Value) {
    let folder = format!("target/images/layouts/{name}");
    let read = |path: String| -> serde_json::Value { serde_json::from_str(&repository.read(&path)).expect("is JSON") };
    let blob = |descriptor: &serde_json::Value| {
        let digest = descriptor["digest"].as_str().expect("is a digest").replace(':', "/");
        read(format!("{folder}/blobs/{digest}"))
    };
    let index = read(format!("{folder}/index.json"));
    let config = blob(&blob(&index["manifests"][0])["config"]);
    (index, config)
}

fn times(folder: &Utf8Path) -> Vec<(String, SystemTime)> {
    let mut times = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir_utf8().expect("lists") {
            let path = entry.expect("lists").into_path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                times.push((path.to_string(), path.metadata().and_then(|is| is.modified()).expect("has a time")));
            }
        }
    }
    times.sort();
    times
}

#[test]
fn without_docker_this_machine_builds_and_says_so() {
    let (repository, compilers) = polyglot();
    repository.write(
        "services/cmd/worker/image.toml",
        "ports = [\"80\", \"8000-8001/udp\"]\nargs = [\"run\"]\nenv = { A = \"b\" }\n",
    );
    let ended = repository.xtask(&["images"]).succeeds();
    let why = "engine: native, this machine's go and cargo, since no builder answers (docker is not on PATH)";
    assert!(ended.stderr.contains(why), "{ended}");
    assert!(ended.stderr.contains("gateway: linked statically with this machine's glibc"), "{ended}");
    assert!(ended.stdout.contains("\ngateway ") && ended.stdout.contains("\nworker "), "{ended}");
    assert_eq!(compilers.builds().len(), 2);
    let (index, config) = image(&repository, "worker");
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "latest");
    let container = &config["config"];
    assert_eq!(container["User"], "65532:65532");
    assert_eq!(container["Entrypoint"], serde_json::json!(["/worker"]));
    assert_eq!(container["Cmd"], serde_json::json!(["run"]));
    assert_eq!(container["WorkingDir"], "/home/nonroot");
    let ports: Vec<_> = container["ExposedPorts"].as_object().expect("is an object").keys().collect();
    assert_eq!(ports, ["80/tcp", "8000/udp", "8001/udp"]);
    assert_eq!(container["Env"].as_array().expect("is a list").last(), Some(&"A=b".into()));
    assert_eq!(container["Labels"]["org.opencontainers.image.base.name"], "embedded");

    // An explanation knows the base too.
    let sizes = repository.xtask(&["images", "--json"]).succeeds().json();
    let explained = repository.xtask(&["sizes", "explain", "worker", "--json"]).succeeds().json();
    let parts = explained["explanations"][0]["whole"]["parts"].as_array().expect("is a list");
    let own = parts.iter().find(|part| part["kind"] == "own").expect("is there");
    assert_eq!((parts.len(), &own["bytes"]), (2, &sizes["images"][1]["own_bytes"]));
}

#[test]
fn a_run_without_changes_writes_no_layout_again() {
    let (repository, compilers) = polyglot();
    let first = repository.xtask(&["images", "--engine", "native", "--json"]).succeeds().json();
    let layouts = repository.root.join("target/images/layouts");
    let before = times(&layouts);
    let second = repository.xtask(&["images", "--engine", "native", "--json"]).succeeds().json();
    assert_eq!(times(&layouts), before);
    assert_eq!(compilers.builds().len(), 4, "whether a binary is fresh, its compiler knows");
    for (index, image) in first["images"].as_array().expect("is a list").iter().enumerate() {
        assert_eq!(image["digest"], second["images"][index]["digest"]);
    }
}

#[test]
fn cargo_forgets_a_source_that_changed_whatever_its_time() {
    let repository = Repository::with_services(&["gateway"]);
    let compilers = Compilers::working(&repository);
    let source = repository.root.join("gateway/src/main.rs");
    let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let write = |text: &str| {
        std::fs::write(&source, text).expect("writes");
        std::fs::File::options().append(true).open(&source).and_then(|file| file.set_modified(long_ago)).expect("sets");
    };
    let cleans = || compilers.builds().iter().filter(|line| line.starts_with("cargo clean ")).count();
    for (text, expected) in [("fn main() {}", 0), ("fn main() {}", 0), ("fn main() { }", 1), ("fn main() {}", 2)] {
        write(text);
        repository.xtask(&["images", "--engine", "native"]).succeeds();
        assert_eq!(cleans(), expected, "{text}");
    }
    compilers.break_binaries(&["gateway"]);
    write("fn main() { oops }");
    for expected in [3, 4] {
        assert_eq!(repository.xtask(&["images", "--engine", "native"]).ends().code, Some(3));
        assert_eq!(cleans(), expected, "what a failed build left is not known");
    }
}

#[test]
fn a_builder_that_answers_is_preferred() {
    let (repository, compilers) = polyglot();
    Docker::working(&repository);
    repository.xtask(&["images"]).succeeds();
    assert_eq!((repository.bakes().len(), compilers.builds().len()), (1, 0));
    repository.xtask(&["images", "--engine", "native"]).succeeds();
    assert_eq!((repository.bakes().len(), compilers.builds().len()), (1, 2));
}

#[test]
fn a_builder_that_went_away_is_replaced() {
    let (repository, compilers) = polyglot();
    let docker = Docker::working(&repository);
    repository.xtask(&["images"]).succeeds();
    docker.answer("buildx inspect", "echo 'ERROR: cannot connect' >&2; exit 1");
    docker.answer("buildx bake", "exit 1");
    let ended = repository.xtask(&["images"]).succeeds();
    assert!(ended.stderr.contains("engine: native, "), "{ended}");
    assert_eq!(compilers.builds().len(), 2);
}

#[test]
fn a_push_never_falls_back() {
    let (repository, compilers) = polyglot();
    let error = repository.xtask(&["images", "--push"]).fails(3);
    assert!(error.contains("docker is not on PATH"), "{error}");
    let error = repository.xtask(&["images", "--engine", "bake"]).fails(3);
    assert!(error.contains("docker is not on PATH"), "{error}");
    assert_eq!(compilers.builds(), Vec::<String>::new());
}

#[test]
fn what_only_a_dockerfile_can_do_names_its_key() {
    for (settings, expected) in [
        (
            "packages = [\"protobuf-compiler\"]",
            "`packages` installs Debian packages into a build stage, as `protobuf-compiler`",
        ),
        (
            "files = [{ from = \"/x\", to = \"/x\", image = \"busybox\" }]",
            "`files` takes a file from the image busybox",
        ),
        ("secrets = [\"token\"]", "`secrets` mounts `token` into a build stage"),
        ("builder = \"golang:1.26\"", "`builder` is the image to build in, here golang:1.26"),
        ("cgo = true", "`cgo` needs a base that has libc"),
        ("base = \"gcr.io/distroless/base\"", "`base = \"gcr.io/distroless/base\"` has no digest"),
    ] {
        let (repository, compilers) = polyglot();
        repository.write("services/cmd/worker/image.toml", settings);
        let error = repository.xtask(&["images"]).fails(2);
        assert!(error.contains("worker cannot be built by the native engine: "), "{error}");
        assert!(error.contains(expected), "{error}");
        assert_eq!(compilers.builds(), Vec::<String>::new());
        repository.xtask(&["image", "gateway"]).succeeds();
    }
}

#[test]
fn jobs_bound_what_compiles_at_once() {
    let (repository, _) = polyglot();
    let one = ["images", "--engine", "native", "--jobs", "1"];
    let lines = repository.xtask(&[&one as &[_], &["--dry-run"]].concat()).succeeds().stdout;
    assert!(lines.contains(" GOMAXPROCS=1 ") && lines.contains("CARGO_BUILD_JOBS=1 "), "{lines}");
    let ended = repository.xtask(&one).succeeds();
    let is_about = |line: &&str| line.ends_with(" compiles") || line.contains(": compiled in ");
    let begun: Vec<_> = ended.stderr.lines().filter(is_about).map(|line| line.ends_with(" compiles")).collect();
    assert_eq!(begun, [true, false, true, false], "{ended}");
}

#[test]
fn a_killed_run_leaves_the_layout_as_it_was() {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    let (repository, _) = polyglot();
    repository.xtask(&["images"]).succeeds();
    let folder = repository.root.join("target/images/layouts/worker");
    let layout = || (times(&folder), image(&repository, "worker"));
    let before = layout();

    // It is killed while a layer is compressed.
    let pipes = ["begun", "end"].map(|name| repository.docker().join(name));
    let made = std::process::Command::new("mkfifo").args(&pipes).status().expect("mkfifo starts");
    assert!(made.success());
    let program = repository.base.join("programs/zstd");
    let script = "#!/bin/sh\necho >\"$FAKE_DOCKER/begun\"\nread -r line <\"$FAKE_DOCKER/end\"\n";
    std::fs::write(&program, script).expect("writes");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets the mode");
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
    use std::os::unix::fs::PermissionsExt as _;
    let (repository, compilers) = polyglot();
    repository.write("services/cmd/worker/image.toml", "compression = \"zstd\"\n");
    let error = repository.xtask(&["images"]).fails(3);
    assert!(error.contains("the native engine needs zstd, which is not on PATH\nhint: install zstd"), "{error}");
    assert_eq!(compilers.builds(), Vec::<String>::new());

    let program = repository.base.join("programs/zstd");
    let script =
        "#!/bin/sh\nPATH=/usr/bin:/bin\necho >>\"$FAKE_DOCKER/zstd\"\nfor plain; do :; done\ncp \"$plain\" \"${6}\"\n";
    std::fs::write(&program, script).expect("writes");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("sets the mode");
    let compressed = || std::fs::read(repository.docker().join("zstd")).unwrap_or_default().len();
    let types = |name: &str| {
        let (index, _) = image(&repository, name);
        let digest = index["manifests"][0]["digest"].as_str().expect("is a digest").replace(':', "/");
        let manifest = repository.read(&format!("target/images/layouts/{name}/blobs/{digest}"));
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("is JSON");
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

    std::fs::write(&program, "#!/bin/sh\necho broken >&2\nexit 1\n").expect("writes");
    repository.write("services/cmd/worker/image.toml", "compression = \"zstd\"\n");
    let error = repository.xtask(&["images"]).fails(3);
    assert!(error.contains("cannot assemble the image worker") && error.contains("broken"), "{error}");
    assert_eq!(types("worker"), vec!["gzip"; 2], "the layout is as it was");
}

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

#[test]
fn what_only_buildx_understands_is_refused() {
    let (repository, _) = polyglot();
    for option in ["--no-cache", "--builder=x", "--network=host", "--cache=type=gha"] {
        let error = repository.xtask(&["images", "--engine", "native", option]).fails(2);
        let name = option.split('=').next().expect("has a name");
        assert!(error.contains(&format!("{name} is for --engine bake")), "{error}");
    }
    repository.write("docker/docker-bake.override.hcl", "");
    let error = repository.xtask(&["images"]).fails(2);
    assert!(error.contains("docker/docker-bake.override.hcl speaks to buildx"), "{error}");
}

#[test]
fn one_that_does_not_compile_does_not_keep_the_others() {
    let repository = Repository::new();
    for name in ["api", "server", "worker"] {
        repository.go_service("services", name);
    }
    let compilers = Compilers::working(&repository);
    compilers.break_binaries(&["server"]);
    let ended = repository.xtask(&["images"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("error: server for linux/"), "{ended}");
    assert!(ended.stderr.contains("  server: undefined: oops"), "{ended}");
    assert!(ended.stderr.contains("2 images, 1 not built"), "{ended}");
    assert_eq!(compilers.builds().len(), 4, "one for all, then one for each");
}

#[test]
fn a_budget_is_for_a_base() {
    let (repository, _) = polyglot();
    repository.write("services/cmd/worker/image.toml", "budget = \"1 kB\"\n");
    let ended = repository.xtask(&["image", "worker"]).succeeds();
    assert!(ended.stderr.contains("the base is `embedded`, and the budgets are for others"), "{ended}");
    let ended = repository.xtask(&["image", "worker", "--json"]).succeeds();
    assert_eq!(ended.json()["images"][0]["verdict"], "other-base");
    repository.write("services/cmd/worker/image.toml", "budget = \"1 kB\"\nbase = \"embedded\"\n");
    assert_eq!(repository.xtask(&["image", "worker"]).ends().code, Some(1));
    repository.write("services/cmd/worker/image.toml", "budget = \"1 kB\"\n");
    repository.write("images.toml", "engine = \"native\"\n");
    let ended = repository.xtask(&["image", "worker", "--config", "images.toml"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.contains("worker is over its budget"), "{ended}");
}

#[test]
fn a_dry_run_shows_the_compilers_commands() {
    let (repository, compilers) = polyglot();
    let ended = repository.xtask(&["images", "--engine", "native", "--dry-run"]).succeeds();
    assert!(
        ended.stdout.contains("CGO_ENABLED=0") && ended.stdout.contains("go build -trimpath -buildvcs=false"),
        "{ended}"
    );
    assert!(ended.stdout.contains("cargo build --release --target "), "{ended}");
    assert!(ended.stdout.contains("--remap-path-prefix="), "{ended}");
    assert!(
        compilers.builds().is_empty() && !repository.exists("docker") && !repository.exists("target/images/layouts")
    );
}

#[test]
fn musl_is_taken_where_it_is_installed() {
    let (repository, compilers) = polyglot();
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    compilers.install(&triple);
    let ended = repository.xtask(&["image", "gateway"]).succeeds();
    assert!(ended.stderr.contains("gateway: linked statically with musl"), "{ended}");
    assert!(compilers.builds()[0].contains(&format!("--target {triple} ")), "{:?}", compilers.builds());
}

#[test]
fn go_is_cross_compiled_and_rust_where_its_target_is_there() {
    let (repository, compilers) = polyglot();
    repository.xtask(&["image", "worker", "--platform", "linux/amd64,linux/arm64"]).succeeds();
    assert_eq!(compilers.builds().len(), 2);
    let index = image_index(&repository, "worker");
    assert_eq!(index["manifests"][0]["platform"]["architecture"], "amd64");
    assert_eq!(index["manifests"][1]["platform"]["architecture"], "arm64");
    let other = if cfg!(target_arch = "x86_64") { ("arm64", "aarch64") } else { ("amd64", "x86_64") };
    let run = || repository.xtask(&["image", "gateway", "--platform", &format!("linux/{}", other.0)]);
    let error = run().fails(3);
    assert!(error.contains(&format!("rustup target add {}-unknown-linux-musl", other.1)), "{error}");
    compilers.install(&format!("{}-unknown-linux-musl", other.1));
    run().succeeds();
    compilers.break_binaries(&["gateway"]);
    compilers.complain("error: linking with `cc` failed: exit status: 1\n");
    let error = run().fails(3);
    let variable = format!("CARGO_TARGET_{}_UNKNOWN_LINUX_MUSL_LINKER", other.1.to_ascii_uppercase());
    assert!(error.contains(&format!("\nhint: {variable}=rust-lld, ")), "{error}");
}

/// The index of an image for several platforms.
fn image_index(repository: &Repository, name: &str) -> serde_json::Value {
    let folder = format!("target/images/layouts/{name}");
    let outer: serde_json::Value =
        serde_json::from_str(&repository.read(&format!("{folder}/index.json"))).expect("is JSON");
    let digest = outer["manifests"][0]["digest"].as_str().expect("is a digest").replace(':', "/");
    serde_json::from_str(&repository.read(&format!("{folder}/blobs/{digest}"))).expect("is JSON")
}

#[test]
fn files_stand_where_the_settings_say_with_the_permissions_that_git_knows() {
    let (repository, _) = polyglot();
    repository.write("services/cmd/worker/flags.json", "{}");
    repository.write("services/cmd/worker/assets/a.txt", "a");
    let files = "files = [{ from = \"flags.json\", to = \"/etc/worker/\" }, { from = \"assets\", to = \"/usr/share/worker\" }]\n";
    repository.write("services/cmd/worker/image.toml", format!("workdir = \"/srv/data\"\n{files}"));
    let ended = repository.xtask(&["image", "worker"]).succeeds();
    let (_, config) = image(&repository, "worker");
    assert_eq!(
        config["rootfs"]["diff_ids"].as_array().map(Vec::len),
        Some(5),
        "base, workdir, two of files, binaries\n{ended}"
    );
    let created: Vec<_> = config["history"]
        .as_array()
        .expect("is a list")
        .iter()
        .filter(|entry| entry["empty_layer"] != true)
        .map(|entry| entry["created_by"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(created[2], "file services/cmd/worker/flags.json /etc/worker/");
    repository.write("services/cmd/worker/image.toml", "files = [{ from = \"gone\", to = \"/x\" }]\n");
    let error = repository.xtask(&["image", "worker"]).fails(2);
    assert!(error.contains("`files` of worker: there is no services/cmd/worker/gone"), "{error}");
}

/// A program that the loader starts, with libraries: this test itself.
fn dynamic_program() -> std::path::PathBuf {
    std::env::current_exe().expect("has a path")
}

#[test]
fn what_would_not_start_is_a_no_before_there_is_an_image() {
    let (repository, compilers) = polyglot();
    compilers.compile_to(&dynamic_program());
    let ended = repository.xtask(&["image", "worker", "--json"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(
        ended.stderr.contains("error: worker would not start on embedded\n  /worker is started by /lib"),
        "{ended}"
    );
    assert!(ended.stderr.contains("  /worker needs libc.so.6, which embedded does not have"), "{ended}");
    assert!(ended.stderr.contains("hint: set `base` to gcr.io/distroless/"), "{ended}");
    assert_eq!(ended.json()["failures"][0]["names"], serde_json::json!(["worker"]));
    assert!(!repository.exists("target/images/layouts/worker/index.json"));
}

#[test]
fn what_would_not_start_is_not_pushed_by_a_builder_either() {
    let (repository, _) = polyglot();
    let docker = Docker::working(&repository);
    docker.builds_program(&dynamic_program());
    for _ in 0..2 {
        let ended = repository.xtask(&["image", "worker", "--push"]).ends();
        assert_eq!(ended.code, Some(1), "{ended}");
        let static_base = "worker would not start on gcr.io/distroless/static-debian13:nonroot\n";
        assert!(ended.stderr.contains(static_base), "{ended}");
        assert!(ended.stderr.contains("1 image, 1 that would not start"), "{ended}");
        assert!(ended.stderr.contains("nothing was pushed"), "{ended}");
    }
    assert_eq!(repository.bakes().len(), 2);
}
