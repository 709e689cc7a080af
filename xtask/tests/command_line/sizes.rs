//! What is said of sizes: of files, archives, layouts and the last run's images.

use std::fs;
use std::process::Command;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::support::registry::Registry;
use crate::support::{Compilers, Docker, Repository, saved_image};

/// All parts of a document of `explain --json`, with their bytes and those of what they are made of.
pub fn check_sums(part: &Value) {
    let Some(parts) = part["parts"].as_array() else { return };
    let sum: u64 = parts.iter().map(|inner| inner["bytes"].as_u64().expect("is a number")).sum();
    assert_eq!(Some(sum), part["bytes"].as_u64(), "{}", part["name"]);
    parts.iter().for_each(check_sums);
}

fn names(part: &Value) -> Vec<&str> {
    part["parts"].as_array().expect("is divided").iter().map(|part| part["name"].as_str().expect("is a name")).collect()
}

#[test]
fn an_image_is_divided_into_layers_and_files() {
    let repository = Repository::with_services(&[]);
    let archive = saved_image(&[&[("etc/base", 10_000), ("worker", 500)]], &[("worker", 20_000)]);
    repository.write("worker.tar", &archive);
    let document = repository.xtask(&["sizes", "explain", "worker.tar", "--json"]).succeeds().json();
    assert_eq!(document["version"], 1);
    let whole = &document["explanations"][0]["whole"];
    check_sums(whole);
    assert_eq!(whole["name"], "worker.tar linux/amd64");
    // Headers of 512 bytes, contents in blocks of 512, two blocks at the end.
    assert_eq!(whole["bytes"], (512 + 10_240 + 512 + 512 + 1_024) + (512 + 20_480 + 1_024));
    let own = &whole["parts"][0];
    assert_eq!(names(own), ["COPY /out/ /", "base"]);
    assert_eq!(names(&own["parts"][0]), ["/worker", "headers and padding of the archive"]);
    let remark = document["explanations"][0]["remarks"][0]["text"].as_str().expect("there is a remark");
    assert_eq!(remark, "/worker was in an earlier layer too, where its bytes remain");
}

#[test]
fn the_last_image_of_a_service_is_found_wherever_it_is() {
    for beside_the_engine in [false, true] {
        let repository = Repository::with_services(&["api"]);
        let docker = Docker::working(&repository);
        if beside_the_engine {
            docker.beside_the_engine();
        }
        let hint = repository.xtask(&["sizes", "explain", "api"]).fails(2);
        assert!(hint.contains("run `cargo xtask image api` first"), "{hint}");
        let image = repository.xtask(&["images", "--json"]).succeeds().json()["images"][0].clone();
        let source = if beside_the_engine { "exact: the OCI layout" } else { "exact: the engine's layers" };
        assert_eq!((&image["unpacked_how"], &image["own_how"]), (&source.into(), &source.into()));
        let measured = image["unpacked_bytes"].clone();
        let document = repository.xtask(&["sizes", "explain", "api", "--json"]).succeeds().json();
        let whole = &document["explanations"][0]["whole"];
        check_sums(whole);
        assert_eq!(whole["bytes"], measured);
        let text = repository.xtask(&["sizes", "explain", "api"]).succeeds().stdout;
        assert!(text.contains("image api linux/amd64") && text.contains("file /worker"), "{text}");
    }
}

#[test]
fn what_grew_is_shown_and_adds_up() {
    let repository = Repository::with_services(&[]);
    repository.write("old.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_000), ("gone", 3)]));
    repository.write("new.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_100), ("flags.json", 7)]));
    let ended = repository.xtask(&["sizes", "diff", "old.tar", "new.tar"]).succeeds();
    assert!(ended.stdout.contains("+100 B  file /worker: 20.00 kB → 20.10 kB"), "{ended}");
    assert!(ended.stdout.contains("+7 B  file /flags.json, new"), "{ended}");
    assert!(ended.stdout.contains("-3 B  file /gone, gone"), "{ended}");
    let document = repository.xtask(&["sizes", "diff", "old.tar", "new.tar", "--json"]).succeeds().json();
    // The archives are made of whole blocks.
    assert_eq!(document["difference"], 0);
    let same = repository.xtask(&["sizes", "diff", "new.tar", "new.tar"]).succeeds();
    assert!(same.stdout.starts_with("the same: "), "{same}");
}

#[test]
fn every_report_is_a_page_too() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    repository.write("old.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_000)]));
    repository.write("new.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 21_000)]));
    for (words, title) in [
        (["images"].as_slice(), "Images: 1 image, 1 without a budget"),
        (&["sizes", "check"], "Images: 1 image, 1 without a budget"),
        (&["sizes", "explain", "api"], "What api linux/amd64 is made of"),
        (&["sizes", "diff", "old.tar", "new.tar"], "What changed from old.tar linux/amd64 to new.tar linux/amd64"),
    ] {
        let without = repository.xtask(words).succeeds();
        // Once more: the first run of images knows none before it.
        let without = if words == ["images"] { repository.xtask(words).succeeds() } else { without };
        let ended = repository.xtask(&[words, &["--html", "out/page.html"]].concat()).succeeds();
        assert!(ended.stderr.contains("wrote out/page.html\n"), "{ended}");
        assert_eq!(ended.stdout, without.stdout);
        let page = repository.read("out/page.html");
        assert!(page.contains(&format!("<h1>{title}</h1>")) && page.ends_with("</html>\n"), "{page}");
        let cells: usize =
            page.split("data-cells=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse().ok()).expect("is there");
        assert_eq!(page.matches("role=\"treeitem\"").count(), cells);
        fs::remove_dir_all(repository.root.join("out")).expect("removes");
    }
}

#[test]
fn an_answer_is_not_lost_where_its_file_cannot_be_written() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    repository.write("old.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_000)]));
    repository.write("out", "in the way");
    repository.xtask(&["images"]).succeeds();
    for (words, options) in [
        (["images"].as_slice(), ["--html", "--markdown"].as_slice()),
        (&["sizes", "check"], &["--html", "--markdown"]),
        (&["sizes", "explain", "api"], &["--html"]),
        (&["sizes", "diff", "old.tar", "api"], &["--html"]),
    ] {
        let answer = repository.xtask(&[words, &["--json"]].concat()).succeeds().stdout;
        for option in options {
            let ended = repository.xtask(&[words, &["--json", option, "out/report"]].concat()).ends();
            assert_eq!(ended.code, Some(3), "{words:?}: {ended}");
            assert_eq!(ended.stdout, answer, "{words:?}");
            let (_, error) = ended.stderr.split_once("error: cannot create the folder ").expect("says why");
            assert!(error.contains("/out: ") && error.contains("\nhint: "), "{words:?}: {ended}");
        }
    }
}

/// The program that Go makes of the service `worker`.
pub fn compiled(repository: &Repository, name: &str) -> Utf8PathBuf {
    let program = repository.base.join(name);
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program.as_str(), "./cmd/worker"]);
    go.current_dir(repository.root.join("go")).envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=mod"), ("GOOS", "linux")]);
    let output =
        go.envs([("GOARCH", "amd64"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off")]).output().expect("go starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

#[test]
fn a_module_that_grew_says_what_imports_it() {
    let repository = Repository::new();
    repository.go_service("go", "worker");
    let before = compiled(&repository, "before");
    let requires = "require example.com/big v0.0.0\nreplace example.com/big => ../big\n";
    repository.write("go/go.mod", format!("module example.com/go\n\ngo 1.26\n\n{requires}"));
    repository
        .write("go/cmd/worker/main.go", "package main\n\nimport \"example.com/go/use\"\n\nfunc main() { use.It() }\n");
    repository.write("go/use/use.go", "package use\n\nimport \"example.com/big/in\"\n\nfunc It() { in.Print() }\n");
    repository.write("big/go.mod", "module example.com/big\n\ngo 1.26\n");
    repository.write("big/in/in.go", "package in\n\n//go:noinline\nfunc Print() { println(\"big\") }\n");
    let after = compiled(&repository, "after");
    Docker::working(&repository).builds_program(after.as_std_path());
    repository.xtask(&["images"]).succeeds();

    let way = "example.com/go/cmd/worker imports example.com/go/use imports example.com/big/in";
    let ended = repository.xtask(&["sizes", "diff", before.as_str(), "worker"]).succeeds();
    assert!(ended.stdout.ends_with(&format!("as the sources are now\n  example.com/big: {way}\n")), "{ended}");
    let json = repository.xtask(&["sizes", "diff", before.as_str(), "worker", "--json"]).succeeds().json();
    assert_eq!(json["imports"], serde_json::json!({"example.com/big": way}));
    // Of files nobody knows the sources.
    let ended = repository.xtask(&["sizes", "diff", before.as_str(), after.as_str()]).succeeds();
    assert!(!ended.stdout.contains("imports"), "{ended}");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let repository = Repository::with_services(&["api", "worker"]);
    let archive = saved_image(&[], &[("worker", 20_000)]);
    repository.write("cut.tar", &archive[..archive.len() / 2]);
    assert!(repository.xtask(&["sizes", "explain", "cut.tar"]).fails(3).contains("cut.tar is no image's archive"));
    let unknown = repository.xtask(&["sizes", "explain", "worke"]).fails(2);
    assert!(unknown.contains("neither a file nor a service is named `worke`"), "{unknown}");
    assert!(unknown.contains("did you mean `worker`?"), "{unknown}");
    // A file of another kind is one part.
    fs::write(repository.root.join("notes"), "text").expect("writes");
    let text = repository.xtask(&["sizes", "explain", "notes"]).succeeds().stdout;
    assert!(text.contains("4 B 100.0%  file notes"), "{text}");
}

#[test]
fn an_image_is_named_by_its_tag_in_the_engine_and_in_a_registry() {
    let repository = Repository::new();
    repository.go_service("go", "worker");
    Compilers::working(&repository);
    let docker = Docker::working(&repository);
    let registry = Registry::start();
    let push = |tag: &str| {
        let prefix = format!("{}/team/", registry.host());
        let words = ["images", "--engine", "native", "--push", "--tag", tag, "--json", "--image-prefix", &prefix];
        (repository.xtask(&words).succeeds().json()["images"][0].clone(), format!("{prefix}worker:{tag}"))
    };
    let ((first, v1), explain) = (push("v1"), |what: &str| repository.xtask(&["sizes", "explain", what, "--json"]));
    let ended = explain(&v1).succeeds();
    let whole = &ended.json()["explanations"][0]["whole"];
    check_sums(whole);
    assert_eq!(whole["bytes"], first["unpacked_bytes"]);
    assert!(ended.stderr.contains(&format!("{v1} for linux/")), "{ended}");
    assert_eq!(
        explain(&v1.replace(":v1", &format!("@{}", first["digest"].as_str().expect("is one")))).ends().code,
        Some(0)
    );

    repository.write("go/cmd/worker/image.toml", "[[files]]\nfrom = \"image.toml\"\nto = \"/settings\"\n");
    let (second, v2) = push("v2");
    let difference = repository.xtask(&["sizes", "diff", &v1, &v2, "--json"]).succeeds().json()["difference"].clone();
    let bytes = |image: &Value| image["unpacked_bytes"].as_i64().expect("is a number");
    assert_eq!(difference, bytes(&second) - bytes(&first));
    let left: Vec<_> = fs::read_dir(repository.root.join("target/images")).expect("lists").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("fetched")), "{left:?}");

    // Without a registry it is the engine's.
    let ended = repository.xtask(&["sizes", "explain", "worker:v1"]).succeeds();
    assert!(ended.stdout.contains("image worker:v1 linux/amd64"), "{ended}");
    assert!(repository.docker_log().contains(&"image save worker:v1".to_owned()));
    docker.answer("image save", "echo 'Error response from daemon: No such image: worker:v9' >&2; exit 1");
    assert!(explain("worker:v9").fails(3).contains("No such image: worker:v9"));
    let stderr = explain(&v1.replace(":v1", ":v9")).fails(3);
    assert!(stderr.contains("worker:v9") && stderr.contains("404"), "{stderr}");
}
