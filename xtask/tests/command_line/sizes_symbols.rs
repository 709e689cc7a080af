//! The crates of stripped Rust binaries, by copies with symbols: those that are given, and those that are built.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};

use crate::sizes::check_sums;
use crate::support::{Compilers, Docker, Repository, labelled_programs, saved_image};

/// A Rust program that needs nothing of its base, stripped and with its symbols.
pub fn program_and_copy(repository: &Repository) -> (Utf8PathBuf, Utf8PathBuf) {
    let source = repository.base.join("program.rs");
    fs::write(&source, "fn main() {\n    println!(\"{:?}\", std::env::args());\n}\n").expect("writes");
    let compile = |name: &str, strip: &str| {
        let program = repository.base.join(name);
        let words = [
            "--edition=2024",
            "--crate-name=api",
            "-Ctarget-feature=+crt-static",
            strip,
            "-o",
            program.as_str(),
            source.as_str(),
        ];
        let output = Command::new("rustc").args(words).output().expect("rustc starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        program
    };
    (compile("stripped", "-Cstrip=symbols"), compile("copy", "-Cstrip=debuginfo"))
}

#[test]
fn a_copy_with_symbols_tells_the_crates_of_an_image() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    let (stripped, copy) = program_and_copy(&repository);
    let given = format!("--symbols={copy}");
    docker.builds_program(stripped.as_std_path());
    repository.write("api/Cargo.lock", "version = 4\n\n[[package]]\nname = \"api\"\nversion = \"0.7.1\"\n");
    repository.xtask(&["images"]).succeeds();
    let explain = |words: &[&str]| repository.xtask(&[&["sizes", "explain"], words].concat());
    assert!(!explain(&["api"]).succeeds().stdout.contains("crate "));

    let ended = explain(&["api", &given]).succeeds();
    assert!(ended.stdout.contains("crate std") && ended.stdout.contains("crate api 0.7.1"), "{ended}");
    let document = explain(&["api", &given, "--json"]).succeeds().json();
    check_sums(&document["explanations"][0]["whole"]);
    // The image is as large as without the copy, which is no part of it.
    let without = explain(&["api", "--json"]).succeeds().json();
    assert_eq!(document["explanations"][0]["whole"]["bytes"], without["explanations"][0]["whole"]["bytes"]);
    let words = ["sizes", "diff", stripped.as_str(), "api", &given];
    assert!(repository.xtask(&words).succeeds().stdout.contains("api"));
}

#[test]
fn a_copy_that_is_none_is_refused() {
    let repository = Repository::with_services(&[]);
    let (stripped, copy) = program_and_copy(&repository);
    let explain = |what: &str, copy: &str| repository.xtask(&["sizes", "explain", what, &format!("--symbols={copy}")]);
    let stderr = explain(stripped.as_str(), stripped.as_str()).fails(2);
    assert!(stderr.contains("/stripped has no symbols: expected a binary that was not stripped\nhint: "), "{stderr}");
    repository.write("text", "no binary");
    assert!(explain(stripped.as_str(), "text").fails(2).contains("text has no symbols"));
    assert!(explain(stripped.as_str(), "nowhere").fails(3).contains("cannot open nowhere"));
    repository.write("other.tar", saved_image(&[], &[("worker", 20_000)]));
    let stderr = explain("other.tar", copy.as_str()).fails(2);
    assert!(stderr.contains("no binary is what ") && stderr.contains(" is without its symbols: code or"), "{stderr}");
}

/// A service `api` that was built with options, and a docker whose copy of it is this program.
fn built(copy: impl Fn(&Utf8Path, &Utf8Path) -> Utf8PathBuf) -> (Repository, Docker) {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    let (stripped, with_symbols) = program_and_copy(&repository);
    docker.builds_program(stripped.as_std_path());
    docker.file("copy", fs::read(copy(&stripped, &with_symbols)).expect("reads"));
    let copies = "for folder in $folders; do mkdir -p \"$folder\" && cp \"$FAKE_DOCKER/copy\" \"$folder/api\"; done";
    docker.answer("buildx bake", &format!("bake_succeeds\n{copies}"));
    repository.xtask(&["images", "--network", "host", "--no-cache", "--cache-scope", "pr"]).succeeds();
    (repository, docker)
}

#[test]
fn a_copy_is_built_as_the_image_was_when_somebody_asks() {
    let (repository, _docker) = built(|_, with_symbols| with_symbols.to_owned());
    let without = repository.xtask(&["sizes", "explain", "api", "--json"]).succeeds().json();
    let whole = &without["explanations"][0]["whole"];
    let remark = without["explanations"][0]["remarks"][0]["text"].as_str().expect("there is a remark");
    let command = "`cargo xtask sizes explain api --symbols` builds a copy with its symbols";
    assert_eq!(remark, format!("/worker is stripped, and does not name its crates: {command}"));
    assert_eq!(repository.bakes().len(), 1, "nobody asked for a copy");

    // A word behind the option is no file of it.
    for words in [["api", "--symbols"], ["--symbols", "api"]] {
        let ended = repository.xtask(&[&["sizes", "explain"], &words[..]].concat()).succeeds();
        assert!(ended.stdout.contains("crate std") && !ended.stdout.contains("remark"), "{ended}");
        assert!(!ended.stderr.contains("warning"), "{ended}");
    }
    let document = repository.xtask(&["sizes", "explain", "api", "--symbols", "--json"]).succeeds().json();
    check_sums(&document["explanations"][0]["whole"]);
    assert_eq!(document["explanations"][0]["whole"]["bytes"], whole["bytes"]);

    let bakes = repository.bakes();
    let bake = bakes.last().expect("there is a bake");
    let folder = repository.root.join("target/images/symbols");
    for words in [
        format!("--set api.output=type=local,dest={folder}/api --set api.target=symbols --allow fs.write={folder} api"),
        "--allow network.host --set *.args.CACHE_SCOPE=pr".to_owned(),
    ] {
        assert!(bake.contains(&words), "{words} is not in {bake}");
    }
    assert!(!bake.contains("--no-cache"), "{bake}");
    // What was measured is as it was.
    assert_eq!(repository.xtask(&["sizes", "explain", "api", "--json"]).succeeds().json(), without);
}

#[test]
fn the_changes_of_crates_are_told_by_a_copy_that_is_built() {
    let (repository, _docker) = built(|_, with_symbols| with_symbols.to_owned());
    let old = repository.base.join("stripped");
    let diff = |words: &[&str]| repository.xtask(&[&["sizes", "diff", old.as_str(), "api"], words].concat()).succeeds();
    assert!(!diff(&[]).stdout.contains("crate std"));
    let ended = diff(&["--symbols"]);
    assert!(ended.stdout.contains("api") && repository.bakes().len() == 2, "{ended}");
    let document = diff(&["--symbols", "--json"]).json();
    assert!(document["difference"].is_i64(), "{document}");
}

#[test]
fn a_copy_of_other_code_is_said_and_not_used() {
    let (repository, _docker) = built(|stripped, _| {
        let other = stripped.with_file_name("other");
        let source = stripped.with_file_name("program.rs");
        let words = ["--edition=2024", "-Copt-level=2", "-Cstrip=debuginfo", "-o", other.as_str(), source.as_str()];
        assert!(Command::new("rustc").args(words).status().expect("rustc starts").success());
        other
    });
    let without = repository.xtask(&["sizes", "explain", "api", "--all"]).succeeds().stdout;
    let ended = repository.xtask(&["sizes", "explain", "api", "--symbols", "--all"]).succeeds();
    let warning = "warning: the copy with symbols is not the code of /worker in api linux/amd64";
    assert!(ended.stderr.contains(warning) && ended.stderr.contains("hint: `cargo xtask image api` builds"), "{ended}");
    // The remark would lead to the same again.
    let (parts, _) = without.split_once("\nremark: ").expect("has a remark");
    assert_eq!(ended.stdout, parts);
}

#[test]
fn a_copy_that_cannot_be_built_is_an_error() {
    let (repository, docker) = built(|_, with_symbols| with_symbols.to_owned());
    let ask = |words: &[&str], code| repository.xtask(&[&["sizes"], words, &["--symbols"]].concat()).fails(code);
    let stderr = ask(&["explain", "api/Cargo.toml"], 2);
    assert!(stderr.contains("--symbols builds the copy of a service, and api/Cargo.toml is none\nhint: "), "{stderr}");
    assert!(ask(&["explain", "ap"], 2).contains("did you mean `api`?"));
    repository.go_service("go", "worker");
    assert!(ask(&["explain", "worker"], 2).contains("run `cargo xtask image worker` first"));
    docker.file("image.tar", saved_image(&[], &[("worker", 20_000)]));
    repository.xtask(&["image", "worker"]).succeeds();
    assert!(ask(&["explain", "worker"], 2).contains("--symbols is for Rust: no Rust service is among worker"));

    let fails = docker.recording("failure.jsonl");
    docker.answer("buildx bake", &format!("{fails}; exit 1"));
    let stderr = ask(&["explain", "api"], 3);
    assert!(stderr.contains("error: cannot build api with its symbols: "), "{stderr}");
    // As an older release of this tool leaves it.
    let state = repository.read("target/images/measured.json");
    let mut state: serde_json::Value = serde_json::from_str(&state).expect("is JSON");
    state.as_object_mut().expect("is an object").remove("recipes");
    repository.write("target/images/measured.json", state.to_string());
    let stderr = ask(&["explain", "api"], 2);
    assert!(
        stderr.contains("it is not known how the image of api was built\nhint: run `cargo xtask image"),
        "{stderr}"
    );
}

#[test]
fn this_machines_cargo_builds_the_copy_and_the_next_image_has_none_of_it() {
    let repository = Repository::with_services(&["api"]);
    let compilers = Compilers::working(&repository);
    let (stripped, with_symbols) = program_and_copy(&repository);
    compilers.compile_to(stripped.as_std_path());
    compilers.with_symbols(with_symbols.as_std_path());
    let image = || {
        let json = repository.xtask(&["images", "--engine", "native", "--json"]).succeeds().json();
        json["images"][0]["digest"].clone()
    };
    let before = image();
    let ended = repository.xtask(&["sizes", "explain", "api", "--symbols"]).succeeds();
    assert!(ended.stdout.contains("crate std") && !ended.stderr.contains("warning"), "{ended}");
    assert!(
        ended.stderr.contains("api for linux/") && ended.stderr.contains("cargo compiles, with symbols"),
        "{ended}"
    );
    let builds = compilers.builds();
    let (first, copy) = (&builds[builds.len() - 3], &builds[builds.len() - 1]);
    assert_eq!(first, copy, "the same command");
    assert_eq!(image(), before);
    let builds = compilers.builds();
    assert!(builds[builds.len() - 2].starts_with("cargo clean "), "{builds:?}");
}

#[test]
fn runs_in_one_checkout_do_not_compile_at_the_same_time() {
    let repository = Repository::with_services(&["api"]);
    let compilers = Compilers::working(&repository);
    let (stripped, with_symbols) = program_and_copy(&repository);
    compilers.compile_to(stripped.as_std_path());
    compilers.with_symbols(with_symbols.as_std_path());
    let build = ["images", "--engine", "native"];
    repository.xtask(&build).succeeds();
    for words in [build.as_slice(), &["sizes", "explain", "api", "--symbols"]] {
        // As another run does.
        let lock = fs::File::create(repository.root.join("target/images/lock")).expect("creates");
        flock(&lock, FlockOperation::LockExclusive).expect("locks");
        let before = compilers.builds();
        let mut command = repository.xtask(words).into_command();
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        let said = BufReader::new(run.stderr.take().expect("is piped"));
        let mut lines = said.lines().map(|line| line.expect("is a line"));
        assert!(lines.any(|line| line == "waiting for another run in this checkout"), "{words:?}");
        assert_eq!(compilers.builds(), before);
        drop(lock);
        let rest: Vec<_> = lines.collect();
        assert!(run.wait().expect("ends").success(), "{rest:?}");
        assert!(compilers.builds().len() > before.len(), "{rest:?}");
    }
}

#[test]
fn a_crate_that_grew_says_what_depends_on_it() {
    let repository = Repository::with_services(&["api"]);
    let rustc = |words: &[&str], source: &str| {
        let file = repository.base.join("source.rs");
        fs::write(&file, source).expect("writes");
        let mut rustc = Command::new("rustc");
        rustc.current_dir(&repository.base).args(["--edition=2024", "-Cstrip=debuginfo"]).args(words).arg(file);
        let output = rustc.output().expect("rustc starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let print = "#[inline(never)]\npub fn print(text: &str) {\n    println!(\"{text}\");\n}\n";
    rustc(&["--crate-name=big_one", "--crate-type=rlib"], print);
    let program = ["--crate-name=api", "-Ctarget-feature=+crt-static", "-o"];
    rustc(&[&program[..], &["before"]].concat(), "fn main() {\n    println!(\"a\");\n}\n");
    let linked = ["after", "--extern", "big_one=libbig_one.rlib"];
    rustc(&[&program[..], &linked].concat(), "fn main() {\n    big_one::print(\"a\");\n}\n");
    let lock = [("api", "\"between\""), ("between", "\"big-one\""), ("big-one", "")].map(|(name, depends)| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [{depends}]\n")
    });
    repository.write("api/Cargo.lock", lock.concat());
    repository.rust_service("api", "api", "\n[dependencies]\nbetween = \"0.1\"\n");
    Docker::working(&repository).builds_program(repository.base.join("after").as_std_path());
    repository.xtask(&["images"]).succeeds();
    let before = repository.base.join("before");
    let ended = repository.xtask(&["sizes", "diff", before.as_str(), "api"]).succeeds();
    let ways = "as the sources are now\n  big_one: api depends on between depends on big-one\n";
    assert!(ended.stdout.ends_with(ways), "{ended}");
    assert!(ended.stdout.starts_with("base ") && ended.stdout.contains("(symbols), own "), "{ended}");
}

#[test]
fn what_is_remarked_of_binaries_is_of_the_images_own() {
    let repository = Repository::with_services(&[]);
    let (stripped, whole) = program_and_copy(&repository);
    let [stripped, whole] = [stripped, whole].map(|program| fs::read(program).expect("reads"));
    let remarks = |base: &[u8], own: &[u8]| {
        repository.write("image.tar", labelled_programs(("base", base), ("worker", own)));
        let document = repository.xtask(&["sizes", "explain", "image.tar", "--json"]).succeeds().json();
        let remarks = document["explanations"][0]["remarks"].as_array().expect("is a list").clone();
        remarks.iter().map(|remark| remark["text"].as_str().expect("is a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(remarks(&whole, &whole), ["/worker holds symbols: set `strip = true` in the release profile"]);
    let nameless = "/worker is stripped, and does not name its crates: `--symbols=FILE` takes a copy with its symbols";
    assert_eq!(remarks(&stripped, &stripped), [nameless]);
}
