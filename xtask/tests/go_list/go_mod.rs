//! `go.mod` and `go.work` as Go parses them: `go mod edit -json`, `go work edit -json`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use xtask::discover::go::{ModuleFile, Replacement, Requirement, Target, WorkFile};

use super::archive::Archive;
use super::go;

/// A file of a kind, as Go's command for it reads it; `None` where Go refuses it.
fn parsed_by_go(kind: &str, text: &str) -> Option<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(format!("go.{kind}"));
    fs::write(&file, text).expect("writes");
    let mut command = Command::new("go");
    command
        .args([kind, "edit", "-json"])
        .arg(&file)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "")
        .env("GOWORK", "off");
    let output = command.current_dir(folder.path()).output().expect("starts go; these tests compare with it");
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("go prints JSON"))
}

fn module_file_as_json(file: &ModuleFile) -> Value {
    let requirement = |module: &Requirement| {
        let mut value = json!({"Path": module.path, "Version": module.version});
        if module.is_indirect {
            value["Indirect"] = json!(true);
        }
        value
    };
    let excluded = |module: &Requirement| json!({"Path": module.path, "Version": module.version});
    let path = |path: &String| json!({"Path": path});
    json!({
        "Module": file.module.as_deref().unwrap_or_default(),
        "Go": file.go,
        "Toolchain": file.toolchain,
        "Require": file.requires.iter().map(requirement).collect::<Vec<_>>(),
        "Exclude": file.excludes.iter().map(excluded).collect::<Vec<_>>(),
        "Replace": replacements_as_json(&file.replaces),
        "Tool": file.tools.iter().map(path).collect::<Vec<_>>(),
        "Ignore": file.ignores.iter().map(path).collect::<Vec<_>>(),
    })
}

fn work_file_as_json(file: &WorkFile) -> Value {
    json!({
        "Go": file.go,
        "Use": file.uses.iter().map(|(_, folder)| json!({"DiskPath": folder})).collect::<Vec<_>>(),
        "Replace": replacements_as_json(&file.replaces),
    })
}

fn replacements_as_json(lines: &[Replacement]) -> Value {
    let module = |path: &str, version: Option<&str>| match version {
        Some(version) => json!({"Path": path, "Version": version}),
        None => json!({"Path": path}),
    };
    let line = |line: &Replacement| {
        let new = match &line.target {
            Target::Folder(folder) => module(folder, None),
            Target::Module { path, version } => module(path, Some(version)),
        };
        json!({"Old": module(&line.path, line.version.as_deref()), "New": new})
    };
    lines.iter().map(line).collect()
}

/// What Go says, with the same keys.
fn normalised(kind: &str, said: &Value) -> Value {
    let list = |key: &str| if said[key].is_array() { said[key].clone() } else { json!([]) };
    if kind == "work" {
        // It prints no toolchain line.
        json!({"Go": said["Go"], "Use": list("Use"), "Replace": list("Replace")})
    } else {
        json!({
            "Module": said["Module"]["Path"],
            "Go": said["Go"],
            "Toolchain": said["Toolchain"],
            "Require": list("Require"),
            "Exclude": list("Exclude"),
            "Replace": list("Replace"),
            "Tool": list("Tool"),
            "Ignore": list("Ignore"),
        })
    }
}

/// How a text is read otherwise than by Go; `None` where both agree.
fn difference(kind: &str, text: &str) -> Option<String> {
    let own = if kind == "work" {
        WorkFile::parse(text).map(|file| work_file_as_json(&file))
    } else {
        ModuleFile::parse(text).map(|file| module_file_as_json(&file))
    };
    let said = parsed_by_go(kind, text).map(|said| normalised(kind, &said));
    match (own, said) {
        (Err(_), None) => None,
        (Ok(own), Some(said)) if own == said => None,
        (own, said) => Some(format!("go.{kind}:\n{text}\n   Go: {said:?}\n  own: {own:?}")),
    }
}

fn assert_no_difference(texts: &[(&str, String)]) {
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((kind, text)) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let difference = difference(kind, text);
                    differences.lock().expect("no panic").extend(difference);
                }
            });
        }
    });
    let differences = differences.into_inner().expect("no panic");
    println!("{} of {} files are read as Go reads them", texts.len() - differences.len(), texts.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_module_files_of_gos_own_tests_are_read_as_go_reads_them() {
    let mut texts = BTreeSet::new();
    for folder in ["script", "mod"] {
        for entry in go::root().join("src/cmd/go/testdata").join(folder).read_dir_utf8().expect("go's tests") {
            let text = fs::read(entry.expect("lists").path()).expect("reads");
            for (name, text) in Archive::parse(&String::from_utf8_lossy(&text)).files {
                let name = name.rsplit('/').next().expect("has a name");
                if name == ".mod" || name.starts_with("go.mod") {
                    texts.insert(("mod", text));
                } else if name.starts_with("go.work") && !name.contains("sum") {
                    texts.insert(("work", text));
                }
            }
        }
    }
    let texts: Vec<_> = texts.into_iter().collect();
    assert!(texts.len() > 1000, "go's tests have moved");
    assert_no_difference(&texts);
}

#[test]
fn random_module_files_are_read_as_go_reads_them() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let mut sample = |kind: &'static str| {
        let text = lines(kind).new_tree(&mut runner).expect("a value").current();
        (kind, text)
    };
    let kinds = (0..200).map(|number| if number % 4 == 0 { "work" } else { "mod" });
    let texts: Vec<_> = kinds.map(&mut sample).collect();
    assert_no_difference(&texts);
}

/// Lines that are right for the most part.
fn lines(kind: &'static str) -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "example.com/a",
        "example.com/a/v2",
        "gopkg.in/a.v1",
        "gopkg.in/a.v2-unstable",
        "a",
        "a/v1",
        "a/v02",
        "\"a b\"",
        "`a`",
        "a'b",
        "(",
        "a//b",
        "a/*b*/",
        "gopkg.in/a",
        "example.com/v2",
        "/v2",
        "a.v2",
        "\"\\x41\"",
        "é",
        "[",
        "a,b",
    ]);
    // Without `v1.2` and the like: this command completes them, a build asks a proxy what they mean.
    let version = prop::sample::select(vec![
        "v1.2.3",
        "v0.0.0",
        "v2.0.0",
        "v2.0.0+incompatible",
        "master",
        "v1.0.0-pre.1",
        "v0.0.0-20200101000000-abcdefabcdef",
        "\"v1.0.0\"",
        "v1.02.3",
        "",
    ]);
    let folder =
        prop::sample::select(vec!["./a", "../a", ".", "..", "/a", "C:\\a", "a", "./a b", "\"./a b\"", ".\\a", ""]);
    let comment =
        prop::sample::select(vec!["", " // indirect", " // indirect; x", " // x", " //indirect", "\r", " /* x */"]);
    let statement = (path.clone(), version.clone(), path, version, folder, comment, 0..14u8).prop_map(
        move |(path, version, other, other_version, folder, comment, form)| {
            let line = match (kind, form) {
                ("work", 0..=4) => format!("use {folder}"),
                ("work", 5) => format!("use (\n\t{folder}\n\n\t{path}{comment}\n)"),
                (_, 0) => format!("require {path} {version}"),
                (_, 1) => format!("require (\n\t{path} {version}{comment}\n\t// alone\n\t{other} {other_version}\n)"),
                (_, 2) => format!("exclude {path} {version}"),
                (_, 3) => format!("tool {path}"),
                (_, 4) => format!("ignore {folder}"),
                (_, 5) => format!("retract {version}"),
                (_, 6) => format!("retract [{version}, {other_version}]"),
                (_, 7) => format!("replace {path} => {folder}"),
                (_, 8) => format!("replace {path} {version} => {folder}"),
                (_, 9) => format!("replace {path} => {other} {other_version}"),
                (_, 10) => format!("replace (\n\t{path} {version} => {other} {other_version}\n)"),
                (_, 11) => "godebug default=go1.21".to_owned(),
                (_, 12) => format!("{path} ({other})"),
                _ => format!("require ({path})"),
            };
            line + comment
        },
    );
    let go = prop::sample::select(vec![
        "go 1.26.0",
        "go 1.21rc1",
        "go 1.9",
        "go 1",
        "go 1.26 ",
        "",
        "go 1.26.0\ntoolchain go1.26.3",
    ]);
    let module = if kind == "work" { "" } else { "module example.com/main\n" };
    (go, prop::collection::vec(statement, 0..3))
        .prop_map(move |(go, statements)| format!("{module}{go}\n{}\n", statements.join("\n")))
}
