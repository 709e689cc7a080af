//! Every `go.mod` of Go's script suite, as `go mod edit -json` reads it.

use std::collections::BTreeSet;
use std::fs;

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use xtask::discover::go::{ModuleFile, Requirement, Target};

use super::archive::Archive;
use super::go::{self, Go};

/// The texts, each once.
fn module_files() -> BTreeSet<String> {
    let folder = go::root().join("src/cmd/go/testdata/script");
    let scripts = folder.read_dir_utf8().expect("go's scripts").map(|entry| entry.expect("lists").into_path());
    let texts = scripts.filter(|path| path.extension() == Some("txt")).map(|path| fs::read(path).expect("a script"));
    let files = texts.flat_map(|text| Archive::parse(&String::from_utf8_lossy(&text)).files);
    files.filter(|(name, _)| name.rsplit('/').next() == Some("go.mod")).map(|(_, text)| text).collect()
}

/// What is read, in the form of `go mod edit -json`.
fn described(file: &ModuleFile) -> Value {
    let module = |path: &str, version: Option<&str>| match version {
        Some(version) => json!({"Path": path, "Version": version}),
        None => json!({"Path": path}),
    };
    let requires = file.requires.iter().map(|require: &Requirement| {
        let mut value = module(&require.path, Some(&require.version));
        if require.is_indirect {
            value["Indirect"] = json!(true);
        }
        value
    });
    let replaces = file.replaces.iter().map(|replace| {
        let new = match &replace.target {
            Target::Folder(path) => module(path, None),
            Target::Module { path, version } => module(path, Some(version)),
        };
        json!({"Old": module(&replace.path, replace.version.as_deref()), "New": new})
    });
    json!({
        "Module": file.module.as_deref().unwrap_or_default(), "Go": file.go, "Toolchain": file.toolchain,
        "Require": requires.collect::<Vec<_>>(),
        "Exclude": file.excludes.iter().map(|exclude| module(&exclude.path, Some(&exclude.version))).collect::<Vec<_>>(),
        "Replace": replaces.collect::<Vec<_>>(),
        "Ignore": file.ignores, "Tool": file.tools,
    })
}

/// The same part of what Go prints.
fn of_go(printed: &Value) -> Value {
    let list = |name: &str| printed[name].as_array().cloned().unwrap_or_default();
    let paths = |name: &str| list(name).iter().map(|value| value["Path"].clone()).collect::<Vec<_>>();
    json!({
        "Module": printed["Module"]["Path"], "Go": printed["Go"], "Toolchain": printed["Toolchain"],
        "Require": list("Require"), "Exclude": list("Exclude"), "Replace": list("Replace"),
        "Ignore": paths("Ignore"), "Tool": paths("Tool"),
    })
}

#[test]
fn module_files_say_what_go_reads_in_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let base = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a path in UTF-8");
    let go = Go::new(&base, "off");
    let (mut compared, mut refused) = (0, 0);
    for text in module_files() {
        let path = base.join("go.mod");
        fs::write(&path, &text).expect("writes");
        let output = go.run(&base, &["mod", "edit", "-json", path.as_str()]);
        match (ModuleFile::parse(&text), output.status.success()) {
            (Ok(file), true) => {
                let printed = serde_json::from_slice(&output.stdout).expect("go prints JSON");
                assert_eq!(described(&file), of_go(&printed), "{text}");
                compared += 1;
            }
            (Err(_), false) => refused += 1,
            (Ok(_), false) => panic!("Go refuses it: {}\n{text}", String::from_utf8_lossy(&output.stderr)),
            // `edit` takes any word for a version, so that a tool can mend it; what loads the module does not.
            (Err(fault), true) => {
                let loaded = go.run(&base, &["list", "-m"]);
                assert!(!loaded.status.success(), "Go reads it; refused: {fault:?}\n{text}");
                refused += 1;
            }
        }
    }
    println!("{compared} module files say the same, {refused} are refused by both");
    assert!(compared > 300, "only {compared} module files were compared");
}
