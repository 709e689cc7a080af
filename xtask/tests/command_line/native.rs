//! `images` on a machine without Docker.

use std::time::SystemTime;

use camino::Utf8Path;

use crate::support::{Compilers, Docker, Repository};

/// A Go and a Rust service.
pub fn polyglot() -> (Repository, Compilers) {
    let repository = Repository::with_services(&["gateway"]);
    repository.go_service("services", "worker");
    let compilers = Compilers::working(&repository);
    (repository, compilers)
}

pub fn image(repository: &Repository, name: &str) -> (serde_json::Value, serde_json::Value) {
    let index = document(repository, name, "index.json");
    let config = blob(repository, name, &manifest(repository, name)["config"]);
    (index, config)
}

/// The manifest of an image's layout.
pub fn manifest(repository: &Repository, name: &str) -> serde_json::Value {
    blob(repository, name, &document(repository, name, "index.json")["manifests"][0])
}

fn blob(repository: &Repository, name: &str, descriptor: &serde_json::Value) -> serde_json::Value {
    let digest = descriptor["digest"].as_str().expect("is a digest").replace(':', "/");
    document(repository, name, &format!("blobs/{digest}"))
}

fn document(repository: &Repository, name: &str, path: &str) -> serde_json::Value {
    serde_json::from_str(&repository.read(&format!("target/images/layouts/{name}/{path}"))).expect("is JSON")
}

pub fn times(folder: &Utf8Path) -> Vec<(String, SystemTime)> {
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
    let linked = "gateway: linked statically with this machine's glibc: names are looked up in /etc/hosts and DNS, and";
    assert!(ended.stderr.contains(linked), "{ended}");
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
    let engine = |words: &[&str]| {
        let ended = repository.xtask(&[&["images"], words].concat()).succeeds();
        ended.stderr.lines().filter(|line| line.starts_with("engine: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(engine(&[]), ["engine: bake, since the builder `test` answers"]);
    assert_eq!((repository.bakes().len(), compilers.builds().len()), (1, 0));
    assert_eq!(engine(&[]), ["engine: bake, since the builder `test` answered before"]);
    assert_eq!(engine(&["--no-cache"]), ["engine: bake, which --no-cache wants"]);
    for words in [["--engine", "bake"], ["--engine", "native"]] {
        assert_eq!(engine(&words), Vec::<String>::new(), "it was asked for");
    }
    assert_eq!(compilers.builds().len(), 2);
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
    assert!(error.contains("\nhint: --engine native pushes what "), "{error}");
    for words in [["--engine", "bake"], ["--load", "--verbose"]] {
        let error = repository.xtask(&[&["images"], &words as &[_]].concat()).fails(3);
        assert!(error.contains("docker is not on PATH") && !error.contains("--engine native"), "{error}");
    }
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
        ("base = \"gcr.io/Distroless/base\"", "`gcr.io/Distroless/base` names no image: expected host/path:tag"),
    ] {
        let (repository, compilers) = polyglot();
        repository.write("services/cmd/worker/image.toml", settings);
        let error = repository.xtask(&["images"]).fails(2);
        assert!(error.contains("service worker: cannot be built by the native engine: "), "{error}");
        assert!(error.contains(expected), "{error}");
        assert!(error.ends_with("\n1 image, 1 not built, 1 without a budget\n"), "{error}");
        assert_eq!(compilers.builds().len(), 1, "gateway is built all the same");
        repository.xtask(&["image", "gateway"]).succeeds();
        let error = repository.xtask(&["image", "worker"]).fails(2);
        assert!(error.contains(expected) && error.ends_with("\n0 images, 1 not built\n"), "{error}");
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

/// Go names the executables of all main packages in folders `cmd` alike, and one command writes into one folder.
#[test]
fn executables_of_one_name_are_compiled_in_turn() {
    let repository = Repository::new();
    repository.go_service("services", "worker");
    for service in ["api", "tap", "viz"] {
        repository.write(&format!("services/{service}/cmd/main.go"), "package main\n\nfunc main() {}\n");
    }
    let compilers = Compilers::working(&repository);
    let packages = |build: &str| build.split(' ').filter(|word| word.starts_with("./")).map(str::to_owned).collect();
    let built = |compilers: &Compilers| compilers.builds().iter().map(|build| packages(build)).collect::<Vec<Vec<_>>>();
    repository.xtask(&["images"]).succeeds();
    assert_eq!(built(&compilers), [vec!["./api/cmd", "./cmd/worker"], vec!["./tap/cmd"], vec!["./viz/cmd"]]);
    let binary = |name: &str| manifest(&repository, name)["layers"].as_array().expect("is a list").last().cloned();
    assert!(binary("api") != binary("tap") && binary("tap") != binary("viz") && binary("viz") != binary("api"));
    // One that is compiled alone, since another beside it does not compile, is written over none.
    compilers.break_binaries(&["worker"]);
    repository.write("services/old/worker/main.go", "package main\n\nfunc main() {}\n");
    repository.write("services/old/worker/image.toml", "name = \"old\"\n");
    let binaries = || ["api", "tap", "viz"].map(binary);
    let before = binaries();
    let built_before = built(&compilers).len();
    repository.xtask(&["images"]).fails(3);
    assert_eq!(binaries(), before);
    let again = [
        vec!["./api/cmd", "./old/worker"],
        vec!["./api/cmd"],
        vec!["./old/worker"],
        vec!["./tap/cmd", "./cmd/worker"],
        vec!["./tap/cmd"],
        vec!["./cmd/worker"],
        vec!["./viz/cmd"],
    ];
    assert_eq!(built(&compilers)[built_before..], again);
}

#[test]
fn a_budget_is_a_limit_on_every_base() {
    let repository = Repository::new();
    repository.go_service("services", "worker");
    Compilers::working(&repository);
    repository.write("images.toml", "engine = \"native\"\n");
    let run = |words: &[&str]| repository.xtask(&[&["image", "worker"], words].concat());
    for (budget, what) in [
        ("\"1 kB\"", " unpacked, "),
        ("{ own = \"1 B\", unpacked = \"1 GB\" }", " own, "),
        ("{ transfer = \"1 kB\" }", " to transfer, "),
        ("{ binary = \"1 B\" }", " of /worker, "),
        ("{ unpacked = \"1 GB\", \"linux/amd64\" = \"1 kB\", \"linux/arm64\" = \"1 kB\" }", " unpacked, "),
    ] {
        repository.write("services/cmd/worker/image.toml", format!("budget = {budget}\n"));
        for config in [[].as_slice(), &["--config", "images.toml"]] {
            let ended = run(config).ends();
            assert_eq!(ended.code, Some(1), "{budget} {ended}");
            assert!(ended.stdout.contains("worker is over its budget by ") && ended.stdout.contains(what), "{ended}");
            assert!(ended.stdout.contains("  BASE\n") && ended.stdout.contains("  embedded\n"), "{ended}");
        }
        assert_eq!(repository.xtask(&["sizes", "check"]).ends().code, Some(1), "{budget}");
    }
    repository.write("services/cmd/worker/image.toml", "budget = \"1 GB\"\n");
    let ended = run(&[]).succeeds();
    assert!(ended.stderr.ends_with("\n1 image, all within budget\n"), "{ended}");
    repository.xtask(&["sizes", "check"]).succeeds();
    repository.write("images.toml", "nodes.edge = { images = [\"worker\"], budget = \"1 kB\" }\n");
    assert_eq!(run(&["--config", "images.toml"]).ends().code, Some(1));
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
    let index = manifest(&repository, "worker");
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

#[test]
fn a_toolchain_that_rustup_does_not_have() {
    let (repository, compilers) = polyglot();
    compilers.lose_toolchain();
    let error = repository.xtask(&["image", "gateway", "--engine", "native"]).fails(3);
    assert!(error.contains("\n  error: toolchain '1.90.0' is not installed\n"), "{error}");
    assert!(error.contains("\nhint: `rustup toolchain install` in ") && error.matches("hint:").count() == 1, "{error}");
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

#[test]
fn another_compiler_than_the_one_that_was_asked_for_costs_only_the_services_of_its_workspace() {
    let (repository, compilers) = polyglot();
    compilers.is_rustc("1.97.0-nightly");
    let run = || repository.xtask(&["images", "--engine", "native"]).fails(3);
    let error = run();
    let refusal = "\nerror: gateway: the rustc that runs in gateway is 1.97.0-nightly, and ";
    assert!(
        error.contains(&format!(
            "{refusal}without a toolchain file it is built with stable Rust\n\
             hint: install rustup (https://rustup.rs), then `rustup toolchain install stable`; or --engine bake\n"
        )),
        "{error}"
    );
    assert!(compilers.builds().iter().all(|build| build.starts_with("go ")), "{:?}", compilers.builds());
    assert!(repository.root.join("target/images/layouts/worker/index.json").exists(), "{error}");
    repository.write("rust-toolchain.toml", "[toolchain]\nchannel = \"1.90.0\"\n");
    let error = run();
    assert!(error.contains(&format!("{refusal}its toolchain file asks for 1.90.0\n")), "{error}");
    repository.write("rust-toolchain.toml", "[toolchain]\nchannel = \"nightly\"\n");
    repository.xtask(&["images", "--engine", "native"]).succeeds();
    repository.write("rust-toolchain.toml", "[toolchain]\nchannel = \"nightly-2026-01-15\"\n");
    let error = run();
    assert!(error.contains(&format!("{refusal}its toolchain file asks for nightly-2026-01-15\n")), "{error}");
}

#[test]
fn an_older_go_than_the_modules_ask_for_costs_only_their_services() {
    let (repository, compilers) = polyglot();
    compilers.is_go("1.26.2");
    repository.write("services/go.mod", "module example.com/services\n\ngo 1.25\n\ntoolchain go1.26.3\n");
    let error = repository.xtask(&["images", "--engine", "native"]).fails(3);
    assert!(
        error.contains(
            "\nerror: worker: the Go that runs in services is 1.26.2, and its modules ask for 1.26.3\n\
             hint: set GOTOOLCHAIN=auto, by which Go fetches the newer one, or install that (https://go.dev/dl); or --engine bake\n"
        ),
        "{error}"
    );
    assert!(compilers.builds().iter().all(|build| build.starts_with("cargo ")), "{:?}", compilers.builds());
    compilers.is_go("1.26.3");
    repository.xtask(&["images", "--engine", "native"]).succeeds();
}

#[test]
fn a_platform_that_cannot_be_compiled_for_is_refused_before_the_build() {
    let (repository, compilers) = polyglot();
    let refused = |platform: &str| repository.xtask(&["image", "worker", "--platform", platform]).fails(2);
    let error = refused("linux/sparc64");
    assert!(
        error.contains(
            "worker: Go does not compile for linux/sparc64\n\
             hint: name another one in `platforms` or --platform: linux/ and 386, amd64, arm, arm64, loong64, mips, mips64, \
             mips64le, mipsle, ppc64, ppc64le, riscv64, s390x\n"
        ),
        "{error}"
    );
    repository.write("services/cmd/worker/image.toml", "cgo = true\nbase = \"registry.example/libc:1\"\n");
    let error = refused("linux/arm/v6");
    assert!(
        error.contains(
            "worker: cannot be built by the native engine: `cgo`: no compiler of C is known for linux/arm/v6\n\
             hint: set `cgo = false`, or name another --platform, e.g. linux/arm64\n"
        ),
        "{error}"
    );
    assert_eq!(compilers.builds(), Vec::<String>::new());
}
