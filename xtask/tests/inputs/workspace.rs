//! Small workspaces whose inputs are known, each put to Cargo as well.

use std::collections::BTreeSet;
use std::fs;
use std::time::UNIX_EPOCH;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cargo;
use crate::support::Repository;

/// A repository with the files of a text: each begins after a line `-- its/path --`.
pub fn unpack(text: &str) -> Repository {
    let repository = Repository::new();
    unpack_into(&repository, text);
    repository
}

/// The same in a repository that is there.
pub fn unpack_into(repository: &Repository, text: &str) {
    let mut file: Option<(String, String)> = None;
    let write = |file: Option<(String, String)>| {
        if let Some((path, contents)) = file {
            repository.write(&path, contents);
        }
    };
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
            write(file.replace((path.to_owned(), String::new())));
        } else if let Some((_, contents)) = &mut file {
            contents.push_str(line);
            contents.push('\n');
        }
    }
    write(file);
}

/// The files and the stubs that `inputs` lists.
pub fn inputs(repository: &Repository, service: &str) -> (BTreeSet<Utf8PathBuf>, Vec<Utf8PathBuf>) {
    let answer = repository.xtask(&["inputs", service, "--json"]).succeeds().json();
    let paths = |key: &str| -> Vec<Utf8PathBuf> {
        let paths = answer[key].as_array().unwrap_or_else(|| panic!("no {key} in {answer}"));
        paths.iter().map(|path| path.as_str().expect("is a path").into()).collect()
    };
    assert_eq!(answer["name"], service);
    let files = paths("files");
    assert!(files.is_sorted_by_key(|file| file.as_str().to_owned()), "{files:?}");
    (files.into_iter().collect(), paths("stubs"))
}

/// Holds that the service in `workspace` has exactly these inputs, and that Cargo agrees: it reads nothing else of the
/// repository, reads every source among them, and needs nothing else.
#[track_caller]
pub fn has_inputs(
    repository: &Repository,
    service: &str,
    workspace: &str,
    cargo_arguments: &[&str],
    expected: &[&str],
) {
    let (files, stubs) = inputs(repository, service);
    let mut found: Vec<_> = files.iter().map(|file| file.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, expected);

    let target = repository.base.join("target");
    let checked = cargo::check(&repository.root.join(workspace), &target, cargo_arguments);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let read = cargo::files_read(&repository.root, &repository.root.join(workspace), &target, UNIX_EPOCH);
    let missing: Vec<_> = read.difference(&files).collect();
    assert!(missing.is_empty(), "rustc read {missing:?}");
    let is_source = |file: &&Utf8PathBuf| file.extension() == Some("rs") && !repository.root.join(file).is_symlink();
    let sources: BTreeSet<_> = files.iter().filter(is_source).cloned().collect();
    let needless: Vec<_> = sources.difference(&read).collect();
    assert!(needless.is_empty(), "rustc did not read {needless:?}");

    is_in_context(repository, service, &files);

    // The same place is compiled again, so that only what is missing can make a difference.
    let copy = repository.base.join("copy");
    cargo::copy(&repository.root, &copy, files.iter().map(Utf8PathBuf::as_path));
    put_stubs(&copy, &stubs);
    let checked = cargo::check(&copy.join(workspace), &target, cargo_arguments);
    assert!(checked.status.success(), "from the inputs alone: {}", String::from_utf8_lossy(&checked.stderr));
}

/// Holds that the builder sees all inputs, but for the toolchain file, which rustup in there is not to follow, and the
/// manifests of packages that are not built: their part in the choice of features is in the generated files.
#[track_caller]
fn is_in_context(repository: &Repository, service: &str, files: &BTreeSet<Utf8PathBuf>) {
    let plan = repository.xtask(&["plan"]).succeeds().json();
    let image = plan.as_array().expect("is a list").iter().find(|image| image["name"] == service).expect("is planned");
    let rules = image["context"].as_array().expect("is a list");
    let is_shown = |file: &Utf8Path| {
        let last = rules.iter().rfind(|rule| {
            let pattern = rule["include"].as_str().or(rule["exclude"].as_str()).expect("is a pattern");
            file.ancestors().any(|path| fast_glob::glob_match(pattern, path.as_str()))
        });
        last.is_some_and(|rule| rule["include"].is_string())
    };
    let hidden: Vec<_> = files.iter().filter(|file| !is_shown(file)).collect();
    let read = |file: &Utf8Path| {
        let manifests = image["build"]["rust"]["manifests"].as_array().into_iter().flatten();
        let dirs = manifests.map(|manifest| manifest["dir"].as_str().expect("is a path"));
        dirs.map(|dir| Utf8Path::new(dir).join("Cargo.toml")).any(|manifest| manifest == file)
    };
    let is_needed = |file: &Utf8Path| match file.file_name() {
        Some("Cargo.toml") => read(file),
        name => !name.is_some_and(|name| name.starts_with("rust-toolchain")),
    };
    let hidden: Vec<_> = hidden.into_iter().filter(|file| is_needed(file)).collect();
    assert!(hidden.is_empty(), "the builder does not see {hidden:?} by {rules:?}");
}

/// Writes sources that only have to exist.
pub fn put_stubs(root: &Utf8Path, stubs: &[Utf8PathBuf]) {
    for stub in stubs {
        let path = root.join(stub);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, "fn main() {}\n").expect("writes");
    }
}

/// What `inputs --explain` says of a file.
#[track_caller]
pub fn explained(repository: &Repository, service: &str, file: &str) -> String {
    repository.xtask(&["inputs", service, "--explain", file]).succeeds().stdout
}
