//! Repositories that are odd or broken: what can be read is listed, what cannot is named, and nothing is lost by it.

use std::os::unix::fs::symlink;

use crate::support::{Docker, Repository};

#[test]
fn list_says_what_was_found_and_why() {
    let repository = Repository::with_services(&["worker"]);
    repository.rust_service("tools/gen", "gen", "");
    repository.go_service("go", "server");
    let ended = repository.xtask(&["list"]).succeeds();
    let rows: Vec<Vec<&str>> = ended.stdout.lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(
        rows,
        [
            ["SERVICE", "LANGUAGE", "FOLDER", "IMAGE"],
            ["server", "go", "go/cmd/server", "yes"],
            ["worker", "rust", "worker", "yes"],
            ["gen", "rust", "tools/gen", "no"],
        ]
    );
    let services = repository.xtask(&["list", "--json"]).succeeds().json()["services"].clone();
    let server = services.as_array().expect("is a list").iter().find(|service| service["name"] == "server");
    let server = server.expect("is listed").as_object().expect("is an object");
    for (key, value) in [
        ("language", "go".into()),
        ("dir", "go/cmd/server".into()),
        ("bins", serde_json::json!(["server"])),
        ("selected", true.into()),
    ] {
        assert_eq!(server[key], value, "{key}");
    }
    assert!(server["reason"].is_string());
}

#[test]
fn inputs_of_several_services_and_of_all() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.go_service("go", "server");
    repository.rust_service("tools/gen", "gen", "");
    let json = |arguments: &[&str]| repository.xtask(arguments).succeeds().json();
    let names = |answer: serde_json::Value| -> Vec<String> {
        let documents = answer.as_array().expect("is a list").iter();
        documents.map(|document| document["name"].as_str().expect("is text").to_owned()).collect()
    };
    assert_eq!(names(json(&["inputs", "--json"])), ["api", "server", "worker"], "those that become images");
    assert_eq!(names(json(&["inputs", "gen", "server", "--json"])), ["gen", "server"], "those that were asked for");
    let all = json(&["inputs", "--json"]);
    for document in all.as_array().expect("is a list") {
        assert_eq!(*document, json(&["inputs", document["name"].as_str().expect("is text"), "--json"]));
    }
    let text = repository.xtask(&["inputs", "server", "worker"]).succeeds().stdout;
    assert!(text.starts_with("server\tgo/cmd/server/main.go\n"), "{text}");
    assert!(text.contains("\nworker\tworker/src/main.rs\n"), "{text}");
    let text = repository.xtask(&["inputs", "--explain", "worker/src/main.rs"]).succeeds().stdout;
    let told: Vec<_> = text.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        told,
        ["worker/src/main.rs is out of api", "worker/src/main.rs is out of server", "worker/src/main.rs is in worker"]
    );
}

#[test]
fn a_service_that_is_refused_hides_no_other_from_inputs() {
    let repository = Repository::with_services(&["worker"]);
    repository.go_service("go", "server");
    repository.write("go/cmd/server/main.go", "package main\n\nimport _ \"example.com/nowhere/x\"\n\nfunc main() {}\n");
    let ended = repository.xtask(&["inputs", "--json"]).ends();
    assert_eq!(ended.code, Some(2), "{ended}");
    let answer = ended.json();
    let error = answer[0]["error"].as_str().expect("is text");
    assert!(answer[0]["name"] == "server" && error.starts_with("go/cmd/server/main.go:3: "), "{answer}");
    assert!(answer[1]["name"] == "worker" && answer[1]["files"].is_array(), "{answer}");
    assert!(ended.stderr.starts_with("error: service server: go/cmd/server/main.go:3: "), "{ended}");
}

#[test]
fn an_embed_pattern_without_files_stops_its_service_before_the_build() {
    let repository = Repository::with_services(&["worker"]);
    repository.go_service("go", "server");
    let source = "package main\n\nimport \"embed\"\n\n//go:embed dist\nvar pages embed.FS\n\nfunc main() {}\n";
    repository.write("go/cmd/server/main.go", source);
    let error = "go/cmd/server/main.go:5: pattern dist: no matching files found";
    let listed = repository.xtask(&["list"]).succeeds().stdout;
    assert!(listed.contains(&format!("go/cmd/server  fails  {error}\n")), "{listed}");
    let hint = "a file that another step makes must be there before the build";
    let ended = repository.xtask(&["generate"]).fails(2);
    assert!(ended.contains(&format!("{error}\nhint: {hint}\n")), "{ended}");
    assert!(repository.exists("docker/worker.Dockerfile") && !repository.exists("docker/server.Dockerfile"));
    repository.write("go/cmd/server/dist/index.html", "");
    repository.xtask(&["generate"]).succeeds();
}

#[test]
fn what_stops_many_services_is_said_once() {
    let repository = Repository::with_services(&["worker"]);
    for name in ["a", "b", "c", "d", "e"] {
        repository.go_service("go", name);
    }
    repository.write("go.work", "go 1.26\n\nuse (\n\t./go\n\t./gone\n)\n");
    let ended = repository.xtask(&["inputs"]).ends();
    assert_eq!(ended.code, Some(2), "{ended}");
    let said = "error: services a, b, c and 2 others: go.work:5: ./gone has no go.mod\n";
    assert!(ended.stderr.starts_with(said) && ended.stderr.matches("gone").count() == 1, "{ended}");
    assert!(ended.stdout.contains("worker\t"), "{ended}");
}

#[test]
fn a_repository_without_any_service() {
    let repository = Repository::new();
    Docker::working(&repository);
    repository.write("README.md", "nothing here\n");
    let ended = repository.xtask(&["list"]).succeeds();
    assert!(ended.stderr.contains("no Go main package and no Rust package with a binary in "), "{ended}");
    assert_eq!(repository.xtask(&["list", "--json"]).succeeds().json()["services"], serde_json::json!([]));
    for arguments in [&["generate"][..], &["generate", "--check"], &["images"], &["plan"]] {
        let stderr = repository.xtask(arguments).fails(2);
        assert!(stderr.starts_with("error: no service is selected in "), "{stderr}");
    }
    assert!(!repository.exists("docker"));
}

#[test]
fn without_configuration_or_root_manifest_there_are_images() {
    let repository = Repository::new();
    Docker::working(&repository);
    repository.go_service("go", "server");
    repository.rust_service("rust/worker", "worker", "");
    let ended = repository.xtask(&["images"]).succeeds();
    assert!(ended.stdout.contains("\nserver ") && ended.stdout.contains("\nworker "), "{ended}");
}

#[test]
fn a_source_that_is_no_go_loses_no_service() {
    let repository = Repository::new();
    repository.write("go.mod", "module example.com/a\n\ngo 1.26\n");
    repository.write("cmd/api/main.go", "package main\n\nfunc main() {}\n");
    repository.write("cmd/worker/main.go", "package main\n\nfunc main() {}\n");
    repository.xtask(&["generate"]).succeeds();
    repository.write("cmd/worker/main.go", "pakcage main\n\nfunc main() {}\n");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(
        stderr.starts_with("error: service worker: cmd/worker/main.go:1: expected `package`, found pakcage\n"),
        "{stderr}"
    );
    assert!(repository.exists("docker/worker.Dockerfile"), "the service's Dockerfile is gone");
}

#[test]
fn a_go_mod_that_does_not_parse_hides_no_other_service() {
    let repository = Repository::with_services(&["worker"]);
    repository.go_service("good", "server");
    repository.go_service("bad", "client");
    repository.write("bad/go.mod", "module example.com/bad\n\nrequier example.com/x v1.0.0\n");
    let listed = repository.xtask(&["list"]).succeeds().stdout;
    let listed: Vec<_> = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(listed.join("\n"), @"
    SERVICE LANGUAGE FOLDER IMAGE WHY
    client go bad/cmd/client fails bad/go.mod:3: unknown directive: requier
    server go good/cmd/server yes a Go main package
    worker rust worker yes a Rust package with a binary
    ");
    let stderr = repository.xtask(&["generate"]).fails(2);
    let said = "error: service client: bad/go.mod:3: unknown directive: requier\n\
                hint: fix it, or leave it out: exclude = [\"bad\"]\n";
    assert!(stderr.starts_with(said), "{stderr}");
    assert!(repository.exists("docker/server.Dockerfile") && !repository.exists("docker/client.Dockerfile"));
}

#[test]
fn a_module_at_the_root_that_does_not_parse_is_not_to_be_excluded() {
    let repository = Repository::with_services(&["worker"]);
    repository.write("go.mod", "module example.com/x\n\nfoo\n");
    repository.write("main.go", "package main\n\nfunc main() {}\n");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: service x: go.mod:3: ") && !stderr.contains("exclude"), "{stderr}");
}

#[test]
fn a_manifest_that_breaks_removes_nothing() {
    let repository = Repository::with_services(&["api"]);
    repository.go_service("go", "server");
    repository.xtask(&["generate"]).succeeds();
    repository.write("go/go.mod", "modul x\n");
    repository.write("api/Cargo.toml", "[package\n");
    let before = repository.files();
    repository.xtask(&["generate"]).fails(2);
    assert_eq!(repository.files(), before);
}

#[test]
fn an_import_that_go_would_refuse_names_service_file_and_line() {
    let repository = Repository::new();
    repository.go_service("go", "server");
    repository.write("go/cmd/server/main.go", "package main\n\nimport _ \"example.com/nowhere/x\"\n\nfunc main() {}\n");
    repository.xtask(&["list"]).succeeds();
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: service server: go/cmd/server/main.go:3: "), "{stderr}");
    assert!(stderr.contains("example.com/nowhere/x"), "{stderr}");
}

/// A usual layout, in which Go names every executable `cmd`.
#[test]
fn services_whose_main_packages_are_in_folders_named_cmd() {
    let repository = Repository::new();
    repository.write("Cargo.toml", "[workspace.metadata.images.services.tap]\nworkdir = \"/srv\"\n");
    repository.write("go.mod", "module example.com/shop\n\ngo 1.26\n");
    for folder in ["cmd", "tap/cmd", "viz/api/cmd"] {
        repository.write(&format!("{folder}/main.go"), "package main\n\nfunc main() {}\n");
    }
    repository.xtask(&["generate"]).succeeds();
    let dockerfile = repository.read("docker/tap.Dockerfile");
    assert!(dockerfile.contains("WORKDIR /srv") && dockerfile.contains("ENTRYPOINT [\"/tap\"]"), "{dockerfile}");
    assert!(dockerfile.contains("-o /out/tap ") && dockerfile.contains("/out/tap /"), "{dockerfile}");
    assert!(repository.exists("docker/shop.Dockerfile") && repository.exists("docker/api.Dockerfile"));
    // No service has the name of the executable; one has that of the folder.
    repository.write("Cargo.toml", "[workspace.metadata.images.services.cmd]\nworkdir = \"/srv\"\n");
    repository.xtask(&["generate"]).succeeds();
    assert!(repository.read("docker/shop.Dockerfile").contains("WORKDIR /srv"));
    assert!(!repository.read("docker/tap.Dockerfile").contains("WORKDIR /srv"));
}

#[test]
fn more_than_two_services_of_one_name() {
    let repository = Repository::new();
    for module in ["a", "b", "c"] {
        repository.go_service(module, "job");
    }
    let said = repository.xtask(&["plan"]).succeeds().stderr;
    let note = "note: several services are named `job`: a/cmd/job is a-job, b/cmd/job is b-job, c/cmd/job is c-job, so that \
                each image has a name of its own; `name` in a/cmd/job/image.toml sets another\n";
    assert_eq!(said, note);
    let ambiguous = "error: 3 services are named `job`: a-job (a/cmd/job), b-job (b/cmd/job), c-job (c/cmd/job)\n\
                     hint: name one of them, e.g. `a-job`\n";
    assert_eq!(repository.xtask(&["inputs", "job"]).fails(2), ambiguous);
    assert!(repository.xtask(&["inputs", "b/cmd/job"]).succeeds().stdout.contains("b/cmd/job/main.go"));
    repository.write("images.toml", "[services.\"b/cmd/job\"]\nports = [\"80\"]\n");
    let plan = repository.xtask(&["plan", "--config", "images.toml"]).succeeds().json();
    let ports = plan.as_array().expect("is a list").iter().map(|image| image["container"]["ports"].to_string());
    assert_eq!(ports.collect::<Vec<_>>(), ["[]", "[\"80\"]", "[]"]);
    repository.write("images.toml", "[services.job]\nports = [\"80\"]\n");
    let several = "error: the settings name `job`, and 3 services are: a/cmd/job, b/cmd/job, c/cmd/job\n\
                   hint: name one by its folder: [services.\"a/cmd/job\"]\n";
    assert_eq!(repository.xtask(&["plan", "--config", "images.toml"]).fails(2), several);
}

#[test]
fn an_image_that_is_committed_keeps_its_name() {
    let repository = Repository::new();
    repository.go_service("b", "job");
    repository.xtask(&["generate"]).succeeds();
    repository.go_service("a", "job");
    repository.xtask(&["generate"]).succeeds();
    assert!(repository.read("docker/job.Dockerfile").contains("from b/cmd/job;"));
    assert!(repository.read("docker/a-job.Dockerfile").contains("from a/cmd/job;"));
}

#[test]
fn go_and_rust_services_of_one_name() {
    let repository = Repository::with_services(&["worker"]);
    repository.go_service("go", "worker");
    repository.xtask(&["generate"]).succeeds();
    assert!(repository.exists("docker/go-worker.Dockerfile") && repository.exists("docker/worker.Dockerfile"));
}

#[test]
fn an_unknown_key_of_a_go_service() {
    let repository = Repository::new();
    repository.go_service("go", "server");
    repository.write("go/cmd/server/image.toml", "ports = [\"80\"]\n\nbugdet = \"1 MB\"\n");
    let stderr = repository.xtask(&["generate"]).fails(2);
    let message =
        "error: service server: go/cmd/server/image.toml:3: unknown key `bugdet`\nhint: did you mean `budget`?";
    assert!(stderr.starts_with(message), "{stderr}");
}

#[test]
fn links_that_lead_in_circles_or_nowhere() {
    let repository = Repository::with_services(&["worker"]);
    repository.go_service("go", "server");
    for folder in ["go", "go/cmd/server", "worker", "worker/src", "."] {
        let folder = repository.root.join(folder);
        for (target, link) in [("..", "up"), (".", "here"), ("self", "self"), ("nowhere", "dangling"), ("/", "root")] {
            symlink(target, folder.join(link)).expect("links");
        }
    }
    let ended = repository.xtask(&["list"]).succeeds();
    assert_eq!(ended.stdout.lines().count(), 3, "{ended}");
    repository.xtask(&["generate"]).succeeds();
    repository.xtask(&["generate", "--check"]).succeeds();
}

#[test]
fn turned_line_ends_in_go_sources_change_nothing() {
    let repository = Repository::new();
    repository.go_service("go", "server");
    repository.write("go/go.mod", "module example.com/go\n\ngo 1.25.1\n\ntoolchain go1.26.3\n");
    repository.write("go/go.sum", "");
    repository.write("go/cmd/server/page.html", "<p>\n");
    repository.write(
        "go/cmd/server/main.go",
        "package main\n\nimport (\n\t_ \"embed\"\n\n\t\"example.com/go/internal/a\"\n)\n\n//go:embed page.html\nvar page string\n\nfunc main() { a.A() }\n",
    );
    repository.write("go/internal/a/a.go", "//go:build linux\n\npackage a\n\nfunc A() {}\n");
    repository.write("go/cmd/server/image.toml", "ports = [\"80\"]\n");
    repository.xtask(&["generate"]).succeeds();
    let generated =
        repository.read("docker/server.Dockerfile") + &repository.read("docker/server.Dockerfile.dockerignore");
    assert!(generated.contains("golang:1.26.3") && generated.contains("page.html"), "{generated}");
    for (path, bytes, _) in repository.files() {
        let text = String::from_utf8(bytes).expect("is UTF-8");
        std::fs::write(path, text.replace('\n', "\r\n")).expect("writes");
    }
    repository.xtask(&["generate", "--check"]).succeeds();
}

#[test]
fn names_of_files_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let repository = Repository::with_services(&["worker"]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    // Some file systems refuse such names, and then there is nothing to get wrong.
    let is_possible = std::fs::write(repository.root.join("worker/src").as_std_path().join(name), "x").is_ok();
    assert!(is_possible || cfg!(not(target_os = "linux")));
    repository.xtask(&["generate"]).succeeds();
}

#[test]
fn what_is_set_for_all_images_is_an_input_of_each() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.write("images.toml", "");
    let inputs = |name: &str| repository.xtask(&["inputs", name, "--config", "images.toml"]).succeeds().stdout;
    let before = inputs("api");
    assert!(before.lines().any(|line| line == "images.toml"), "{before}");
    // A person's addition to the bake file may change every image. The generated files change with the inputs alone.
    for file in ["docker/docker-bake.override.hcl", "docker/docker-bake.override.json"] {
        repository.write(file, "");
    }
    repository.xtask(&["generate", "--config", "images.toml"]).succeeds();
    let added = "docker/docker-bake.override.hcl\ndocker/docker-bake.override.json\n";
    for name in ["api", "worker"] {
        let now = inputs(name);
        assert!(now.contains(added) && now.matches("docker/").count() == 2, "{now}");
    }
    let explained = repository.xtask(&["inputs", "api", "--explain", "docker/docker-bake.override.hcl"]).succeeds();
    assert!(explained.stdout.contains("it may change how any image is built"), "{explained}");
    let explained = repository.xtask(&["inputs", "api", "--explain", "docker/api.Dockerfile"]).succeeds();
    assert!(explained.stdout.starts_with("docker/api.Dockerfile is out: "), "{explained}");
}

#[test]
fn binaries_whose_features_are_off_are_left_out_and_told() {
    let repository = Repository::new();
    let bin = |name: &str, more: &str| format!("[[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\n{more}");
    let admin = "required-features = [\"admin\"]\n";
    let some = bin("api", "") + &bin("ctl", admin);
    repository.rust_service("api", "api", &format!("[features]\nadmin = []\n{some}"));
    repository.rust_service("only", "only", &format!("[features]\nadmin = []\n{}", bin("debug", admin)));
    let image = "[package.metadata.image]\n";
    repository.rust_service(
        "on",
        "on",
        &format!("[features]\nadmin = []\n{image}features = [\"admin\"]\n{}", bin("on", admin)),
    );
    let listed = repository.xtask(&["list"]).succeeds().stdout;
    let listed: Vec<_> = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(listed.join("\n"), @r#"
    SERVICE LANGUAGE FOLDER IMAGE WHY
    api rust api yes a Rust package with a binary; left out: ctl without `features = ["admin"]`
    on rust on yes a Rust package with a binary
    only rust only no requires features that are off: debug without `features = ["admin"]`
    "#);
    let manifest = repository.read("api/Cargo.toml");
    repository.write("api/Cargo.toml", format!("{manifest}{image}bins = [\"ctl\"]\n"));
    insta::assert_snapshot!(repository.xtask(&["plan"]).fails(2), @r#"
    error: service api: api/Cargo.toml: `bins` names `ctl`, which requires the feature `admin`, and that is off
    hint: set `features = ["admin"]` under [package.metadata.image] in api/Cargo.toml
    "#);
    repository.write("api/Cargo.toml", format!("{manifest}{image}image-per-binary = true\n"));
    let listed = repository.xtask(&["list"]).succeeds().stdout;
    let listed: Vec<_> = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(listed.join("\n"), @r#"
    SERVICE LANGUAGE FOLDER IMAGE WHY
    api rust api yes a Rust package with a binary
    on rust on yes a Rust package with a binary
    ctl rust api no requires features that are off: ctl without `features = ["admin"]`
    only rust only no requires features that are off: debug without `features = ["admin"]`
    "#);
}

#[test]
fn manifests_that_only_nightly_takes_are_read_by_its_rules() {
    let repository = Repository::with_services(&["worker"]);
    let manifest = |features: &str, edition: &str| {
        format!(
            "cargo-features = [{features}]\n[package]\nname = \"new\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n"
        )
    };
    repository.write("new/Cargo.toml", manifest("\"profile-rustflags\"", "2024"));
    repository.write("new/src/main.rs", "fn main() {}\n");
    let listed = repository.xtask(&["list"]).succeeds();
    assert!(listed.stdout.contains("new      rust      new     fails  new/Cargo.toml: the cargo feature"), "{listed}");
    repository.write("new/rust-toolchain", "nightly\n");
    let listed = repository.xtask(&["list"]).succeeds();
    assert!(listed.stdout.contains("new      rust      new     yes"), "{listed}");
    repository.write("new/Cargo.toml", manifest("\"profile-rustflags\", \"no-such\"", "2024"));
    let listed = repository.xtask(&["list"]).succeeds();
    assert_eq!(listed.stderr, "");
    let told = "fails  new/Cargo.toml: the cargo feature `profile-rustflags` requires a nightly version of Cargo, but this is \
                the `stable` channel; and with the rules of nightly: unknown Cargo.toml feature `no-such`\n";
    assert!(listed.stdout.contains(told), "{listed}");
}
